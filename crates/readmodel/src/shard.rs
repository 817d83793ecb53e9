//! Some of the users: what they have, their orders, and their rows that a store may not have yet.

use domain::event::{OrderAmended, OrderClosed, OrderFilled, OrderPlaced};
use domain::ids::{AssetId, OrderId, SymbolId, UserId};
use domain::order::{MarketSize, OrderKind};
use domain::units::{Amount, Lots, Seq, UnixNanos};
use projector::rows::{FillRow, LedgerRow, OrderRow, OrderStatus};

use crate::account::{Balance, Position};
use crate::limits::USER_SHARDS;
use crate::money::At;
use crate::orders::{Orders, Slot};
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
    /// Which of the shards this is.
    index: usize,
    /// By user id / [`USER_SHARDS`].
    accounts: Vec<Option<Box<Account>>>,
    pub(crate) orders: Orders,
    pub(crate) closed: Tail<Closed>,
    pub(crate) fills: Tail<FillRow>,
    pub(crate) ledger: Tail<LedgerRow>,
}

/// One user.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// By asset.
    balances: Vec<Balance>,
    /// By symbol.
    traded: Vec<Traded>,
    /// By id, which is the order they came in; an order that is gone leaves its place empty for a while.
    open: Vec<(OrderId, Option<Slot>)>,
    gone: usize,
    pub(crate) last_closed: Option<Place>,
    pub(crate) last_ledger: Option<Place>,
}

/// What one user has traded on one symbol.
#[derive(Debug)]
struct Traded {
    symbol: SymbolId,
    position: Option<Position>,
    last_fill: Option<Place>,
}

pub(crate) fn shard_of(user: UserId) -> usize {
    index(user.0) % USER_SHARDS
}

fn index(id: u32) -> usize {
    usize::try_from(id).expect("a dense id is an index")
}

impl Shard {
    /// Without rows; every row later than `floor` will be here.
    pub(crate) fn new(index: usize, floor: Seq) -> Self {
        Self {
            index,
            accounts: Vec::new(),
            orders: Orders::default(),
            closed: Tail::beginning_at(Place(0), floor),
            fills: Tail::beginning_at(Place(0), floor),
            ledger: Tail::beginning_at(Place(0), floor),
        }
    }

    /// Whether a user is one of this shard's.
    pub(crate) fn has(&self, user: UserId) -> bool {
        shard_of(user) == self.index
    }

    pub(crate) fn account(&self, user: UserId) -> Option<&Account> {
        self.accounts.get(index(user.0) / USER_SHARDS)?.as_deref()
    }

    pub(crate) fn account_mut(&mut self, user: UserId) -> &mut Account {
        account_in(&mut self.accounts, user)
    }

    /// An order that is open from now on.
    pub(crate) fn open(&mut self, row: OrderRow) {
        let slot = self.orders.insert(row);
        self.account_mut(row.user).push_open(row.order, slot);
    }

    pub(crate) fn fill(&mut self, filled: &OrderFilled, seq: Seq, time: UnixNanos, allow: &Allowance) {
        let slot = self.slot(filled.order);
        let row = self.orders.row_mut(slot);
        row.executed = filled.executed;
        row.executed_quote = filled.executed_quote;
        row.status = if filled.filled { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        (row.last_seq, row.updated_time) = (seq, time);
        if filled.filled {
            self.close_slot(slot, allow);
        }
    }

    pub(crate) fn close(&mut self, closed: &OrderClosed, seq: Seq, time: UnixNanos, allow: &Allowance) {
        let slot = self.slot(closed.order);
        let row = self.orders.row_mut(slot);
        row.status = OrderStatus::closed(closed.reason);
        (row.last_seq, row.updated_time) = (seq, time);
        self.close_slot(slot, allow);
    }

    /// Returns what leaves the book.
    pub(crate) fn amend(&mut self, amended: &OrderAmended, seq: Seq, time: UnixNanos) -> Lots {
        let slot = self.slot(amended.order);
        self.orders.rename(slot, amended.client_order_id);
        let row = self.orders.row_mut(slot);
        let before = row.quantity.replace(amended.quantity).expect("an order in the book has a quantity");
        (row.last_seq, row.updated_time) = (seq, time);
        before.checked_sub(amended.quantity).expect("an amendment reduces")
    }

    /// An open order last changed then.
    pub(crate) fn touch(&mut self, order: OrderId, seq: Seq, time: UnixNanos) {
        let slot = self.slot(order);
        let row = self.orders.row_mut(slot);
        (row.last_seq, row.updated_time) = (seq, time);
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
    pub(crate) fn insert_closed(&mut self, row: OrderRow, allow: &Allowance) {
        let slot = self.orders.insert(row);
        self.push_closed(slot, allow);
    }

    /// Keeps the row of a fill, if it is of one of this shard's users.
    pub(crate) fn keep_fill(&mut self, filled: &OrderFilled, at: At, allow: &Allowance) {
        if !self.has(filled.user) {
            return;
        }
        let row = fill_row(filled, at);
        let traded = account_in(&mut self.accounts, row.user).traded(row.symbol);
        traded.last_fill = Some(self.fills.push(row, traded.last_fill));
        if allow.take() {
            self.fills.pop();
            allow.give_back(1);
        }
    }

    /// Keeps a movement of money, if it is of one of this shard's users.
    pub(crate) fn keep_ledger(&mut self, row: &LedgerRow, allow: &Allowance) {
        let Some(user) = row.user.filter(|user| self.has(*user)) else { return };
        let account = account_in(&mut self.accounts, user);
        account.last_ledger = Some(self.ledger.push(*row, account.last_ledger));
        if allow.take() {
            self.ledger.pop();
            allow.give_back(1);
        }
    }

    /// Drops up to `rows_max` closed orders that the store has; returns how many.
    pub(crate) fn drop_closed(&mut self, stored: Seq, rows_max: usize) -> usize {
        let mut dropped = 0;
        while dropped < rows_max {
            let Some(closed) = self.closed.pop_stored(stored) else { break };
            self.orders.remove(closed.slot);
            dropped += 1;
        }
        dropped
    }

    /// The closed order at `place`, and the place of the one of the same user that closed before it.
    pub(crate) fn closed_at(&self, place: Place) -> Option<(&OrderRow, Option<Place>)> {
        let (closed, older) = self.closed.rows().get(place)?;
        Some((self.orders.row(closed.slot), older))
    }

    fn close_slot(&mut self, slot: Slot, allow: &Allowance) {
        let row = self.orders.row(slot);
        account_in(&mut self.accounts, row.user).remove_open(row.order);
        self.push_closed(slot, allow);
    }

    fn push_closed(&mut self, slot: Slot, allow: &Allowance) {
        let row = self.orders.row(slot);
        let account = account_in(&mut self.accounts, row.user);
        account.last_closed = Some(self.closed.push(Closed { seq: row.last_seq, slot }, account.last_closed));
        if allow.take()
            && let Some(oldest) = self.closed.pop()
        {
            self.orders.remove(oldest.slot);
            allow.give_back(1);
        }
    }

    fn slot(&self, order: OrderId) -> Slot {
        self.orders.find(order).expect("an event names an order that is open")
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

impl Account {
    pub(crate) fn balances(&self) -> &[Balance] {
        &self.balances
    }

    pub(crate) fn positions(&self) -> impl Iterator<Item = Position> {
        self.traded.iter().filter_map(|traded| traded.position)
    }

    pub(crate) fn last_fill(&self, symbol: SymbolId) -> Option<Place> {
        let index = self.traded.binary_search_by_key(&symbol, |traded| traded.symbol).ok()?;
        self.traded[index].last_fill
    }

    /// The open orders with ids above `after`.
    pub(crate) fn open_after(&self, after: OrderId) -> impl Iterator<Item = Slot> {
        let first = self.open.partition_point(|(order, _)| *order <= after);
        self.open[first..].iter().filter_map(|(_, slot)| *slot)
    }

    pub(crate) fn set_balance(&mut self, asset: AssetId, free: Amount, locked: Amount) {
        let balance = self.balance(asset);
        (balance.free, balance.locked) = (free, locked);
    }

    pub(crate) fn set_credit_limit(&mut self, asset: AssetId, limit: Amount) {
        self.balance(asset).credit_limit = limit;
    }

    pub(crate) fn set_position(&mut self, position: Position) {
        self.traded(position.symbol).position = Some(position);
    }

    fn balance(&mut self, asset: AssetId) -> &mut Balance {
        let index = match self.balances.binary_search_by_key(&asset, |balance| balance.asset) {
            Ok(index) => index,
            Err(index) => {
                let nothing = Amount::ZERO;
                let empty = Balance { asset, free: nothing, locked: nothing, credit_limit: nothing };
                self.balances.insert(index, empty);
                index
            }
        };
        &mut self.balances[index]
    }

    fn traded(&mut self, symbol: SymbolId) -> &mut Traded {
        let index = match self.traded.binary_search_by_key(&symbol, |traded| traded.symbol) {
            Ok(index) => index,
            Err(index) => {
                self.traded.insert(index, Traded { symbol, position: None, last_fill: None });
                index
            }
        };
        &mut self.traded[index]
    }

    fn push_open(&mut self, order: OrderId, slot: Slot) {
        debug_assert!(self.open.last().is_none_or(|(last, _)| *last < order), "order ids are given out in order");
        self.open.push((order, Some(slot)));
    }

    fn remove_open(&mut self, order: OrderId) {
        const GONE_MIN: usize = 32;
        if self.open.last().is_some_and(|(last, _)| *last == order) {
            self.open.pop();
            while self.open.pop_if(|(_, slot)| slot.is_none()).is_some() {
                self.gone -= 1;
            }
            return;
        }
        let index = self.open.binary_search_by_key(&order, |(id, _)| *id).expect("an open order is among the open");
        self.open[index].1 = None;
        self.gone += 1;
        if self.gone >= GONE_MIN && self.gone * 2 > self.open.len() {
            self.open.retain(|(_, slot)| slot.is_some());
            self.gone = 0;
        }
    }
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
