//! History against a slow reader of the same rows: every query, at random.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::ids::{OrderId, SymbolId, TradeId, UserId};
use domain::text::ClientOrderId;
use domain::units::{Seq, UnixNanos};
use projector::batch::Stream;
use projector::block::CommittedBlock;
use projector::history::{
    FillsQuery, LedgerQuery, OrderHistory, OrderKey, OrdersQuery, ReadError, Selection, TimeRange,
};
use projector::lineage::Lineage;
use projector::rows::{FillRow, LedgerRow, OrderRow};
use projector::store::{Store, StoredRow};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sim::commands::Profile;
use store_postgres::history::PostgresOrders;

use crate::feed::feed;
use crate::subject::{Databases, Stores};

/// All rows, looked through one by one.
#[derive(Default)]
struct Slow {
    orders: Vec<OrderRow>,
    fills: Vec<FillRow>,
    ledger: Vec<LedgerRow>,
}

impl Slow {
    fn read(stores: &mut Stores) -> Self {
        let mut slow = Self::default();
        for (_, _, rows) in stores.everything() {
            for row in rows {
                match row {
                    StoredRow::Order(row) => slow.orders.push(row),
                    StoredRow::Fill(row) => slow.fills.push(row),
                    StoredRow::Ledger(row) => slow.ledger.push(row),
                    _ => {}
                }
            }
        }
        slow.fills.sort_by_key(|row| (row.symbol, row.trade, row.id));
        slow
    }
}

/// Those of the matching rows that are asked for; `rows` come oldest first.
fn select<R: Copy, Id: Ord + Copy>(
    rows: impl Iterator<Item = R>,
    selection: &Selection<Id>,
    key: impl Fn(&R) -> (Id, UnixNanos),
) -> Vec<R> {
    let inside = |row: &R| {
        let (id, time) = key(row);
        selection.first.is_none_or(|first| id >= first) && selection.time.contains(time)
    };
    let mut rows: Vec<R> = rows.filter(inside).collect();
    if selection.first.is_some() || selection.time.from.is_some() {
        rows.truncate(selection.limit);
    } else {
        rows.drain(..rows.len().saturating_sub(selection.limit));
    }
    rows
}

struct Shard {
    databases: Arc<Databases>,
    database: String,
    stores: Stores,
    history: PostgresOrders,
}

fn shard(blocks: &[CommittedBlock]) -> Shard {
    let databases = Databases::quick();
    let database = databases.make();
    let config = databases.config(&database);
    let mut stores = Stores::open(&config);
    stores.fill(blocks);
    let history = PostgresOrders::open(&config, 2, None).unwrap();
    Shard { databases, database, stores, history }
}

/// The same history at other order ids, so that it lies across partitions and ranges of the index by client order id.
fn spread(shard: &Shard) {
    // Past the middle of the history, each order is in a range of its own; before it, many are in a partition of their own.
    let moved = "CREATE TEMPORARY TABLE moved AS SELECT order_id AS old, placed_seq,
                     order_id + (placed_seq / 20) * 131072 + (placed_seq / 150) * 16777216 + 1000000000 AS new FROM orders;
                 SELECT add_order_range(range) FROM (SELECT DISTINCT new >> 23 AS range FROM moved) AS ranges;
                 UPDATE orders SET order_id = new FROM moved WHERE order_id = old;
                 UPDATE order_fills SET order_id = new FROM moved WHERE order_id = old;";
    shard.databases.server.query(&shard.database, moved).unwrap();
    let partitions = "SELECT count(*) > 2 FROM pg_class WHERE relname LIKE 'orders_r%' AND relkind = 'r'
                      AND (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %I', relname), false, true, '')))[1]::text <> '0'";
    assert_eq!(
        shard.databases.server.query(&shard.database, partitions).unwrap(),
        "t",
        "several partitions have orders"
    );
}

fn times([first, last]: [UnixNanos; 2]) -> impl Strategy<Value = TimeRange> {
    let (first, last) = (first.0, last.0);
    let time = move || prop::option::of((first - 1_000..=last + 1_000).prop_map(UnixNanos));
    (time(), time()).prop_map(|(from, to)| TimeRange { from, to })
}

fn selection<Id: std::fmt::Debug>(
    ends: [UnixNanos; 2],
    first: impl Strategy<Value = Id>,
) -> impl Strategy<Value = Selection<Id>> {
    (prop::option::of(first), times(ends), 1_usize..12).prop_map(|(first, time, limit)| Selection {
        first,
        time,
        limit,
    })
}

fn check_all(shard: &mut Shard, runner: &mut TestRunner) {
    let slow = Slow::read(&mut shard.stores);
    assert!(slow.orders.len() > 50 && slow.fills.len() > 20 && slow.ledger.len() > 50, "there is something to read");
    let history = &shard.history;
    let ends = [slow.orders[0].placed_time, slow.orders[slow.orders.len() - 1].placed_time];
    let through = shard.stores.of(Stream::Symbols).checkpoint(Stream::Symbols).unwrap().unwrap().seq;
    let users = slow.orders.iter().map(|row| row.user.0).max().unwrap() + 1;
    let (user, symbol) = ((0..=users).prop_map(UserId), (0_u32..4).prop_map(SymbolId));
    let orders: Vec<OrderId> = slow.orders.iter().map(|row| row.order).collect();
    let some_order = prop::sample::select(orders);
    runner
        .run(&(user.clone(), symbol.clone(), selection(ends, some_order.clone())), |(user, symbol, selection)| {
            let page = history.orders(&OrdersQuery { user, symbol, selection }).unwrap();
            let matching = slow.orders.iter().filter(|row| row.user == user && row.symbol == symbol);
            prop_assert_eq!(page.rows, select(matching.copied(), &selection, |row| (row.order, row.placed_time)));
            prop_assert_eq!(page.through, through);
            Ok(())
        })
        .unwrap();
    let of_fills =
        (user.clone(), symbol.clone(), prop::option::of(some_order), selection(ends, (0_u64..40).prop_map(TradeId)));
    runner
        .run(&of_fills, |(user, symbol, order, selection)| {
            let page = history.fills(&FillsQuery { user, symbol, order, selection }).unwrap();
            let mine = |row: &&FillRow| row.user == user && row.symbol == symbol;
            let matching = slow.fills.iter().filter(mine).filter(|row| order.is_none_or(|order| row.order == order));
            prop_assert_eq!(page.rows, select(matching.copied(), &selection, |row| (row.trade, row.time)));
            Ok(())
        })
        .unwrap();
    let end = slow.ledger[slow.ledger.len() - 1].id.seq.0;
    runner
        .run(&(user, selection(ends, (0..=end + 1).prop_map(Seq))), |(user, selection)| {
            let page = history.ledger(&LedgerQuery { user, selection }).unwrap();
            let matching = slow.ledger.iter().filter(|row| row.user == Some(user));
            prop_assert_eq!(page.rows, select(matching.copied(), &selection, |row| (row.id.seq, row.time)));
            Ok(())
        })
        .unwrap();
    check_single(&slow, history);
}

/// Orders by either name, and the fills of each.
fn check_single(slow: &Slow, history: &PostgresOrders) {
    for row in &slow.orders {
        assert_eq!(history.order(OrderKey::Id(row.order)).unwrap().rows, [*row]);
        let named = |other: &&OrderRow| other.user == row.user && other.client_order_id == row.client_order_id;
        let latest = slow.orders.iter().rev().find(named).unwrap();
        assert_eq!(history.order(OrderKey::Client(row.user, row.client_order_id)).unwrap().rows, [*latest]);
        let fills: Vec<FillRow> = slow.fills.iter().filter(|fill| fill.order == row.order).copied().collect();
        assert_eq!(history.fills_of_order(row.order).unwrap().rows, fills);
    }
    assert_eq!(history.order(OrderKey::Id(OrderId(1))).unwrap().rows, []);
    let nobody = OrderKey::Client(UserId(1), ClientOrderId::new("nobody-has-this").unwrap());
    assert_eq!(history.order(nobody).unwrap().rows, []);
}

#[test]
fn every_query_answers_as_a_slow_reader_does() {
    for (seed, profile, count) in [(1, Profile::Flow, 700), (2, Profile::Small, 2_000)] {
        println!("seed {seed}");
        let (blocks, _) = feed(profile, seed, count);
        let mut shard = shard(&blocks);
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(120) });
        check_all(&mut shard, &mut runner);
    }
}

#[test]
fn partitions_and_ranges_are_walked() {
    let (blocks, _) = feed(Profile::Flow, 1, 700);
    let mut shard = shard(&blocks);
    spread(&shard);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(120) });
    check_all(&mut shard, &mut runner);
}

#[test]
fn an_empty_store_has_nothing_through_nothing() {
    let shard = shard(&[]);
    let history = &shard.history;
    let (user, symbol) = (UserId(1), SymbolId(0));
    let time = TimeRange { from: Some(UnixNanos(5)), to: Some(UnixNanos(9)) };
    let page = history.order(OrderKey::Id(OrderId(1))).unwrap();
    assert_eq!((page.through, page.rows), (Seq::ZERO, vec![]));
    let selection = Selection { first: None, time, limit: 5 };
    assert_eq!(history.orders(&OrdersQuery { user, symbol, selection }).unwrap().rows, []);
    let selection = Selection { first: None, time, limit: 5 };
    assert_eq!(history.fills(&FillsQuery { user, symbol, order: None, selection }).unwrap().rows, []);
    let selection = Selection { first: Some(Seq(3)), time, limit: 5 };
    assert_eq!(history.ledger(&LedgerQuery { user, selection }).unwrap().rows, []);
}

#[test]
fn only_what_is_of_the_lineage_is_answered() {
    let (blocks, _) = feed(Profile::Flow, 1, 100);
    let mut shard = shard(&blocks);
    let lineage = Arc::new(Lineage::default());
    let history =
        PostgresOrders::open(&shard.databases.config(&shard.database), 1, Some(Arc::clone(&lineage))).unwrap();
    assert!(matches!(history.order(OrderKey::Id(OrderId(1))), Err(ReadError::Foreign(_))), "written by somebody else");
    lineage.admit(Stream::Symbols, shard.stores.of(Stream::Symbols).checkpoint(Stream::Symbols).unwrap().unwrap());
    assert!(history.order(OrderKey::Id(OrderId(1))).is_ok());
}

#[test]
fn many_threads_share_few_readers_and_outlive_the_server() {
    let (blocks, _) = feed(Profile::Flow, 1, 300);
    let shard = shard(&blocks);
    let orders: Vec<OrderId> = (1..50).map(OrderId).collect();
    let read_all = || {
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope
                    .spawn(|| orders.iter().for_each(|order| drop(shard.history.order(OrderKey::Id(*order)).unwrap())));
            }
        });
    };
    read_all();
    let end_readers =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'buttonwood reads'";
    assert_ne!(shard.databases.server.query(&shard.database, end_readers).unwrap(), "0");
    // At most one reading meets each dead connection; then there are new ones.
    let deadline = Instant::now() + Duration::from_secs(20);
    while (0..4).any(|_| shard.history.order(OrderKey::Id(OrderId(1))).is_err()) {
        assert!(Instant::now() < deadline, "no new connections");
    }
    read_all();
}
