//! Orders, fills and positions, and which shard owns the symbols.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use domain::event::{Event, Moving, OrderAmended, OrderClosed, OrderFilled, OrderPlaced, ShardMapEvent};
use domain::ids::{EventId, OrderId, SymbolId, UserId};
use domain::order::{MarketSize, OrderKind};
use domain::shards::Subject;
use domain::units::{Amount, Lots, Seq};

use super::Stamp;
use crate::batch::{Stream, SymbolsRows};
use crate::block::CommittedCommand;
use crate::changes::{Amended, Executed, OrderChange};
use crate::rows::{FillRow, OrderRow, OrderStatus, PositionRow, SymbolTenureRow};
use crate::share::Share;

/// Where in the batch an order is.
#[derive(Debug, Clone, Copy)]
enum Place {
    Placed(usize),
    Changed(usize),
}

/// Collects the stream's rows. The maps are only looked up in, never iterated.
#[derive(Debug, Default)]
pub(super) struct SymbolsFold {
    rows: SymbolsRows,
    orders: HashMap<OrderId, Place>,
    positions: HashMap<(UserId, SymbolId), usize>,
}

impl SymbolsFold {
    pub(super) fn apply(&mut self, committed: CommittedCommand<'_>, share: &mut Share) {
        let stamp = Stamp::of(committed);
        for (index, event) in (0..).zip(committed.events) {
            let has = |symbol: SymbolId| share.has_symbol(symbol, stamp.seq);
            match event {
                Event::OrderPlaced(placed) if has(placed.symbol) => self.placed(stamp, placed),
                Event::OrderAmended(amended) if has(amended.symbol) => self.amended(stamp, amended),
                Event::OrderFilled(filled) if has(filled.symbol) => {
                    self.filled(stamp, EventId { seq: stamp.seq, index }, filled);
                }
                Event::OrderClosed(closed) if has(closed.symbol) => self.closed(stamp, closed),
                Event::PositionChanged(changed) if has(changed.symbol) => {
                    let row = PositionRow {
                        user: changed.user,
                        symbol: changed.symbol,
                        quantity: changed.quantity,
                        cost: changed.cost,
                        realised: changed.realised,
                        last_seq: stamp.seq,
                    };
                    let key = (changed.user, changed.symbol);
                    super::put(&mut self.rows.positions, &mut self.positions, key, row);
                }
                Event::ShardMap(event) => self.map_changed(stamp.seq, event, share),
                Event::Refused(_)
                | Event::OrderPlaced(_)
                | Event::OrderRepeated(_)
                | Event::OrderAmended(_)
                | Event::OrderFilled(_)
                | Event::OrderClosed(_)
                | Event::PositionChanged(_)
                | Event::Trade(_)
                | Event::BalanceChanged(_)
                | Event::RequestRepeated(_)
                | Event::Noted(_)
                | Event::Reference(_)
                | Event::Deposited(_)
                | Event::WithdrawalRequested(_)
                | Event::WithdrawalSettled(_)
                | Event::WithdrawalCanceled(_)
                | Event::CreditLimitChanged(_) => {}
            }
        }
    }

    /// What there is before the first command.
    pub(super) fn begin(&mut self, share: &mut Share) {
        self.rows.holds.extend(share.begin(Stream::Symbols));
    }

    pub(super) fn has_rows(&self) -> bool {
        self.rows.count() > 0
    }

    pub(super) fn take(&mut self) -> SymbolsRows {
        self.orders.clear();
        self.positions.clear();
        let mut rows = std::mem::take(&mut self.rows);
        rows.placed.sort_unstable_by_key(|row| row.order);
        rows.changed.sort_unstable_by_key(|change| change.order);
        rows.positions.sort_unstable_by_key(|row| (row.user, row.symbol));
        rows
    }

    /// Every shard has the tenures of all symbols.
    fn map_changed(&mut self, seq: Seq, event: &ShardMapEvent, share: &mut Share) {
        self.rows.holds.extend(share.know(Stream::Symbols, seq, event));
        if share.shard().is_none() {
            return;
        }
        if let ShardMapEvent::ShardAdded(added) = event {
            let shard = added.shard.id;
            let begun =
                (0..added.symbols_placed).map(|id| SymbolTenureRow { symbol: SymbolId(id), from: Seq::ZERO, shard });
            self.rows.tenures.extend(begun);
        }
        if let ShardMapEvent::SymbolPlaced(placed) = event {
            let (symbol, shard) = (placed.symbol, placed.shard);
            self.rows.tenures.push(SymbolTenureRow { symbol, from: Seq::ZERO, shard });
        }
        if let ShardMapEvent::MoveCommitted(Moving { subject: Subject::Symbol(symbol), from: _, to }) = event {
            self.rows.tenures.push(SymbolTenureRow { symbol: *symbol, from: seq, shard: *to });
        }
    }

    fn placed(&mut self, stamp: Stamp, event: &OrderPlaced) {
        let quantity = match event.kind {
            OrderKind::Limit { quantity, .. } | OrderKind::Market { size: MarketSize::Quantity(quantity) } => {
                Some(quantity)
            }
            OrderKind::Market { size: MarketSize::Quote(_) } => None,
        };
        self.orders.insert(event.order, Place::Placed(self.rows.placed.len()));
        self.rows.placed.push(OrderRow {
            order: event.order,
            user: event.user,
            symbol: event.symbol,
            side: event.side,
            kind: event.kind,
            client_order_id: event.client_order_id,
            quantity,
            executed: Lots::ZERO,
            executed_quote: Amount::ZERO,
            status: OrderStatus::New,
            fees: event.fees,
            placed: stamp.seq,
            placed_time: stamp.time,
            last_seq: stamp.seq,
            updated_time: stamp.time,
        });
    }

    fn amended(&mut self, stamp: Stamp, event: &OrderAmended) {
        let status = if event.remaining == event.quantity { OrderStatus::New } else { OrderStatus::PartiallyFilled };
        let amended = Amended { quantity: event.quantity, client_order_id: event.client_order_id };
        let change = change(stamp, event.order, event.user, event.symbol, status);
        self.change(&OrderChange { amended: Some(amended), ..change });
    }

    fn filled(&mut self, stamp: Stamp, id: EventId, event: &OrderFilled) {
        let status = if event.filled { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        let executed = Executed { quantity: event.executed, quote: event.executed_quote };
        let change = change(stamp, event.order, event.user, event.symbol, status);
        self.change(&OrderChange { executed: Some(executed), ..change });
        self.rows.fills.push(FillRow {
            id,
            time: stamp.time,
            order: event.order,
            user: event.user,
            execution: event.execution,
            symbol: event.symbol,
            trade: event.trade,
            side: event.side,
            liquidity: event.liquidity,
            price: event.price,
            quantity: event.quantity,
            quote: event.quote,
            fee: event.fee,
            fee_asset: event.fee_asset,
        });
    }

    fn closed(&mut self, stamp: Stamp, event: &OrderClosed) {
        let status = OrderStatus::closed(event.reason);
        self.change(&change(stamp, event.order, event.user, event.symbol, status));
    }

    /// Changes the order where the batch has it: in its row if it was placed in this batch.
    fn change(&mut self, change: &OrderChange) {
        match self.orders.entry(change.order) {
            Entry::Occupied(place) => match *place.get() {
                Place::Placed(index) => self.rows.placed[index].change(change),
                Place::Changed(index) => self.rows.changed[index].and_then(change),
            },
            Entry::Vacant(place) => {
                place.insert(Place::Changed(self.rows.changed.len()));
                self.rows.changed.push(*change);
            }
        }
    }
}

/// A change of nothing but the status.
fn change(stamp: Stamp, order: OrderId, user: UserId, symbol: SymbolId, status: OrderStatus) -> OrderChange {
    let (last_seq, updated_time) = (stamp.seq, stamp.time);
    OrderChange { order, user, symbol, status, executed: None, amended: None, last_seq, updated_time }
}
