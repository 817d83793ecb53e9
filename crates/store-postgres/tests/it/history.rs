//! History against a slow reader of the same rows: every query, at random.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::ids::{Checkpoint, OrderId};
use projector::batch::Stream;
use projector::block::CommittedBlock;
use projector::conformance::history::{Slow, an_empty_store_has_no_orders, orders_are_those_of_a_slow_reader};
use projector::history::{OrderHistory, OrderKey, ReadError};
use projector::lineage::Lineage;
use projector::store::Store;
use sim::commands::Profile;
use sim::feed::feed;
use store_postgres::history::PostgresOrders;

use crate::subject::{Databases, Stores};

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

fn check_all(shard: &mut Shard, seed: u64) {
    let slow = Slow::of(shard.stores.everything().into_iter().flat_map(|(_, _, rows)| rows));
    let through = shard.stores.of(Stream::Symbols).checkpoint(Stream::Symbols).unwrap().unwrap().seq;
    orders_are_those_of_a_slow_reader(&shard.history, &slow, through, seed);
}

#[test]
fn every_query_answers_as_a_slow_reader_does() {
    for (seed, profile, count) in [(1, Profile::Flow, 700), (2, Profile::Small, 2_000)] {
        println!("seed {seed}");
        let (blocks, _) = feed(profile, seed, count);
        let mut shard = shard(&blocks);
        check_all(&mut shard, seed);
    }
}

#[test]
fn partitions_and_ranges_are_walked() {
    let (blocks, _) = feed(Profile::Flow, 1, 700);
    let mut shard = shard(&blocks);
    spread(&shard);
    check_all(&mut shard, 1);
}

#[test]
fn an_empty_store_has_nothing_through_nothing() {
    let shard = shard(&[]);
    an_empty_store_has_no_orders(&shard.history);
}

#[test]
fn only_what_is_of_the_lineage_is_answered() {
    let (blocks, _) = feed(Profile::Flow, 1, 100);
    let mut shard = shard(&blocks);
    let lineage = Arc::new(Lineage::default());
    let history =
        PostgresOrders::open(&shard.databases.config(&shard.database), 1, Some(Arc::clone(&lineage))).unwrap();
    let checkpoint = shard.stores.of(Stream::Symbols).checkpoint(Stream::Symbols).unwrap().unwrap();
    assert!(matches!(history.order(OrderKey::Id(OrderId(1))), Err(ReadError::Failed(_))), "nobody knows yet");
    lineage.admit(Stream::Symbols, Checkpoint { seq: checkpoint.seq.previous(), ..checkpoint });
    assert!(matches!(history.order(OrderKey::Id(OrderId(1))), Err(ReadError::Foreign(_))), "written by somebody else");
    lineage.admit(Stream::Symbols, checkpoint);
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
