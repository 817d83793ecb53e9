//! Some of the users: what they have, their orders, and their rows that a store may not have yet.

use domain::event::{OrderAmended, OrderClosed, OrderFilled, OrderPlaced};
use domain::ids::{OrderId, UserId};
use domain::order::{MarketSize, OrderKind};
use domain::units::{Amount, Lots, Seq, UnixNanos};
use prefetch::prefetch;
use projector::rows::{FillRow, LedgerRow, OrderRow, OrderStatus};

use crate::account::Account;
use crate::kept::Slot;
use crate::limits::{ROWS_PER_LOCK, USER_SHARDS};
use crate::model::Stored;
use crate::money::At;
use crate::orders::{ClientHash, Orders};
use crate::ring::Place;
use crate::tail::{Allowance, Dated, Tail};

/// What all shards share: how many rows there may be.
#[derive(Debug)]
pub(crate) struct Allowances {
    pub(crate) closed_orders: Allowance,
    pub(crate) fills: Allowance,
    pub(crate) ledger_rows: Allowance,
    pub(crate) trades: Allowance,
}

/// An order in the order of closing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closed {
    seq: Seq,
    slot: Slot,
}

impl Dated for Closed {
    fn seq(&self) -> Seq {
        self.seq
    }
}

#[derive(Debug)]
pub(crate) struct Shard {
    /// By user id / [`USER_SHARDS`].
    accounts: Vec<Option<Box<Account>>>,
    pub(crate) orders: Orders,
    pub(crate) closed: Tail<Closed>,
    pub(crate) fills: Tail<FillRow>,
    pub(crate) ledger: Tail<LedgerRow>,
}

/// What decides how many rows a shard keeps.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    pub(crate) allow: &'a Allowances,
    pub(crate) stored: Stored,
}

/// Where the next rows go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    closed: Place,
    fills: Place,
    ledger: Place,
}

/// Orders that are dropped together: what all of them need is on its way before the first of them goes.
const DROPPED_TOGETHER: usize = 16;

pub(crate) fn shard_of(user: UserId) -> usize {
    index(user.0) % USER_SHARDS
}

fn index(id: u32) -> usize {
    usize::try_from(id).expect("a dense id is an index")
}

impl Shard {
    /// Without rows; every row later than `floor` will be here.
    pub(crate) fn new(floor: Seq) -> Self {
        Self {
            accounts: Vec::new(),
            orders: Orders::default(),
            closed: Tail::beginning_at(Place(0), floor),
            fills: Tail::beginning_at(Place(0), floor),
            ledger: Tail::beginning_at(Place(0), floor),
        }
    }

    pub(crate) fn account(&self, user: UserId) -> Option<&Account> {
        self.accounts.get(index(user.0) / USER_SHARDS)?.as_deref()
    }

    pub(crate) fn account_mut(&mut self, user: UserId) -> &mut Account {
        account_in(&mut self.accounts, user)
    }

    pub(crate) fn prefetch_account(&self, user: UserId) {
        if let Some(account) = self.account(user) {
            prefetch(account);
        }
    }

    /// An order that is open from now on; `hash` is that of its owner and client order id.
    pub(crate) fn open(&mut self, row: OrderRow, hash: ClientHash) {
        let account = account_in(&mut self.accounts, row.user);
        let slot = self.orders.insert(row, hash, account.next_listed());
        account.push_open(row.order, slot);
    }

    pub(crate) fn fill(&mut self, slot: Slot, filled: &OrderFilled, at: At) {
        let row = self.orders.row_mut(slot);
        row.executed = filled.executed;
        row.executed_quote = filled.executed_quote;
        row.status = if filled.filled { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        (row.last_seq, row.updated_time) = (at.id.seq, at.time);
        if filled.filled {
            self.close_slot(slot);
        }
    }

    pub(crate) fn close(&mut self, slot: Slot, closed: &OrderClosed, at: At) {
        let row = self.orders.row_mut(slot);
        row.status = OrderStatus::closed(closed.reason);
        (row.last_seq, row.updated_time) = (at.id.seq, at.time);
        self.close_slot(slot);
    }

    /// Returns what leaves the book.
    pub(crate) fn amend(&mut self, slot: Slot, amended: &OrderAmended, at: At) -> Lots {
        self.orders.rename(slot, amended.client_order_id);
        let row = self.orders.row_mut(slot);
        let before = row.quantity.replace(amended.quantity).expect("an order in the book has a quantity");
        (row.last_seq, row.updated_time) = (at.id.seq, at.time);
        before.checked_sub(amended.quantity).expect("an amendment reduces")
    }

    /// An open order last changed then.
    pub(crate) fn touch(&mut self, order: OrderId, seq: Seq, time: UnixNanos) {
        let slot = self.slot(order);
        let row = self.orders.row_mut(slot);
        (row.last_seq, row.updated_time) = (seq, time);
    }

    /// An order, if it is still open, last changed when this row of it says, or later.
    pub(crate) fn touch_if_newer(&mut self, stored: &OrderRow) {
        let Some(slot) = self.orders.find(stored.order) else { return };
        let row = self.orders.row_mut(slot);
        if row.status.is_open() && row.last_seq < stored.last_seq {
            (row.last_seq, row.updated_time) = (stored.last_seq, stored.updated_time);
        }
    }

    pub(crate) fn open_orders(&self) -> impl Iterator<Item = &OrderRow> {
        let slots = self.accounts.iter().flatten().flat_map(|account| account.open_after(OrderId(0)));
        slots.map(|slot| self.orders.row(slot))
    }

    /// Rows of the commands after `floor` are about to come.
    pub(crate) fn begin_after(&mut self, floor: Seq) {
        self.closed.begin_after(floor);
        self.fills.begin_after(floor);
        self.ledger.begin_after(floor);
    }

    /// An order that was never open here and is closed.
    pub(crate) fn insert_closed(&mut self, row: OrderRow) {
        let hash = self.orders.hash(row.user, &row.client_order_id);
        let slot = self.orders.insert(row, hash, 0);
        self.push_closed(slot);
    }

    /// Keeps the row of a fill of one of this shard's users.
    pub(crate) fn push_fill(&mut self, filled: &OrderFilled, at: At) {
        let row = fill_row(filled, at);
        let last_fill = account_in(&mut self.accounts, row.user).last_fill_mut(row.symbol);
        *last_fill = Some(self.fills.push(row, *last_fill));
    }

    /// Keeps a movement of money of one of this shard's users.
    pub(crate) fn push_ledger(&mut self, row: &LedgerRow) {
        let user = row.user.expect("the world outside has no shard");
        let account = account_in(&mut self.accounts, user);
        account.last_ledger = Some(self.ledger.push(*row, account.last_ledger));
    }

    /// To be known before rows are pushed, for [`Shard::make_room`].
    pub(crate) fn ends(&self) -> Ends {
        Ends { closed: self.closed.rows().end(), fills: self.fills.rows().end(), ledger: self.ledger.rows().end() }
    }

    /// Counts the rows that were pushed since `before`. For each, one that is too many goes, or two that the stores have; of closed
    /// orders only those from before `before`.
    pub(crate) fn make_room(&mut self, before: Ends, room: &Room<'_>) {
        let after = self.ends();
        let Room { allow, stored } = room;
        let drops = |before: Place, after: Place, allow: &Allowance| {
            let pushed = usize::try_from(after.0 - before.0).expect("rows in memory are counted by usize");
            (allow.take(pushed), 2 * pushed)
        };
        let (too_many, rows_max) = drops(before.closed, after.closed, &allow.closed_orders);
        // Orders that closed just now are still to be shown to whoever closed them.
        let earlier = usize::try_from(before.closed.0 - self.closed.rows().front().0).expect("rows in memory");
        let dropped = self.drop_closed(too_many.max(self.closed.stored_rows(stored.orders, rows_max)).min(earlier));
        allow.closed_orders.give_back(dropped);
        let (too_many, rows_max) = drops(before.fills, after.fills, &allow.fills);
        allow.fills.give_back(self.fills.drop_front(too_many.max(self.fills.stored_rows(stored.orders, rows_max))));
        let (too_many, rows_max) = drops(before.ledger, after.ledger, &allow.ledger_rows);
        let dropped = self.ledger.drop_front(too_many.max(self.ledger.stored_rows(stored.ledger, rows_max)));
        allow.ledger_rows.give_back(dropped);
    }

    /// Drops some rows that the stores have; whether there may be more.
    pub(crate) fn drop_stored(&mut self, room: &Room<'_>) -> bool {
        let Room { allow, stored } = room;
        let closed = self.drop_closed(self.closed.stored_rows(stored.orders, ROWS_PER_LOCK));
        let fills = self.fills.drop_front(self.fills.stored_rows(stored.orders, ROWS_PER_LOCK));
        let ledger = self.ledger.drop_front(self.ledger.stored_rows(stored.ledger, ROWS_PER_LOCK));
        allow.closed_orders.give_back(closed);
        allow.fills.give_back(fills);
        allow.ledger_rows.give_back(ledger);
        closed.max(fills).max(ledger) == ROWS_PER_LOCK
    }

    /// The closed order at `place`, and the place of the one of the same user that closed before it.
    pub(crate) fn closed_at(&self, place: Place) -> Option<(&OrderRow, Option<Place>)> {
        let (closed, older) = self.closed.rows().get(place)?;
        Some((self.orders.row(closed.slot), older))
    }

    pub(crate) fn slot(&self, order: OrderId) -> Slot {
        self.orders.find(order).expect("an event names an order that is open")
    }

    /// Drops the orders that closed first, at most so many; returns how many.
    fn drop_closed(&mut self, rows_max: usize) -> usize {
        let mut left = rows_max.min(self.closed.rows().len());
        let dropped = left;
        while left > 0 {
            let together = left.min(DROPPED_TOGETHER);
            let mut slots = [None; DROPPED_TOGETHER];
            for (closed, slot) in self.closed.rows().oldest().zip(&mut slots).take(together) {
                self.orders.prefetch(closed.slot);
                *slot = Some(closed.slot);
            }
            slots.iter().flatten().for_each(|slot| self.orders.prefetch_names(*slot));
            slots.iter().flatten().for_each(|slot| self.orders.remove(*slot));
            self.closed.drop_front(together);
            left -= together;
        }
        dropped
    }

    fn close_slot(&mut self, slot: Slot) {
        let row = self.orders.row(slot);
        account_in(&mut self.accounts, row.user).remove_open(row.order, self.orders.listed(slot));
        self.push_closed(slot);
    }

    fn push_closed(&mut self, slot: Slot) {
        let row = self.orders.row(slot);
        let account = account_in(&mut self.accounts, row.user);
        account.last_closed = Some(self.closed.push(Closed { seq: row.last_seq, slot }, account.last_closed));
    }
}

/// The account of a user, opened if need be.
fn account_in(accounts: &mut Vec<Option<Box<Account>>>, user: UserId) -> &mut Account {
    let index = index(user.0) / USER_SHARDS;
    if index >= accounts.len() {
        accounts.resize_with(index + 1, || None);
    }
    accounts[index].get_or_insert_default()
}

/// A new order as its event says it.
pub(crate) fn placed_row(placed: &OrderPlaced, seq: Seq, time: UnixNanos) -> OrderRow {
    let quantity = match placed.kind {
        OrderKind::Limit { quantity, .. } | OrderKind::Market { size: MarketSize::Quantity(quantity) } => {
            Some(quantity)
        }
        OrderKind::Market { size: MarketSize::Quote(_) } => None,
    };
    OrderRow {
        order: placed.order,
        user: placed.user,
        symbol: placed.symbol,
        side: placed.side,
        kind: placed.kind,
        client_order_id: placed.client_order_id,
        quantity,
        executed: Lots::ZERO,
        executed_quote: Amount::ZERO,
        status: OrderStatus::New,
        fees: placed.fees,
        placed: seq,
        placed_time: time,
        last_seq: seq,
        updated_time: time,
    }
}

fn fill_row(filled: &OrderFilled, at: At) -> FillRow {
    FillRow {
        id: at.id,
        time: at.time,
        order: filled.order,
        user: filled.user,
        execution: filled.execution,
        symbol: filled.symbol,
        trade: filled.trade,
        side: filled.side,
        liquidity: filled.liquidity,
        price: filled.price,
        quantity: filled.quantity,
        quote: filled.quote,
        fee: filled.fee,
        fee_asset: filled.fee_asset,
    }
}
