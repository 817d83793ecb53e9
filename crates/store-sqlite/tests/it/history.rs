//! History against a slow reader of the same rows: every query, at random.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use domain::ids::{OrderId, SymbolId, TradeId, UserId};
use domain::order::Side;
use domain::text::ClientOrderId;
use domain::units::{Amount, Seq, UnixNanos};
use projector::batch::Stream;
use projector::block::CommittedBlock;
use projector::candle::Candle;
use projector::history::{
    FillsQuery, Halves, LedgerQuery, MinutesQuery, OrderHistory, OrderKey, OrdersQuery, Selection, TimeRange,
    TradeHistory, TradesQuery,
};
use projector::rows::{FillRow, LedgerRow, OrderRow, TradeRow};
use projector::store::{ReadStream, Store, StoredRow};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rusqlite::Connection;
use sim::commands::Profile;
use store_sqlite::history::{SqliteOrders, SqliteTrades};
use store_sqlite::store::{Role, SqliteStore};

use crate::feed::feed;
use crate::subject::fill;

const MINUTE_NS: u64 = 60_000_000_000;

/// All rows, looked through one by one.
#[derive(Default)]
struct Slow {
    orders: Vec<OrderRow>,
    fills: Vec<FillRow>,
    trades: Vec<TradeRow>,
    ledger: Vec<LedgerRow>,
}

impl Slow {
    fn read(stores: [&mut SqliteStore; 2]) -> Self {
        let mut slow = Self::default();
        for store in stores {
            for stream in store.role().streams() {
                store
                    .read_stream(*stream, &mut |row| match row {
                        StoredRow::Order(row) => slow.orders.push(row),
                        StoredRow::Fill(row) => slow.fills.push(row),
                        StoredRow::Trade(row) => slow.trades.push(row),
                        StoredRow::Ledger(row) => slow.ledger.push(row),
                        _ => {}
                    })
                    .unwrap();
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

fn candles(trades: &[TradeRow], query: &MinutesQuery) -> Vec<Candle> {
    let mut minutes: BTreeMap<u64, Vec<&TradeRow>> = BTreeMap::new();
    for trade in trades.iter().filter(|trade| trade.symbol == query.symbol) {
        minutes.entry(trade.time.0 / MINUTE_NS * MINUTE_NS).or_default().push(trade);
    }
    let all: Vec<Candle> = minutes
        .into_iter()
        .filter(|(open_time, _)| query.time.contains(UnixNanos(*open_time)))
        .map(|(open_time, trades)| {
            let (first, last) = (trades[0], trades[trades.len() - 1]);
            let bought = || trades.iter().filter(|trade| trade.taker_side == Side::Buy);
            Candle {
                open_time: UnixNanos(open_time),
                open: first.price,
                high: trades.iter().map(|trade| trade.price).max().unwrap(),
                low: trades.iter().map(|trade| trade.price).min().unwrap(),
                close: last.price,
                volume: trades.iter().map(|trade| u128::from(trade.quantity.0)).sum(),
                quote_volume: Amount(trades.iter().map(|trade| trade.quote.0).sum()),
                taker_buy_volume: bought().map(|trade| u128::from(trade.quantity.0)).sum(),
                taker_buy_quote_volume: Amount(bought().map(|trade| trade.quote.0).sum()),
                first_trade: first.trade,
                last_trade: last.trade,
                trades: trades.len() as u64,
            }
        })
        .collect();
    let skip = if query.time.from.is_some() { 0 } else { all.len().saturating_sub(query.limit) };
    all.into_iter().skip(skip).take(query.limit).collect()
}

struct Files {
    hot: SqliteStore,
    archive: SqliteStore,
    history: Halves,
    directory: tempfile::TempDir,
}

fn halves(hot: &Path, archive: &Path, readers: usize) -> Halves {
    Halves {
        orders: Arc::new(SqliteOrders::open(hot, readers, None).unwrap()),
        trades: Arc::new(SqliteTrades::open(archive, readers, None).unwrap()),
    }
}

fn files(blocks: &[CommittedBlock]) -> Files {
    let directory = tempfile::tempdir().unwrap();
    let (hot, archive) = (directory.path().join("hot.db"), directory.path().join("archive.db"));
    let mut stores = (SqliteStore::open(&hot, Role::Hot).unwrap(), SqliteStore::open(&archive, Role::Archive).unwrap());
    fill(&mut stores.0, blocks);
    fill(&mut stores.1, blocks);
    let history = halves(&hot, &archive, 2);
    Files { hot: stores.0, archive: stores.1, history, directory }
}

/// The same history at other sequences and ids, so that it lies across ranges of the indexes.
fn spread(directory: &Path) {
    // Trades lie minutes apart.
    let archive = Connection::open(directory.join("archive.db")).unwrap();
    let later = "UPDATE completed_trades SET time = time + (time - 1700000000000000000) * 3000";
    archive.execute(later, []).unwrap();
    let connection = Connection::open(directory.join("hot.db")).unwrap();
    connection
        .execute_batch(
            "UPDATE orders SET order_id = order_id + (placed_seq / 20) * 131072 + 1000000000;
             UPDATE order_states SET order_id = (SELECT o.order_id FROM orders AS o
                 WHERE (o.order_id - 1000000000 - (o.placed_seq / 20) * 131072) = order_states.order_id);
             UPDATE order_fills SET order_id = (SELECT o.order_id FROM orders AS o
                 WHERE (o.order_id - 1000000000 - (o.placed_seq / 20) * 131072) = order_fills.order_id);
             UPDATE order_fills SET seq = seq * 100000;
             UPDATE ledger SET seq = seq * 100000;",
        )
        .unwrap();
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

fn check_all(files: &mut Files, runner: &mut TestRunner) {
    let slow = Slow::read([&mut files.hot, &mut files.archive]);
    assert!(slow.orders.len() > 50 && slow.fills.len() > 20 && slow.ledger.len() > 50, "there is something to read");
    let history = &files.history;
    let ends = [slow.orders[0].placed_time, slow.orders[slow.orders.len() - 1].placed_time];
    let through = files.hot.checkpoint(Stream::Symbols).unwrap().unwrap().seq;
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
    check_trades(&slow, history, runner);
    check_single(&slow, history);
}

fn check_trades(slow: &Slow, history: &Halves, runner: &mut TestRunner) {
    let symbol = || (0_u32..4).prop_map(SymbolId);
    let time = || slow.trades.iter().map(|row| row.time);
    let ends = [time().min().unwrap(), time().max().unwrap()];
    runner
        .run(&(symbol(), selection(ends, (0_u64..60).prop_map(TradeId))), |(symbol, selection)| {
            let page = history.trades(&TradesQuery { symbol, selection }).unwrap();
            let matching = slow.trades.iter().filter(|row| row.symbol == symbol);
            prop_assert_eq!(page.rows, select(matching.copied(), &selection, |row| (row.trade, row.time)));
            Ok(())
        })
        .unwrap();
    runner
        .run(&(symbol(), times(ends), 1_usize..6), |(symbol, time, limit)| {
            let query = MinutesQuery { symbol, time, limit };
            prop_assert_eq!(history.minutes(&query).unwrap().rows, candles(&slow.trades, &query));
            Ok(())
        })
        .unwrap();
}

/// Orders by either name, and the fills of each.
fn check_single(slow: &Slow, history: &Halves) {
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
    for (seed, profile, count) in [(1, Profile::Flow, 700), (2, Profile::Small, 2_000), (3, Profile::Flow, 500)] {
        println!("seed {seed}");
        let (blocks, _) = feed(profile, seed, count);
        let mut files = files(&blocks);
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(120) });
        check_all(&mut files, &mut runner);
    }
}

#[test]
fn ranges_of_the_indexes_are_walked() {
    let (blocks, _) = feed(Profile::Flow, 1, 700);
    let mut files = files(&blocks);
    spread(files.directory.path());
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(120) });
    check_all(&mut files, &mut runner);
}

#[test]
fn an_empty_store_has_nothing_through_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (hot, archive) = (directory.path().join("hot.db"), directory.path().join("archive.db"));
    drop((SqliteStore::open(&hot, Role::Hot).unwrap(), SqliteStore::open(&archive, Role::Archive).unwrap()));
    let history = halves(&hot, &archive, 1);
    let (user, symbol) = (UserId(1), SymbolId(0));
    let time = TimeRange { from: Some(UnixNanos(5)), to: Some(UnixNanos(9)) };
    let page = history.order(OrderKey::Id(OrderId(1))).unwrap();
    assert_eq!((page.through, page.rows), (Seq::ZERO, vec![]));
    let selection = Selection { first: None, time, limit: 5 };
    assert_eq!(history.orders(&OrdersQuery { user, symbol, selection }).unwrap().rows, []);
    let selection = Selection { first: None, time, limit: 5 };
    assert_eq!(history.fills(&FillsQuery { user, symbol, order: None, selection }).unwrap().rows, []);
    assert_eq!(history.trades(&TradesQuery { symbol, selection }).unwrap().rows, []);
    let selection = Selection { first: Some(Seq(3)), time, limit: 5 };
    assert_eq!(history.ledger(&LedgerQuery { user, selection }).unwrap().rows, []);
    assert_eq!(history.minutes(&MinutesQuery { symbol, time, limit: 5 }).unwrap().rows, []);
}

#[test]
fn many_threads_share_few_readers() {
    let (blocks, _) = feed(Profile::Flow, 1, 300);
    let files = files(&blocks);
    let orders: Vec<OrderId> = (1..200).map(OrderId).collect();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for order in &orders {
                    files.history.order(OrderKey::Id(*order)).unwrap();
                }
            });
        }
    });
}
