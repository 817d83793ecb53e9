//! One side of a book: price levels in order of priority, each a queue of orders.
//!
//! Levels lie in pages of 64 neighbouring prices with a bit for each level in use, and the pages in an ordered map: near the touch
//! everything happens in one or two pages, and a crash over tens of thousands of prices costs a map of some hundred pages.

use std::collections::BTreeMap;

use domain::limits::TICKS_MAX;
use domain::order::Side;
use domain::units::Ticks;

use crate::slab::{Slab, Slot};

const PAGE_BITS: u32 = 6;
const PAGE_LEN: usize = 1 << PAGE_BITS;

/// Neighbours of an order in its queue. Kept apart from the orders: walking and mending a queue stays in few cache lines.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Link {
    pub(crate) previous: Option<Slot>,
    pub(crate) next: Option<Slot>,
}

/// The queues' links, by order slot.
pub(crate) type Links = Vec<Link>;

#[derive(Debug, Clone, Copy, Default)]
struct Level {
    first: Option<Slot>,
    last: Option<Slot>,
}

#[derive(Debug)]
struct Page {
    /// Bit i: level i has orders.
    used: u64,
    levels: [Level; PAGE_LEN],
}

/// A price as priority: the lower, the better, on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(u64);

impl Rank {
    fn of(side: Side, price: Ticks) -> Self {
        match side {
            Side::Sell => Self(price.0),
            Side::Buy => Self(TICKS_MAX.saturating_sub(price.0)),
        }
    }

    fn price(self, side: Side) -> Ticks {
        match side {
            Side::Sell => Ticks(self.0),
            Side::Buy => Ticks(TICKS_MAX.saturating_sub(self.0)),
        }
    }

    fn page(self) -> u64 {
        self.0 >> PAGE_BITS
    }

    fn level(self) -> usize {
        usize::try_from(self.0 & 63).expect("six bits")
    }

    fn at(page: u64, level: u32) -> Self {
        Self((page << PAGE_BITS) | u64::from(level))
    }
}

/// One side of a book.
#[derive(Debug)]
pub(crate) struct Ladder {
    side: Side,
    pages: BTreeMap<u64, Slot>,
    slab: Slab<Page>,
    /// Page used last: most orders come close to the one before.
    recent: Option<(u64, Slot)>,
    best: Option<Rank>,
}

impl Ladder {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, pages: BTreeMap::new(), slab: Slab::default(), recent: None, best: None }
    }

    /// Best price, if there is any order.
    pub(crate) fn best(&self) -> Option<Ticks> {
        self.best.map(|rank| rank.price(self.side))
    }

    /// Oldest order at the best price.
    pub(crate) fn front(&mut self) -> Option<Slot> {
        let rank = self.best?;
        let page = self.page(rank.page()).expect("the best level's page exists");
        self.slab[page].levels[rank.level()].first
    }

    /// Puts an order behind all others at its price. `links` must have a place for it.
    pub(crate) fn push(&mut self, price: Ticks, order: Slot, links: &mut Links) {
        let rank = Rank::of(self.side, price);
        let page = self.page_or_new(rank.page());
        let page = &mut self.slab[page];
        let level = &mut page.levels[rank.level()];
        links[order.index()] = Link { previous: level.last, next: None };
        match level.last {
            Some(last) => links[last.index()].next = Some(order),
            None => level.first = Some(order),
        }
        level.last = Some(order);
        page.used |= 1 << rank.level();
        if self.best.is_none_or(|best| rank < best) {
            self.best = Some(rank);
        }
    }

    /// Takes an order out of its queue, wherever it stands.
    pub(crate) fn remove(&mut self, price: Ticks, order: Slot, links: &mut Links) {
        let rank = Rank::of(self.side, price);
        let slot = self.page(rank.page()).expect("a resting order's page exists");
        let page = &mut self.slab[slot];
        let level = &mut page.levels[rank.level()];
        let link = links[order.index()];
        match link.previous {
            Some(previous) => links[previous.index()].next = link.next,
            None => level.first = link.next,
        }
        match link.next {
            Some(next) => links[next.index()].previous = link.previous,
            None => level.last = link.previous,
        }
        if level.first.is_some() {
            return;
        }
        page.used &= !(1 << rank.level());
        let page_empty = page.used == 0;
        if self.best == Some(rank) {
            self.best = self.next_used(rank, slot);
        }
        if page_empty {
            self.pages.remove(&rank.page());
            self.slab.free(slot);
            self.recent = None;
        }
    }

    /// First level with orders after `rank`, whose page is `slot`.
    fn next_used(&self, rank: Rank, slot: Slot) -> Option<Rank> {
        let used = self.slab[slot].used;
        if used != 0 {
            // The best level is the lowest bit of the best page, so what is left lies behind it.
            return Some(Rank::at(rank.page(), used.trailing_zeros()));
        }
        let (page, slot) = self.pages.range(rank.page().saturating_add(1)..).next()?;
        Some(Rank::at(*page, self.slab[*slot].used.trailing_zeros()))
    }

    fn page(&mut self, number: u64) -> Option<Slot> {
        match self.recent {
            Some((recent, slot)) if recent == number => Some(slot),
            Some(_) | None => {
                let slot = *self.pages.get(&number)?;
                self.recent = Some((number, slot));
                Some(slot)
            }
        }
    }

    fn page_or_new(&mut self, number: u64) -> Slot {
        if let Some(slot) = self.page(number) {
            return slot;
        }
        let slot = self.slab.insert(Page { used: 0, levels: [Level::default(); PAGE_LEN] });
        self.pages.insert(number, slot);
        self.recent = Some((number, slot));
        slot
    }

    /// All orders in priority, with their prices.
    pub(crate) fn iter<'a>(&'a self, links: &'a Links) -> impl Iterator<Item = (Ticks, Slot)> + 'a {
        self.pages.iter().flat_map(move |(number, slot)| {
            let page = &self.slab[*slot];
            page.levels.iter().zip(0_u32..).filter_map(|(level, place)| Some((place, level.first?))).flat_map(
                move |(place, first)| {
                    let price = Rank::at(*number, place).price(self.side);
                    std::iter::successors(Some(first), move |order| links[order.index()].next)
                        .map(move |order| (price, order))
                },
            )
        })
    }
}
