//! Follows the events alone, as a database does, and compares what it has with the state.

use std::collections::BTreeMap;

use domain::event::{BalanceChanged, Event, OrderFilled, OrderPlaced, PositionChanged, ShardMapEvent, Trade};
use domain::ids::{AssetId, ExecutionNumber, OrderId, SymbolId, TradeId, UserId};
use domain::order::{Liquidity, OrderKind, TimeInForce};
use domain::shard_map::ShardMap;
use domain::state::State;
use domain::units::{Amount, Lots, Seq};

use super::{Broken, ensure};

/// What the events so far add up to.
#[derive(Debug, Default)]
pub struct Follower {
    executions: BTreeMap<UserId, ExecutionNumber>,
    trades: BTreeMap<SymbolId, TradeId>,
    totals: BTreeMap<AssetId, i128>,
    balances: BTreeMap<(UserId, AssetId), BalanceChanged>,
    positions: BTreeMap<(UserId, SymbolId), PositionChanged>,
    /// What is left of each open order.
    orders: BTreeMap<OrderId, Lots>,
    /// A trade, and the fills still to come: first the maker's, then the taker's.
    open_trade: Option<(Trade, Liquidity)>,
    /// The order of this command, if it is one that does not rest.
    passing: Option<OrderId>,
    /// Commands followed.
    seq: Seq,
    shards: ShardMap,
}

impl Follower {
    /// Takes the events of one command.
    pub fn follow(&mut self, events: &[Event]) -> Result<(), Broken> {
        ensure(!events.is_empty(), "a command yields at least one event", &())?;
        self.seq = self.seq.next();
        for event in events {
            self.follow_one(event).map_err(|broken| format!("{broken}, at {event:?}"))?;
        }
        ensure(self.open_trade.is_none(), "a trade has two fills", &self.open_trade)?;
        let stuck = self.passing.take().filter(|order| self.orders.contains_key(order));
        ensure(stuck.is_none(), "an order that does not rest is done with its command", &stuck)
    }

    /// Compares with the state after the last command.
    pub fn compare(&self, state: &State) -> Result<(), Broken> {
        for (user, account) in (0_u32..).zip(&state.users) {
            let seen = self.executions.get(&UserId(user)).copied().unwrap_or_default();
            ensure(seen == account.last_execution, "execution numbers are dense", &(user, seen))?;
        }
        for symbol in &state.symbols {
            let seen = self.trades.get(&symbol.instrument.id()).copied().unwrap_or_default();
            ensure(seen == symbol.last_trade, "trade ids are dense", &(symbol, seen))?;
        }
        for asset in &state.assets {
            let total = self.totals.get(&asset.asset.id).copied().unwrap_or(0);
            ensure(total == asset.total.0, "deposits less withdrawals are the total", &(asset, total))?;
        }
        for balance in &state.balances {
            let seen = self.balances.get(&(balance.user, balance.asset));
            let (free, locked) = seen.map_or((Amount::ZERO, Amount::ZERO), |seen| (seen.free, seen.locked));
            ensure((free, locked) == (balance.free, balance.locked), "a balance was reported", &(balance, seen))?;
        }
        for position in &state.positions {
            let seen = self.positions.get(&(position.user, position.symbol));
            let seen = seen.map(|seen| (seen.quantity, seen.cost, seen.realised));
            let stands = (position.quantity, position.cost, position.realised);
            ensure(seen == Some(stands), "a position was reported", &(position, seen))?;
        }
        ensure(self.shards.state() == state.shards, "the shard map was reported", &self.shards)?;
        ensure(self.orders.len() == state.orders.len(), "every open order was reported", &self.orders.len())?;
        for order in &state.orders {
            let left = self.orders.get(&order.order).copied();
            let stands = order.quantity.checked_sub(order.executed);
            ensure(left == stands, "what is left of an order was reported", &(order, left))?;
        }
        Ok(())
    }

    fn follow_one(&mut self, event: &Event) -> Result<(), Broken> {
        match event {
            Event::OrderPlaced(placed) => self.place(placed),
            Event::OrderAmended(amended) => {
                self.number(amended.user, amended.execution)?;
                let left = self.orders.insert(amended.order, amended.remaining);
                ensure(left.is_some_and(|left| left > amended.remaining), "an amendment reduces", &left)
            }
            Event::OrderClosed(closed) => {
                self.number(closed.user, closed.execution)?;
                let left = self.orders.remove(&closed.order);
                let rested = closed.rested.map(|rested| rested.quantity);
                ensure(
                    left.is_some() && rested.is_none_or(|rested| Some(rested) == left),
                    "an open order closes",
                    &left,
                )
            }
            Event::Trade(trade) => {
                let last = self.trades.entry(trade.symbol).or_default();
                last.0 += 1;
                ensure(trade.trade == *last, "trade ids are dense", last)?;
                let open = self.open_trade.replace((*trade, Liquidity::Maker));
                ensure(open.is_none(), "a trade has two fills", &open)
            }
            Event::OrderFilled(filled) => {
                self.number(filled.user, filled.execution)?;
                self.fill(filled)
            }
            Event::BalanceChanged(changed) => {
                self.balances.insert((changed.user, changed.asset), *changed);
                Ok(())
            }
            Event::PositionChanged(changed) => {
                self.positions.insert((changed.user, changed.symbol), *changed);
                Ok(())
            }
            Event::Deposited(deposited) => {
                *self.totals.entry(deposited.asset).or_default() += deposited.amount.0;
                self.number(deposited.user, deposited.execution)
            }
            Event::WithdrawalSettled(settled) => {
                *self.totals.entry(settled.asset).or_default() -= settled.amount.0;
                self.number(settled.user, settled.execution)
            }
            Event::WithdrawalRequested(requested) => self.number(requested.user, requested.execution),
            Event::WithdrawalCanceled(canceled) => self.number(canceled.user, canceled.execution),
            Event::Refused(_)
            | Event::OrderRepeated(_)
            | Event::RequestRepeated(_)
            | Event::Noted(_)
            | Event::CreditLimitChanged(_)
            | Event::Reference(_) => Ok(()),
            Event::ShardMap(event) => self.remap(event),
        }
    }

    fn remap(&mut self, event: &ShardMapEvent) -> Result<(), Broken> {
        let changed = self.shards.apply(self.seq, event);
        ensure(changed, "the map changes once in a command", &self.seq)
    }

    fn place(&mut self, placed: &OrderPlaced) -> Result<(), Broken> {
        self.number(placed.user, placed.execution)?;
        let (quantity, rests) = match placed.kind {
            OrderKind::Limit { quantity, time_in_force, .. } => (quantity, may_rest(time_in_force)),
            OrderKind::Market { .. } => (Lots(u64::MAX), false),
        };
        self.passing = if rests { None } else { Some(placed.order) };
        let fresh = self.orders.insert(placed.order, quantity).is_none();
        ensure(fresh, "an order id is given out once", &placed.order)
    }

    fn number(&mut self, user: UserId, execution: ExecutionNumber) -> Result<(), Broken> {
        let last = self.executions.entry(user).or_default();
        last.0 += 1;
        ensure(execution == *last, "execution numbers are dense", last)
    }

    fn fill(&mut self, filled: &OrderFilled) -> Result<(), Broken> {
        let Some((trade, expected)) = self.open_trade.take() else { return Err("a fill without a trade".to_owned()) };
        let (order, user, side) = match expected {
            Liquidity::Maker => (trade.maker_order, trade.maker_user, trade.taker_side.opposite()),
            Liquidity::Taker => (trade.taker_order, trade.taker_user, trade.taker_side),
        };
        let said = (filled.liquidity, filled.order, filled.user, filled.side);
        ensure(said == (expected, order, user, side), "the maker's fill, then the taker's", &said)?;
        let said = (filled.trade, filled.symbol, filled.price, filled.quantity, filled.quote);
        let traded = (trade.trade, trade.symbol, trade.price, trade.quantity, trade.quote);
        ensure(said == traded, "both fills are the trade", &traded)?;
        match expected {
            Liquidity::Maker => self.open_trade = Some((trade, Liquidity::Taker)),
            Liquidity::Taker => {}
        }

        let left = self.orders.get(&order).and_then(|left| left.checked_sub(filled.quantity));
        let Some(left) = left else { return Err("an order fills beyond its quantity".to_owned()) };
        if filled.filled {
            self.orders.remove(&order);
        } else {
            self.orders.insert(order, left);
        }
        Ok(())
    }
}

const fn may_rest(time_in_force: TimeInForce) -> bool {
    match time_in_force {
        TimeInForce::GoodTilCanceled | TimeInForce::PostOnly => true,
        TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => false,
    }
}
