//! Open orders, and those that closed a short while ago: so that a repeated request gets the first answer, an order that
//! leaves its book keeps its slot, and its name, until it is forgotten.

use std::collections::VecDeque;

use domain::command::OrderRef;
use domain::ids::{SessionId, SymbolId, UserId};
use domain::instrument::Fees;
use domain::limits::{CLOSED_ID_AGE_NS, CLOSED_IDS_MAX};
use domain::order::OrderKind;
use domain::state::ClosedIdState;
use domain::text::ClientOrderId;
use domain::units::{Amount, Lots, Seq, UnixNanos};

use crate::books::{Books, Hot};
use crate::names::{NameHash, Names};
use crate::slab::Slot;

/// How many of the next to be forgotten are fetched ahead: their order, then their name.
const ORDER_AHEAD: usize = 16;
const NAME_AHEAD: usize = 8;

/// The rest of an order, in two cache lines: what a cancel can do without. Of an order that closed, only what
/// [`ClosedIdState`] says counts.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Details {
    /// As first placed.
    pub(crate) kind: OrderKind,
    pub(crate) executed_quote: Amount,
    pub(crate) executed: Lots,
    pub(crate) fees: Fees,
    pub(crate) session: SessionId,
    pub(crate) placed: Seq,
    pub(crate) placed_time: UnixNanos,
    pub(crate) client_order_id: ClientOrderId,
}

const _: () = assert!(size_of::<Details>() == 128, "the rest of an order is two cache lines");

#[derive(Debug, Clone, Copy)]
struct Closed {
    order: Slot,
    time: UnixNanos,
}

/// All orders that have a slot.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    pub(crate) books: Books<Details>,
    /// The order that each name stands for: the open one, else the one that closed last.
    names: Names,
    /// Those that closed, in the order of closing; a name may be among them more than once.
    closed: VecDeque<Closed>,
}

impl Orders {
    pub(crate) fn record(&self, slot: Slot) -> &Hot {
        &self.books.records[slot].hot
    }

    pub(crate) fn details(&self, slot: Slot) -> &Details {
        &self.books.records[slot].kept
    }

    pub(crate) fn details_mut(&mut self, slot: Slot) -> &mut Details {
        &mut self.books.records[slot].kept
    }

    /// The whole quantity of an open order now.
    pub(crate) fn quantity(&self, slot: Slot) -> Lots {
        let quantity = self.books.remaining(slot).checked_add(self.details(slot).executed);
        quantity.expect("what is left and what is executed are parts of a quantity")
    }

    /// Keeps an order: its name stands for it from now on. It is in no book yet.
    pub(crate) fn insert(&mut self, order: &Hot, details: Details) -> Slot {
        let slot = self.books.insert(order.order, order.user, order.symbol, order.side, details);
        self.name(slot, order.name);
        slot
    }

    /// Makes the order's name stand for it.
    fn name(&mut self, slot: Slot, hash: NameHash) {
        self.books.records[slot].hot.name = hash;
        let books = &self.books;
        let (user, name) = (books.records[slot].hot.user, &books.records[slot].kept.client_order_id);
        self.names.set(hash, slot, |other| is_named(books, other, user, name));
    }

    /// The order that has this name: open, or the latest of those that closed.
    pub(crate) fn by_name(&self, hash: NameHash, user: UserId, name: &ClientOrderId) -> Option<Slot> {
        self.names.find(hash, |slot| is_named(&self.books, slot, user, name))
    }

    pub(crate) fn is_open(&self, slot: Slot) -> bool {
        self.record(slot).rests.is_some()
    }

    /// The user's open order on that symbol; `name` is the hash of its name, if it has one and that has been computed.
    pub(crate) fn find(
        &self,
        user: UserId,
        symbol: SymbolId,
        order: &OrderRef,
        name: Option<NameHash>,
    ) -> Option<Slot> {
        let slot = match order {
            OrderRef::Id(id) => self.books.find(*id),
            OrderRef::Client(text) => {
                let name = name.unwrap_or_else(|| NameHash::of(user, text));
                self.by_name(name, user, text)
            }
        }?;
        let found = self.record(slot);
        (found.user == user && found.symbol == symbol && found.rests.is_some()).then_some(slot)
    }

    /// Gives an open order another client order id; the old one is remembered as closed.
    pub(crate) fn rename(&mut self, slot: Slot, name: ClientOrderId, now: UnixNanos) {
        let (before, details) = (*self.record(slot), *self.details(slot));
        self.remember_new(&before, details, now);
        let hash = NameHash::of(before.user, &name);
        self.details_mut(slot).client_order_id = name;
        self.name(slot, hash);
    }

    /// Takes an order out of its book; its name is remembered.
    pub(crate) fn close(&mut self, slot: Slot, now: UnixNanos) {
        self.books.remove(slot);
        self.make_room();
        self.closed.push_back(Closed { order: slot, time: now });
    }

    /// Remembers the name of an order that never rested.
    pub(crate) fn remember_new(&mut self, order: &Hot, details: Details, now: UnixNanos) {
        self.make_room();
        let slot = self.insert(order, details);
        self.closed.push_back(Closed { order: slot, time: now });
    }

    fn make_room(&mut self) {
        if self.closed.len() == CLOSED_IDS_MAX {
            self.forget_first();
        }
    }

    /// Forgets those that closed `CLOSED_ID_AGE_NS` or longer before `now`.
    pub(crate) fn forget_until(&mut self, now: UnixNanos) {
        while self.closed.front().is_some_and(|closed| now.since(closed.time) >= CLOSED_ID_AGE_NS) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let Some(Closed { order, .. }) = self.closed.pop_front() else { return };
        self.names.remove(self.record(order).name, order);
        self.books.free(order);
        if let Some(later) = self.closed.get(ORDER_AHEAD) {
            self.books.prefetch_order(later.order);
        }
        if let Some(later) = self.closed.get(NAME_AHEAD) {
            self.names.prefetch(self.record(later.order).name);
            self.books.prefetch_kept(later.order);
        }
    }

    /// The order that probably has a name of this hash, without a look at the order.
    pub(crate) fn guess_named(&self, name: NameHash) -> Option<Slot> {
        self.names.guess(name)
    }

    /// Fetches a name's entry ahead of use.
    pub(crate) fn prefetch_name(&self, hash: NameHash) {
        self.names.prefetch(hash);
    }

    /// The remembered ids, oldest first.
    pub(crate) fn closed_ids(&self) -> impl Iterator<Item = ClosedIdState> + '_ {
        self.closed.iter().map(|closed| {
            let (record, details) = (self.record(closed.order), self.details(closed.order));
            ClosedIdState {
                user: record.user,
                client_order_id: details.client_order_id,
                order: record.order,
                symbol: record.symbol,
                side: record.side,
                kind: details.kind,
                placed: details.placed,
                closed_time: closed.time,
            }
        })
    }
}

fn is_named(books: &Books<Details>, slot: Slot, user: UserId, name: &ClientOrderId) -> bool {
    let order = &books.records[slot];
    order.hot.user == user && order.kept.client_order_id == *name
}
