//! Adds everything up: no state and no event may make or lose money, whatever the commands were.

mod follower;

pub use follower::Follower;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use domain::ids::{AssetId, ShardId, SymbolId, UserId};
use domain::limits::{AMOUNT_MAX, CLOSED_IDS_MAX, OPEN_MOVES_MAX};
use domain::order::{OrderKind, Side};
use domain::shards::{ShardStatus, Subject};
use domain::state::State;
use domain::units::Ticks;

/// What does not add up.
pub type Broken = String;

/// Checks one state by itself.
pub fn check_state(state: &State) -> Result<(), Broken> {
    check_totals(state)?;
    check_holds(state)?;
    check_orders(state)?;
    check_books(state)?;
    check_shards(state)?;
    check_order_of_lists(state)
}

/// Per asset all balances add up to the total, all credit limits to the credit, and nothing leaves the range.
fn check_totals(state: &State) -> Result<(), Broken> {
    for listed in &state.assets {
        let asset = listed.asset.id;
        let (mut owned, mut credit, mut reach) = (0, 0, listed.total.0);
        for balance in state.balances.iter().filter(|balance| balance.asset == asset) {
            owned += balance.free.0 + balance.locked.0;
            credit += balance.credit_limit.0;
            reach += balance.credit_limit.0.max(-balance.free.0);
            let in_range = |amount: i128| (-AMOUNT_MAX..=AMOUNT_MAX).contains(&amount);
            let (free, locked) = (balance.free.0, balance.locked.0);
            let amounts = [free, locked, free + locked, free + balance.credit_limit.0];
            ensure(amounts.into_iter().all(in_range), "a balance left the range", balance)?;
            ensure(locked >= 0, "a balance has less than nothing locked", balance)?;
            ensure(balance.credit_limit.0 >= 0, "a credit limit is negative", balance)?;
        }
        ensure(owned == listed.total.0, "the balances do not add up to the total", &(listed, owned))?;
        ensure(credit == listed.credit.0, "the credit limits do not add up", &(listed, credit))?;
        ensure(reach <= AMOUNT_MAX, "total and credit pass the largest amount", &(listed, reach))?;
    }
    Ok(())
}

/// What is locked is what open orders hold plus what pending withdrawals wait for.
fn check_holds(state: &State) -> Result<(), Broken> {
    let mut held: BTreeMap<(UserId, AssetId), i128> = BTreeMap::new();
    for order in &state.orders {
        let symbol = &state.symbols[order.symbol.0 as usize].instrument;
        let Some(remaining) = order.quantity.checked_sub(order.executed) else {
            return Err(format!("filled beyond its quantity: {order:?}"));
        };
        let (asset, amount) = match order.side {
            Side::Buy => (symbol.quote(), symbol.notional(order.price, remaining)),
            Side::Sell => (symbol.base(), symbol.base_amount(remaining)),
        };
        let amount = amount.map_err(|overflow| format!("{overflow:?}: {order:?}"))?;
        *held.entry((order.user, asset)).or_default() += amount.0;
    }
    for pending in &state.withdrawals {
        *held.entry((pending.user, pending.asset)).or_default() += pending.amount.0;
    }
    for balance in &state.balances {
        let expected = held.remove(&(balance.user, balance.asset)).unwrap_or(0);
        ensure(balance.locked.0 == expected, "locked is not what is held", &(balance, expected))?;
    }
    ensure(held.is_empty(), "something is held of no balance", &held)
}

fn check_orders(state: &State) -> Result<(), Broken> {
    let mut names = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for order in &state.orders {
        ensure(order.executed < order.quantity, "an open order has nothing left", order)?;
        ensure(names.insert((order.user, order.client_order_id)), "two open orders have one name", order)?;
        ensure(ids.insert(order.order), "two open orders have one id", order)?;
        ensure(order.order.counter() <= state.last_order, "an order id was not given out", order)?;
        match order.kind {
            OrderKind::Limit { price, quantity, .. } => {
                ensure(order.price == price, "an open order changed its price", order)?;
                ensure(order.quantity <= quantity, "an open order grew", order)?;
            }
            OrderKind::Market { .. } => return Err(format!("a market order rests: {order:?}")),
        }
    }
    ensure(state.closed_ids.len() <= CLOSED_IDS_MAX, "too many closed ids", &state.closed_ids.len())
}

/// No bid reaches an ask.
fn check_books(state: &State) -> Result<(), Broken> {
    let mut best: BTreeMap<(SymbolId, Side), Ticks> = BTreeMap::new();
    for order in &state.orders {
        let price = best.entry((order.symbol, order.side)).or_insert(order.price);
        ensure(order.side.accepts(*price, order.price), "a better price stands behind a worse one", order)?;
    }
    for (&(symbol, side), price) in &best {
        let opposite = best.get(&(symbol, side.opposite()));
        let crossed = opposite.is_some_and(|opposite| side.accepts(*price, *opposite));
        ensure(!crossed, "a book is crossed", &(symbol, price, opposite))?;
    }
    Ok(())
}

/// Everything has one owner at a time, tenures follow each other, and what moves goes elsewhere.
fn check_shards(state: &State) -> Result<(), Broken> {
    let map = &state.shards;
    let placed = if map.shards.is_empty() { (0, 0) } else { (state.symbols.len(), state.users.len()) };
    ensure((map.symbols.len(), map.users.len()) == placed, "not everything has a place", &placed)?;
    let mut owners: BTreeMap<Subject, ShardId> = BTreeMap::new();
    owners.extend((0..).zip(&map.symbols).map(|(id, shard)| (Subject::Symbol(SymbolId(id)), *shard)));
    owners.extend((0..).zip(&map.users).map(|(id, shard)| (Subject::User(UserId(id)), *shard)));
    ensure(map.moved.is_sorted_by(|a, b| a.seq < b.seq), "moves are not committed in order", &map.moved)?;
    for moved in &map.moved {
        let before = owners.insert(moved.subject, moved.to);
        ensure(before.is_some_and(|before| before != moved.to), "a move leads nowhere", moved)?;
    }
    for open in &map.moves {
        let owner = owners.get(&open.subject);
        ensure(owner.is_some_and(|owner| *owner != open.to), "a move leads nowhere", open)?;
        let since = map.moved.iter().filter(|moved| moved.subject == open.subject).map(|moved| moved.seq).max();
        ensure(since.is_none_or(|since| since < open.begun), "a move begins before the last has ended", open)?;
    }
    ensure(map.moves.is_sorted_by(|a, b| a.subject < b.subject), "something moves twice", &map.moves)?;
    ensure(map.moves.len() <= OPEN_MOVES_MAX, "too many open moves", &map.moves.len())?;
    let active = map.shards.iter().any(|shard| shard.status == ShardStatus::Active);
    ensure(active || map.shards.is_empty(), "nothing new has a place", &map.shards)?;
    let exists = owners.values().all(|owner| usize::from(owner.0) < map.shards.len());
    ensure(exists, "a shard does not exist", &owners)
}

/// Equal states are equal values only where every list has its canonical order.
fn check_order_of_lists(state: &State) -> Result<(), Broken> {
    let rises = |mut pairs: std::slice::Windows<'_, u64>| pairs.all(|pair| pair[0] < pair[1]);
    let pair = |user: UserId, other: u32| (u64::from(user.0) << 32) | u64::from(other);
    let balances: Vec<u64> = state.balances.iter().map(|balance| pair(balance.user, balance.asset.0)).collect();
    let positions: Vec<u64> = state.positions.iter().map(|position| pair(position.user, position.symbol.0)).collect();
    let withdrawals: Vec<u64> = state.withdrawals.iter().map(|pending| pending.withdrawal.0).collect();
    let requests: Vec<u64> = state.requests.iter().map(|request| request.seq.0).collect();
    for (name, keys) in
        [("balances", balances), ("positions", positions), ("withdrawals", withdrawals), ("requests", requests)]
    {
        ensure(rises(keys.windows(2)), "a list is out of order", &name)?;
    }
    let mut closed = state.closed_ids.windows(2);
    ensure(closed.all(|pair| pair[0].closed_time <= pair[1].closed_time), "closed ids are out of order", &())
}

fn ensure(holds: bool, what: &str, evidence: &impl Debug) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(format!("{what}: {evidence:?}")) }
}
