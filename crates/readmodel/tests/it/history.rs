//! A store that is behind plus memory answers exactly like a store that has everything, or says what is missing.

use domain::ids::{OrderId, SymbolId, TradeId, UserId};
use domain::units::{Seq, UnixNanos};
use projector::conformance::absent::Absent::Empty;
use projector::history::{
    FillsQuery, History, LedgerQuery, MinutesQuery, OrderHistory, OrderKey, OrdersQuery, Selection, TimeRange,
    TradesQuery,
};
use readmodel::limits::Limits;
use readmodel::merged::HistoryError;
use readmodel::model::{ReadModel, Stream};

use crate::stores::{Recorded, Store, recordings};

#[test]
fn a_store_that_is_behind_and_memory_make_one_answer() {
    for (seed, venue) in recordings(1_200) {
        let all = Store::at(&venue, venue.last());
        for behind in [1, 40, 600] {
            let stored = Seq(venue.last().0 - behind);
            let store = Store::at(&venue, stored);
            let model = ReadModel::new(&venue.empty, Limits::default());
            for (command, events) in &venue.commands {
                model.apply(command, events);
            }
            for stream in [Stream::Orders, Stream::Ledger, Stream::Trades] {
                model.store_reached(stream, stored);
            }
            model.drop_stored();
            compare(&model, &store, &all, seed);
        }
    }
}

#[test]
fn a_read_that_memory_cannot_complete_names_what_is_missing() {
    let venue = Recorded::new(sim::commands::Profile::Flow, 7, 4_000);
    let limits = Limits { closed_orders_max: 10, fills_max: 10, ledger_rows_max: 10, trades_max: 10 };
    let model = ReadModel::new(&venue.empty, limits);
    for (command, events) in &venue.commands {
        model.apply(command, events);
    }
    let store = Store::at(&venue, Seq(100));
    let gap = |result: Result<(), HistoryError>| match result {
        Err(HistoryError::Gap { from, to }) => (from, to),
        other => panic!("{other:?}"),
    };
    let query = LedgerQuery { user: UserId(1), selection: selection(None, TimeRange::default(), 1_000) };
    let (from, to) = gap(model.ledger(&store, &query).map(drop));
    assert_eq!(from, Seq(101));
    assert!(to > from && to < venue.last(), "{to:?}");
    let query =
        OrdersQuery { user: UserId(1), symbol: SymbolId(0), selection: selection(None, TimeRange::default(), 1_000) };
    assert_eq!(gap(model.orders(&store, &query).map(drop)).0, Seq(101));
    assert_eq!(gap(model.order(&store, UserId(1), OrderKey::Id(OrderId(1))).map(drop)).0, Seq(101));
    // A store that has caught up heals it.
    let caught_up = Store::at(&venue, venue.last());
    assert_eq!(model.orders(&caught_up, &query), caught_up.model.orders(&Empty, &query));
}

pub(crate) fn selection<Id>(first: Option<Id>, time: TimeRange, limit: usize) -> Selection<Id> {
    Selection { first, time, limit }
}

/// Asks every question of both.
pub(crate) fn compare(model: &ReadModel, store: &dyn History, all: &Store, seed: u64) {
    let times: Vec<UnixNanos> = {
        let orders = (0..all.users).flat_map(|user| all.model.open_orders(UserId(user), None));
        orders.map(|row| row.placed_time).take(3).collect()
    };
    let mut ranges = vec![TimeRange::default()];
    for time in times {
        ranges.push(TimeRange { from: Some(time), to: None });
        ranges.push(TimeRange { from: None, to: Some(time) });
    }
    for &(user, name) in &all.names {
        let key = OrderKey::Client(user, name);
        let rows = all.order(key).unwrap().rows;
        assert_eq!(model.order(store, user, key), Ok(rows.last().copied()), "seed {seed} {name}");
    }
    let symbols = u32::try_from(all.model.reference().symbols().len()).unwrap();
    for limit in [1, 3, 1_000_000] {
        for &time in &ranges {
            for symbol in (0..symbols).map(SymbolId) {
                compare_symbol(model, store, all, symbol, (time, limit), seed);
                for user in (0..all.users).map(UserId) {
                    compare_user(model, store, all, (user, symbol), (time, limit), seed);
                }
            }
        }
    }
}

fn compare_symbol(
    model: &ReadModel,
    store: &dyn History,
    all: &Store,
    symbol: SymbolId,
    (time, limit): (TimeRange, usize),
    seed: u64,
) {
    for first in [None, Some(TradeId(1)), Some(TradeId(7)), Some(TradeId(100_000))] {
        let query = TradesQuery { symbol, selection: selection(first, time, limit) };
        assert_eq!(model.trades(store, &query), all.model.trades(&Empty, &query), "seed {seed} {query:?}");
    }
    let query = MinutesQuery { symbol, time, limit };
    assert_eq!(model.minutes(store, &query), all.model.minutes(&Empty, &query), "seed {seed} {query:?}");
}

fn compare_user(
    model: &ReadModel,
    store: &dyn History,
    all: &Store,
    (user, symbol): (UserId, SymbolId),
    (time, limit): (TimeRange, usize),
    seed: u64,
) {
    let query = OrdersQuery { user, symbol, selection: selection(None, time, limit) };
    let orders = all.model.orders(&Empty, &query).unwrap();
    assert_eq!(model.orders(store, &query).as_ref(), Ok(&orders), "seed {seed} {query:?}");
    let some: Vec<OrderId> = orders.iter().map(|row| row.order).step_by(orders.len() / 3 + 1).collect();
    for first in some {
        let query = OrdersQuery { user, symbol, selection: selection(Some(first), time, limit) };
        assert_eq!(model.orders(store, &query), all.model.orders(&Empty, &query), "seed {seed} {query:?}");
        let key = OrderKey::Id(first);
        let row = all.model.recent_order(user, key).unwrap();
        assert_eq!(model.order(store, user, key), Ok(Some(row)), "seed {seed}");
        assert_eq!(model.fills_of_order(store, &row), all.model.fills_of_order(&Empty, &row), "seed {seed}");
        let key = OrderKey::Client(user, row.client_order_id);
        assert_eq!(model.order(store, user, key), Ok(all.model.recent_order(user, key)), "seed {seed}");
        let query = FillsQuery { user, symbol, order: Some(first), selection: selection(None, time, limit) };
        assert_eq!(model.fills(store, &query), all.model.fills(&Empty, &query), "seed {seed} {query:?}");
    }
    for first in [None, Some(TradeId(3))] {
        let query = FillsQuery { user, symbol, order: None, selection: selection(first, time, limit) };
        assert_eq!(model.fills(store, &query), all.model.fills(&Empty, &query), "seed {seed} {query:?}");
    }
    for first in [None, Some(Seq(200))] {
        let query = LedgerQuery { user, selection: selection(first, time, limit) };
        assert_eq!(model.ledger(store, &query), all.model.ledger(&Empty, &query), "seed {seed} {query:?}");
    }
}
