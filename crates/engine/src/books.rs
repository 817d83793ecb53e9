//! All books of the venue: price-time priority and nothing else. No money, no users' rules.

use domain::ids::{OrderId, SymbolId, UserId};
use domain::order::Side;
use domain::units::{Lots, Ticks};
use prefetch::prefetch;

use crate::apply::{id_of, index_of};
use crate::id_table::IdTable;
use crate::ladder::{Ladder, Pages, Records};
use crate::names::NameHash;
use crate::slab::Slot;

/// An order, and what the user of the books keeps with it: side by side, since memory that is far apart is slow twice, once to
/// find and once to fetch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<T> {
    pub(crate) hot: Hot,
    pub(crate) kept: T,
}

/// What every command about an order needs, in one cache line.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Hot {
    pub(crate) order: OrderId,
    pub(crate) user: UserId,
    pub(crate) symbol: SymbolId,
    /// Neighbours among its owner's open orders; kept by `accounts`.
    pub(crate) of_user: Link,
    /// Its place in a book; absent before and after.
    pub(crate) rests: Option<Rests>,
    /// Hash of its owner and client order id; kept by `orders`.
    pub(crate) name: NameHash,
    pub(crate) side: Side,
}

/// Neighbours in a list.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Link {
    pub(crate) previous: Option<Slot>,
    pub(crate) next: Option<Slot>,
}

/// An order's place in a queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rests {
    pub(crate) price: Ticks,
    /// What is left to trade.
    pub(crate) remaining: Lots,
    /// The page its level lies in.
    pub(crate) page: Slot,
    pub(crate) previous: Option<Slot>,
    pub(crate) next: Option<Slot>,
}

const _: () = assert!(size_of::<Hot>() == 64, "an order is one cache line");

/// Both sides of one symbol.
#[derive(Debug)]
struct Book {
    /// Bids, asks.
    sides: [Ladder; 2],
}

impl Book {
    fn side(&self, side: Side) -> &Ladder {
        &self.sides[usize::from(side == Side::Sell)]
    }

    fn side_mut(&mut self, side: Side) -> &mut Ladder {
        &mut self.sides[usize::from(side == Side::Sell)]
    }
}

/// The books of all symbols. An order has a slot from [`insert`](Books::insert) to [`free`](Books::free), and stands in its
/// queue from [`queue`](Books::queue) to [`remove`](Books::remove). `T` is what the user keeps with each order.
///
/// Slots are the caller's to keep right: one that was freed names nothing, or another order. A symbol that was not opened is a bug.
#[derive(Debug)]
pub struct Books<T> {
    pub(crate) records: Records<T>,
    pages: Pages,
    ids: IdTable,
    symbols: Vec<Book>,
    open: usize,
}

impl<T> Default for Books<T> {
    fn default() -> Self {
        let (records, pages, ids) = (Records::default(), Pages::default(), IdTable::default());
        Self { records, pages, ids, symbols: Vec::new(), open: 0 }
    }
}

impl<T> Books<T> {
    /// Opens the book of the next symbol, from 0.
    pub fn open_symbol(&mut self) -> SymbolId {
        self.symbols.push(Book { sides: [Ladder::new(Side::Buy), Ladder::new(Side::Sell)] });
        SymbolId(id_of(self.symbols.len().saturating_sub(1)))
    }

    /// Orders in the books.
    pub fn len(&self) -> usize {
        self.open
    }

    /// Whether no order is in any book.
    pub fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// Gives an order a slot; it is in no queue yet.
    pub fn insert(&mut self, order: OrderId, user: UserId, symbol: SymbolId, side: Side, kept: T) -> Slot {
        let (of_user, rests, name) = (Link::default(), None, NameHash::default());
        let hot = Hot { order, user, symbol, of_user, rests, name, side };
        self.records.insert(Record { hot, kept })
    }

    /// Puts an order behind all others at its price.
    pub fn queue(&mut self, slot: Slot, price: Ticks, quantity: Lots) {
        let Hot { order, symbol, side, .. } = self.records[slot].hot;
        self.ids.insert(order, slot);
        let ladder = self.symbols[index_of(symbol.0)].side_mut(side);
        ladder.push(slot, price, quantity, &mut self.pages, &mut self.records);
        self.open = self.open.saturating_add(1);
    }

    /// Takes an order out of its queue, wherever it stands; its slot stays.
    pub fn remove(&mut self, slot: Slot) {
        let Hot { order, symbol, side, .. } = self.records[slot].hot;
        self.ids.remove(order);
        self.symbols[index_of(symbol.0)].side_mut(side).remove(slot, &mut self.pages, &mut self.records);
        self.open = self.open.saturating_sub(1);
    }

    /// Gives the slot of an order free that is in no queue.
    pub fn free(&mut self, slot: Slot) {
        debug_assert!(self.records[slot].hot.rests.is_none(), "an order leaves its queue first");
        self.records.free(slot);
    }

    /// Takes lots from an order in a queue; what is left keeps its place. Answers how many are left.
    pub fn reduce(&mut self, slot: Slot, by: Lots) -> Lots {
        let rests = self.records[slot].hot.rests.as_mut().expect("only an order in a queue is reduced");
        rests.remaining = rests.remaining.checked_sub(by).expect("an order is never filled beyond its quantity");
        rests.remaining
    }

    /// The order in a queue that has this id.
    pub fn find(&self, order: OrderId) -> Option<Slot> {
        self.ids.get(order)
    }

    /// The id of an order that has this slot.
    pub fn order(&self, slot: Slot) -> OrderId {
        self.records[slot].hot.order
    }

    /// What is left of an order in a queue.
    pub fn remaining(&self, slot: Slot) -> Lots {
        self.rests(slot).remaining
    }

    /// Best price of a side, if it has any order.
    pub fn best(&self, symbol: SymbolId, side: Side) -> Option<Ticks> {
        self.symbols[index_of(symbol.0)].side(side).best()
    }

    /// Oldest order at the best price of a side.
    pub fn front(&self, symbol: SymbolId, side: Side) -> Option<Slot> {
        self.symbols[index_of(symbol.0)].side(side).front(&self.pages)
    }

    /// All orders of a side in priority, with their prices.
    pub(crate) fn in_priority(&self, symbol: SymbolId, side: Side) -> impl Iterator<Item = (Ticks, Slot)> + '_ {
        self.symbols[index_of(symbol.0)].side(side).iter(&self.pages, &self.records)
    }

    pub(crate) fn rests(&self, slot: Slot) -> &Rests {
        self.records[slot].hot.rests.as_ref().expect("asked only of an order in a queue")
    }
}

/// Fetching ahead: each brings near what the command that follows will need, and finds it in what the one before it brought.
/// For an order to be canceled: id, order, neighbours; for one to be placed: level, then last.
impl<T> Books<T> {
    /// Fetches where the slot of an id is noted.
    pub fn prefetch_id(&self, order: OrderId) {
        self.ids.prefetch(order);
    }

    /// Fetches an order, without what is kept with it.
    pub fn prefetch_order(&self, slot: Slot) {
        prefetch(&self.records[slot].hot);
    }

    /// Fetches what is kept with an order.
    pub fn prefetch_kept(&self, slot: Slot) {
        prefetch(&self.records[slot].kept);
    }

    /// Fetches what changes when an order leaves its queue.
    pub fn prefetch_neighbours(&self, slot: Slot) {
        let record = &self.records[slot].hot;
        let Some(rests) = record.rests else { return };
        for neighbour in [rests.previous, rests.next] {
            match neighbour {
                Some(neighbour) => self.prefetch_order(neighbour),
                None => self.prefetch_in_page(rests.page, record.side, rests.price),
            }
        }
    }

    /// Fetches the level that an order is to stand in.
    pub fn prefetch_level(&self, symbol: SymbolId, side: Side, price: Ticks) {
        let Some(book) = self.symbols.get(index_of(symbol.0)) else { return };
        if let Some(page) = book.side(side).recent(price) {
            self.prefetch_in_page(page, side, price);
        }
    }

    /// Fetches the order that an order is to stand behind.
    pub fn prefetch_last(&self, symbol: SymbolId, side: Side, price: Ticks) {
        let Some(book) = self.symbols.get(index_of(symbol.0)) else { return };
        let page = book.side(side).page_of(price, &self.pages);
        if let Some(last) = page.and_then(|page| self.pages[page].level(side, price).last) {
            self.prefetch_order(last);
        }
    }

    fn prefetch_in_page(&self, page: Slot, side: Side, price: Ticks) {
        let page = &self.pages[page];
        prefetch(page.used());
        prefetch(page.level(side, price));
    }
}
