//! History against a slow reader of the same rows: every query, at random.

use std::path::Path;
use std::sync::Arc;

use domain::ids::OrderId;
use projector::batch::Stream;
use projector::block::CommittedBlock;
use projector::conformance::history::{
    Slow, an_empty_store_has_no_orders, an_empty_store_has_no_trades, orders_are_those_of_a_slow_reader,
    trades_are_those_of_a_slow_reader,
};
use projector::history::{Halves, OrderHistory, OrderKey};
use projector::store::Store;
use rusqlite::Connection;
use sim::commands::Profile;
use sim::feed::feed;
use store_sqlite::history::{SqliteOrders, SqliteTrades};
use store_sqlite::store::{Role, SqliteStore};

use crate::subject::{everything, fill};

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

fn check_all(files: &mut Files, seed: u64) {
    let of = |store| everything(store).into_iter().flat_map(|(_, _, rows)| rows);
    let slow = Slow::of(of(&mut files.hot).chain(of(&mut files.archive)));
    let through = files.hot.checkpoint(Stream::Symbols).unwrap().unwrap().seq;
    orders_are_those_of_a_slow_reader(&files.history, &slow, through, seed);
    trades_are_those_of_a_slow_reader(&files.history, &slow, seed);
}

#[test]
fn every_query_answers_as_a_slow_reader_does() {
    for (seed, profile, count) in [(1, Profile::Flow, 700), (2, Profile::Small, 2_000), (3, Profile::Flow, 500)] {
        println!("seed {seed}");
        let (blocks, _) = feed(profile, seed, count);
        let mut files = files(&blocks);
        check_all(&mut files, seed);
    }
}

#[test]
fn ranges_of_the_indexes_are_walked() {
    let (blocks, _) = feed(Profile::Flow, 1, 700);
    let mut files = files(&blocks);
    spread(files.directory.path());
    check_all(&mut files, 1);
}

#[test]
fn an_empty_store_has_nothing_through_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (hot, archive) = (directory.path().join("hot.db"), directory.path().join("archive.db"));
    drop((SqliteStore::open(&hot, Role::Hot).unwrap(), SqliteStore::open(&archive, Role::Archive).unwrap()));
    let history = halves(&hot, &archive, 1);
    an_empty_store_has_no_orders(&history);
    an_empty_store_has_no_trades(&history);
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
