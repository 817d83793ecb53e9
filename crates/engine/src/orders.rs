//! Open orders: where they are, and how they are found.

use std::collections::VecDeque;

use domain::command::OrderRef;
use domain::ids::{OrderId, SessionId, SymbolId, UserId};
use domain::instrument::Fees;
use domain::order::{OrderKind, Side, TimeInForce};
use domain::state::ClosedIdState;
use domain::text::ClientOrderId;
use domain::units::{Amount, Lots, Seq, Ticks, UnixNanos};

use crate::client_ids::{ClientIds, name_hash};
use crate::ladder::{Link, Links};
use crate::slab::{Slab, Slot};

/// An order in the book.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RestingOrder {
    pub(crate) order: OrderId,
    pub(crate) price: Ticks,
    /// The whole quantity now.
    pub(crate) quantity: Lots,
    pub(crate) executed: Lots,
    pub(crate) executed_quote: Amount,
    pub(crate) user: UserId,
    pub(crate) symbol: SymbolId,
    pub(crate) fees: Fees,
    pub(crate) side: Side,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) client_order_id: ClientOrderId,
    /// The whole quantity as it was placed.
    pub(crate) placed_quantity: Lots,
    pub(crate) session: SessionId,
    pub(crate) placed: Seq,
    pub(crate) placed_time: UnixNanos,
}

impl RestingOrder {
    /// What is left to trade.
    pub(crate) fn remaining(&self) -> Lots {
        self.quantity.checked_sub(self.executed).expect("an order is never filled beyond its quantity")
    }

    /// The order as it was placed.
    pub(crate) fn kind(&self) -> OrderKind {
        OrderKind::Limit { price: self.price, quantity: self.placed_quantity, time_in_force: self.time_in_force }
    }

    /// What is remembered of it when its client order id is no longer open.
    pub(crate) fn closed_id(&self, now: UnixNanos) -> ClosedIdState {
        ClosedIdState {
            user: self.user,
            client_order_id: self.client_order_id,
            order: self.order,
            symbol: self.symbol,
            side: self.side,
            kind: self.kind(),
            placed: self.placed,
            closed_time: now,
        }
    }
}

/// All open orders of the venue.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    slab: Slab<RestingOrder>,
    /// Queue neighbours, by slot.
    pub(crate) links: Links,
    ids: IdTable,
    clients: ClientIds,
    len: usize,
}

impl Orders {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert(&mut self, order: RestingOrder) -> Slot {
        let slot = self.slab.insert(order);
        if slot.index() == self.links.len() {
            self.links.push(Link::default());
        }
        self.ids.insert(order.order, slot);
        self.clients.insert(name_hash(order.user, &order.client_order_id), slot);
        self.len = self.len.saturating_add(1);
        slot
    }

    /// Forgets an order that is in no queue any more.
    pub(crate) fn remove(&mut self, slot: Slot) {
        let order = &self.slab[slot];
        self.ids.remove(order.order);
        self.clients.remove(name_hash(order.user, &order.client_order_id), slot);
        self.slab.free(slot);
        self.len = self.len.saturating_sub(1);
    }

    pub(crate) fn by_id(&self, order: OrderId) -> Option<Slot> {
        self.ids.get(order)
    }

    pub(crate) fn by_client_id(&self, user: UserId, name: &ClientOrderId) -> Option<Slot> {
        self.clients.find(name_hash(user, name), |slot| {
            let order = &self.slab[slot];
            order.user == user && order.client_order_id == *name
        })
    }

    /// The user's open order on that symbol.
    pub(crate) fn find(&self, user: UserId, symbol: SymbolId, order: &OrderRef) -> Option<Slot> {
        let slot = match order {
            OrderRef::Id(id) => self.by_id(*id),
            OrderRef::Client(name) => self.by_client_id(user, name),
        }?;
        let found = &self.slab[slot];
        (found.user == user && found.symbol == symbol).then_some(slot)
    }

    /// Gives an order another client order id.
    pub(crate) fn rename(&mut self, slot: Slot, name: ClientOrderId) {
        let order = &mut self.slab[slot];
        self.clients.remove(name_hash(order.user, &order.client_order_id), slot);
        order.client_order_id = name;
        self.clients.insert(name_hash(order.user, &name), slot);
    }
}

impl std::ops::Index<Slot> for Orders {
    type Output = RestingOrder;
    fn index(&self, slot: Slot) -> &RestingOrder {
        &self.slab[slot]
    }
}

impl std::ops::IndexMut<Slot> for Orders {
    fn index_mut(&mut self, slot: Slot) -> &mut RestingOrder {
        &mut self.slab[slot]
    }
}

const PAGE_BITS: u32 = 12;
const PAGE_LEN: usize = 1 << PAGE_BITS;

#[derive(Debug)]
struct IdPage {
    open: usize,
    slots: [Option<Slot>; PAGE_LEN],
}

/// Order id → slot. Ids are dense, so this is a list of pages; a page without open orders is given back.
#[derive(Debug, Default)]
struct IdTable {
    pages: VecDeque<Option<Box<IdPage>>>,
    /// Number of the first page.
    first: u64,
}

impl IdTable {
    /// Page (from the first one kept) and place in it; absent for an id before that.
    fn split(&self, order: OrderId) -> Option<(usize, usize)> {
        let page = (order.0 >> PAGE_BITS).checked_sub(self.first)?;
        let place = usize::try_from(order.0 & 0xfff).ok()?;
        Some((usize::try_from(page).ok()?, place))
    }

    fn get(&self, order: OrderId) -> Option<Slot> {
        let (page, place) = self.split(order)?;
        self.pages.get(page)?.as_ref()?.slots[place]
    }

    /// Ids come in ascending order, so a new page is always at the end.
    fn insert(&mut self, order: OrderId, slot: Slot) {
        if self.pages.is_empty() {
            self.first = order.0 >> PAGE_BITS;
        }
        let (page, place) = self.split(order).expect("order ids ascend");
        while self.pages.len() <= page {
            self.pages.push_back(None);
        }
        let page = self.pages[page].get_or_insert_with(|| Box::new(IdPage { open: 0, slots: [None; PAGE_LEN] }));
        page.slots[place] = Some(slot);
        page.open = page.open.saturating_add(1);
    }

    fn remove(&mut self, order: OrderId) {
        let (index, place) = self.split(order).expect("an open order is in the table");
        let page = self.pages[index].as_mut().expect("an open order's page exists");
        page.slots[place] = None;
        page.open = page.open.saturating_sub(1);
        // The last page is where the next ids go: keep it.
        if page.open == 0 && index.saturating_add(1) < self.pages.len() {
            self.pages[index] = None;
            while matches!(self.pages.front(), Some(None)) {
                self.pages.pop_front();
                self.first = self.first.saturating_add(1);
            }
        }
    }
}
