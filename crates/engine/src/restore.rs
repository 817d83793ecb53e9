//! The engine as plain data, and back.

use std::fmt;

use domain::ids::{OrderId, SessionId, TradeId, UserId};
use domain::order::{OrderKind, TimeInForce};
use domain::shard_map::ShardMap;
use domain::state::{BalanceState, ClosedIdState, OrderState, PositionState, State, SymbolState, UserState};
use domain::units::{Amount, Lots};

use crate::accounts::Balance;
use crate::apply::{Engine, Symbol, index_of};
use crate::books::{Hot, Link};
use crate::names::NameHash;
use crate::orders::Details;
use crate::positions::Position;
use crate::slab::Slot;

/// The state contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreError {
    /// How.
    pub what: &'static str,
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the state contradicts itself: {}", self.what)
    }
}

impl std::error::Error for RestoreError {}

fn ensure(holds: bool, what: &'static str) -> Result<(), RestoreError> {
    if holds { Ok(()) } else { Err(RestoreError { what }) }
}

impl Engine {
    /// The engine that has this state.
    pub fn from_state(state: &State) -> Result<Self, RestoreError> {
        let mut engine = Self::new(state.cell);
        engine.seq = state.seq;
        engine.time = state.time;
        engine.last_order = state.last_order;
        engine.last_withdrawal = state.last_withdrawal;
        engine.killed = state.killed;
        engine.restore_reference(state)?;
        engine.restore_accounts(state)?;
        // Closed ids first: a name stands for the open order, if there is one.
        engine.restore_closed_ids(state)?;
        engine.restore_orders(state)?;
        for withdrawal in &state.withdrawals {
            engine.withdrawals.insert(withdrawal.withdrawal, *withdrawal);
        }
        for request in &state.requests {
            engine.requests.remember(request.clone());
        }
        engine.restore_shards(state)?;
        engine.check_consistency()?;
        Ok(engine)
    }

    fn restore_reference(&mut self, state: &State) -> Result<(), RestoreError> {
        for (index, asset) in state.assets.iter().enumerate() {
            ensure(index_of(asset.asset.id.0) == index, "asset ids are not dense")?;
            self.asset_codes.insert(asset.asset.code, asset.asset.id);
            self.assets.push(*asset);
            self.accounts.open_asset();
        }
        for (index, symbol) in state.symbols.iter().enumerate() {
            let SymbolState { instrument, status, limits, fees, last_price, last_trade } = *symbol;
            ensure(index_of(instrument.id().0) == index, "symbol ids are not dense")?;
            let assets = [instrument.base(), instrument.quote()];
            ensure(assets.iter().all(|id| index_of(id.0) < self.assets.len()), "a symbol's asset is missing")?;
            self.symbol_codes.insert(instrument.code(), instrument.id());
            self.symbols.push(Symbol { instrument, status, limits, fees, last_price, last_trade: last_trade.0 });
            self.orders.books.open_symbol();
        }
        for (index, key) in state.keys.iter().enumerate() {
            ensure(key.key.0.checked_sub(1).map(index_of) == Some(index), "key ids are not dense")?;
            self.key_texts.insert(key.api_key, key.key);
            self.keys.push(key.clone());
        }
        Ok(())
    }

    fn restore_shards(&mut self, state: &State) -> Result<(), RestoreError> {
        self.shards = ShardMap::from_state(&state.shards, state.seq).map_err(|what| RestoreError { what })?;
        Ok(())
    }

    fn restore_accounts(&mut self, state: &State) -> Result<(), RestoreError> {
        ensure(!state.users.is_empty(), "the venue's own user is missing")?;
        for (index, user) in state.users.iter().enumerate() {
            // The venue's own user is there from the start.
            let id = if index == 0 { UserId::VENUE } else { self.accounts.open_user() };
            let restored = self.accounts.user_mut(id);
            restored.set_fees(user.fees);
            restored.killed = user.killed;
            restored.last_execution = user.last_execution;
        }
        for balance in &state.balances {
            let BalanceState { user, asset, free, locked, credit_limit } = *balance;
            self.check_user(user)?;
            ensure(index_of(asset.0) < self.assets.len(), "a balance's asset is missing")?;
            self.accounts.restore_balance(user, asset, Balance { free, locked, credit_limit });
        }
        for position in &state.positions {
            let PositionState { user, symbol, quantity, cost, realised } = *position;
            self.check_user(user)?;
            ensure(index_of(symbol.0) < self.symbols.len(), "a position's symbol is missing")?;
            *self.accounts.user_mut(user).positions.entry(symbol.0) = Position { quantity, cost, realised };
        }
        Ok(())
    }

    fn restore_orders(&mut self, state: &State) -> Result<(), RestoreError> {
        // First by id, as the users' lists are; then the queues, in priority.
        let mut by_id: Vec<&OrderState> = state.orders.iter().collect();
        by_id.sort_unstable_by_key(|order| order.order);
        ensure(by_id.windows(2).all(|pair| pair[0].order < pair[1].order), "two open orders have the same id")?;
        let mut slots = Vec::with_capacity(by_id.len());
        for order in by_id {
            self.check_user(order.user)?;
            ensure(index_of(order.symbol.0) < self.symbols.len(), "an order's symbol is missing")?;
            ensure(order.executed < order.quantity, "an open order has nothing left")?;
            let (record, details) = split(order)?;
            let slot = self.orders.insert(&record, details);
            self.accounts.add_order(slot, &mut self.orders.books);
            slots.push((order.order, slot));
        }
        for order in &state.orders {
            let remaining = order.quantity.checked_sub(order.executed).expect("checked above");
            let index = slots.binary_search_by_key(&order.order, |(id, _)| *id).expect("inserted above");
            self.orders.books.queue(slots[index].1, order.price, remaining);
        }
        Ok(())
    }

    fn restore_closed_ids(&mut self, state: &State) -> Result<(), RestoreError> {
        for id in &state.closed_ids {
            let ClosedIdState { user, client_order_id, order, symbol, side, kind, placed, closed_time } = *id;
            self.check_user(user)?;
            let name = NameHash::of(user, &client_order_id);
            let record = Hot { order, user, symbol, of_user: Link::default(), rests: None, name, side };
            let details = Details {
                kind,
                executed_quote: Amount::ZERO,
                executed: Lots::ZERO,
                fees: self
                    .symbols
                    .get(index_of(symbol.0))
                    .ok_or(RestoreError { what: "a closed order's symbol is missing" })?
                    .fees,
                session: SessionId::default(),
                placed,
                placed_time: state.time,
                client_order_id,
            };
            self.orders.remember_new(&record, details, closed_time);
        }
        Ok(())
    }

    fn check_user(&self, user: UserId) -> Result<(), RestoreError> {
        ensure(self.accounts.exists(user), "a user is missing")
    }

    /// The whole state as plain data, every list in its one order.
    pub fn state(&self) -> State {
        let mut state = State {
            seq: self.seq,
            time: self.time,
            cell: self.cell,
            last_order: self.last_order,
            last_withdrawal: self.last_withdrawal,
            killed: self.killed,
            assets: self.assets.clone(),
            symbols: self.symbols.iter().map(symbol_state).collect(),
            keys: self.keys.clone(),
            closed_ids: self.orders.closed_ids().collect(),
            withdrawals: self.withdrawals.values().copied().collect(),
            requests: self.requests.list().to_vec(),
            shards: self.shards.state(),
            ..State::default()
        };
        for (id, user) in self.accounts.iter() {
            let (fees, killed, last_execution) = (user.fees(), user.killed, user.last_execution);
            state.users.push(UserState { fees, killed, last_execution });
            for (asset, balance) in user.balances.sorted() {
                let Balance { free, locked, credit_limit } = *balance;
                let asset = domain::ids::AssetId(asset);
                state.balances.push(BalanceState { user: id, asset, free, locked, credit_limit });
            }
            for (symbol, position) in user.positions.sorted() {
                let Position { quantity, cost, realised } = *position;
                let symbol = domain::ids::SymbolId(symbol);
                state.positions.push(PositionState { user: id, symbol, quantity, cost, realised });
            }
        }
        state.orders.reserve(self.open_orders());
        for slot in self.slots_in_priority() {
            state.orders.push(self.order_state(slot));
        }
        state
    }

    fn order_state(&self, slot: Slot) -> OrderState {
        let (record, rests) = (self.orders.record(slot), self.orders.books.rests(slot));
        let details = self.orders.details(slot);
        OrderState {
            order: record.order,
            user: record.user,
            session: details.session,
            symbol: record.symbol,
            side: record.side,
            kind: details.kind,
            client_order_id: details.client_order_id,
            price: rests.price,
            quantity: self.orders.quantity(slot),
            executed: details.executed,
            executed_quote: details.executed_quote,
            fees: details.fees,
            placed: details.placed,
            placed_time: details.placed_time,
        }
    }

    /// All open orders by symbol, buys before sells, in priority.
    pub(crate) fn slots_in_priority(&self) -> impl Iterator<Item = Slot> + '_ {
        use domain::order::Side::{Buy, Sell};
        self.symbols
            .iter()
            .flat_map(move |symbol| {
                let symbol = symbol.instrument.id();
                [Buy, Sell].into_iter().flat_map(move |side| self.orders.books.in_priority(symbol, side))
            })
            .map(|(_, slot)| slot)
    }
}

fn symbol_state(symbol: &Symbol) -> SymbolState {
    SymbolState {
        instrument: symbol.instrument,
        status: symbol.status,
        limits: symbol.limits,
        fees: symbol.fees,
        last_price: symbol.last_price,
        last_trade: TradeId(symbol.last_trade),
    }
}

fn split(order: &OrderState) -> Result<(Hot, Details), RestoreError> {
    let rests = match order.kind {
        OrderKind::Limit { price, time_in_force, .. } if price == order.price => {
            matches!(time_in_force, TimeInForce::GoodTilCanceled | TimeInForce::PostOnly)
        }
        OrderKind::Limit { .. } | OrderKind::Market { .. } => {
            return Err(RestoreError { what: "an open order is not a limit order at its price" });
        }
    };
    ensure(rests, "an open order is of a kind that never rests")?;
    ensure(order.order != OrderId(0), "an order has the id zero")?;
    let record = Hot {
        order: order.order,
        user: order.user,
        symbol: order.symbol,
        of_user: Link::default(),
        rests: None,
        name: NameHash::of(order.user, &order.client_order_id),
        side: order.side,
    };
    let details = Details {
        kind: order.kind,
        executed_quote: order.executed_quote,
        executed: order.executed,
        fees: order.fees,
        session: order.session,
        placed: order.placed,
        placed_time: order.placed_time,
        client_order_id: order.client_order_id,
    };
    Ok((record, details))
}
