//! One side of a book: price levels in order of priority, each a queue of orders.
//!
//! Levels lie in pages of 64 neighbouring prices with a bit for each level in use, and the pages in an ordered map: near the touch
//! everything happens in one or two pages, and a crash over tens of thousands of prices costs a map of some hundred pages.

use std::collections::BTreeMap;

use domain::limits::TICKS_MAX;
use domain::order::Side;
use domain::units::{Lots, Ticks};

use crate::books::{Record, Rests};
use crate::slab::{Slab, Slot};

const PAGE_BITS: u32 = 6;
const PAGE_LEN: usize = 1 << PAGE_BITS;
/// Pages found without the map, if they are no further apart than this.
const RECENT_LEN: usize = 64;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Level {
    pub(crate) first: Option<Slot>,
    pub(crate) last: Option<Slot>,
}

/// Neighbouring levels.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Page {
    number: u64,
    /// Bit i: level i has orders.
    used: u64,
    levels: [Level; PAGE_LEN],
}

/// The pages of all ladders.
pub(crate) type Pages = Slab<Page>;
/// The orders of all ladders.
pub(crate) type Records<T> = Slab<Record<T>>;

/// A price as priority: the lower, the better, on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(u64);

impl Rank {
    /// Bids are the bits of the price turned around, so that neither side takes a branch.
    fn of(side: Side, price: Ticks) -> Self {
        Self(price.0 ^ turned(side))
    }

    fn price(self, side: Side) -> Ticks {
        Ticks(self.0 ^ turned(side))
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

fn turned(side: Side) -> u64 {
    u64::from(side == Side::Buy).wrapping_mul(TICKS_MAX)
}

const _: () = assert!((TICKS_MAX + 1).is_power_of_two(), "a price with its bits turned around is a price");

impl Page {
    pub(crate) fn level(&self, side: Side, price: Ticks) -> &Level {
        &self.levels[Rank::of(side, price).level()]
    }

    pub(crate) fn used(&self) -> &u64 {
        &self.used
    }
}

/// One side of a book.
#[derive(Debug)]
pub(crate) struct Ladder {
    side: Side,
    best: Option<Rank>,
    pages: BTreeMap<u64, Slot>,
    /// Some of the pages, each at the place that the end of its number says.
    recent: [Option<Slot>; RECENT_LEN],
}

impl Ladder {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, best: None, pages: BTreeMap::new(), recent: [None; RECENT_LEN] }
    }

    /// Best price, if there is any order.
    pub(crate) fn best(&self) -> Option<Ticks> {
        self.best.map(|rank| rank.price(self.side))
    }

    /// Oldest order at the best price.
    pub(crate) fn front(&self, pages: &Pages) -> Option<Slot> {
        let rank = self.best?;
        let page = self.find_page(rank.page(), pages).expect("the best level's page exists");
        pages[page].levels[rank.level()].first
    }

    /// The page of a price, if it has one.
    pub(crate) fn page_of(&self, price: Ticks, pages: &Pages) -> Option<Slot> {
        self.find_page(Rank::of(self.side, price).page(), pages)
    }

    /// The page that a price's page would be noted beside: nearly always its own.
    pub(crate) fn recent(&self, price: Ticks) -> Option<Slot> {
        self.recent[recent_place(Rank::of(self.side, price).page())]
    }

    /// Puts an order behind all others at its price.
    pub(crate) fn push<T>(
        &mut self,
        order: Slot,
        price: Ticks,
        remaining: Lots,
        pages: &mut Pages,
        records: &mut Records<T>,
    ) {
        let rank = Rank::of(self.side, price);
        let slot = self.page_or_new(rank.page(), pages);
        let page = &mut pages[slot];
        let level = &mut page.levels[rank.level()];
        records[order].hot.rests = Some(Rests { price, remaining, page: slot, previous: level.last, next: None });
        match level.last {
            Some(last) => rests(records, last).next = Some(order),
            None => level.first = Some(order),
        }
        level.last = Some(order);
        page.used |= 1 << rank.level();
        if self.best.is_none_or(|best| rank < best) {
            self.best = Some(rank);
        }
    }

    /// Takes an order out of its queue, wherever it stands.
    pub(crate) fn remove<T>(&mut self, order: Slot, pages: &mut Pages, records: &mut Records<T>) {
        let taken = records[order].hot.rests.take().expect("only an order in a queue is taken out of it");
        let rank = Rank::of(self.side, taken.price);
        if let Some(next) = taken.next {
            rests(records, next).previous = taken.previous;
        }
        if let Some(previous) = taken.previous {
            rests(records, previous).next = taken.next;
        }
        if taken.previous.is_some() && taken.next.is_some() {
            return;
        }
        let page = &mut pages[taken.page];
        let level = &mut page.levels[rank.level()];
        if taken.previous.is_none() {
            level.first = taken.next;
        }
        if taken.next.is_none() {
            level.last = taken.previous;
        }
        if level.first.is_none() {
            page.used &= !(1 << rank.level());
            self.level_emptied(rank, taken.page, pages);
        }
    }

    fn level_emptied(&mut self, rank: Rank, slot: Slot, pages: &mut Pages) {
        let used = pages[slot].used;
        if self.best == Some(rank) {
            self.best = if used == 0 {
                let next = self.pages.range(rank.page().saturating_add(1)..).next();
                next.map(|(number, slot)| Rank::at(*number, pages[*slot].used.trailing_zeros()))
            } else {
                // The best level was the lowest bit of the best page, so what is left lies behind it.
                Some(Rank::at(rank.page(), used.trailing_zeros()))
            };
        }
        if used == 0 {
            self.pages.remove(&rank.page());
            let recent = &mut self.recent[recent_place(rank.page())];
            if *recent == Some(slot) {
                *recent = None;
            }
            pages.free(slot);
        }
    }

    fn find_page(&self, number: u64, pages: &Pages) -> Option<Slot> {
        match self.recent[recent_place(number)] {
            Some(slot) if pages[slot].number == number => Some(slot),
            Some(_) | None => self.pages.get(&number).copied(),
        }
    }

    fn page_or_new(&mut self, number: u64, pages: &mut Pages) -> Slot {
        let slot = self.find_page(number, pages).unwrap_or_else(|| {
            let slot = pages.insert(Page { number, used: 0, levels: [Level::default(); PAGE_LEN] });
            self.pages.insert(number, slot);
            slot
        });
        self.recent[recent_place(number)] = Some(slot);
        slot
    }

    /// All orders in priority, with their prices.
    pub(crate) fn iter<'a, T>(
        &'a self,
        pages: &'a Pages,
        records: &'a Records<T>,
    ) -> impl Iterator<Item = (Ticks, Slot)> + 'a {
        self.pages.iter().flat_map(move |(number, slot)| {
            let levels = pages[*slot].levels.iter().zip(0_u32..);
            levels.filter_map(|(level, place)| Some((place, level.first?))).flat_map(move |(place, first)| {
                let price = Rank::at(*number, place).price(self.side);
                let next = |order: &Slot| records[*order].hot.rests.as_ref().and_then(|rests| rests.next);
                std::iter::successors(Some(first), next).map(move |order| (price, order))
            })
        })
    }
}

fn recent_place(page: u64) -> usize {
    usize::try_from(page & 63).expect("six bits")
}

fn rests<T>(records: &mut Records<T>, order: Slot) -> &mut Rests {
    records[order].hot.rests.as_mut().expect("a neighbour in a queue is in that queue")
}
