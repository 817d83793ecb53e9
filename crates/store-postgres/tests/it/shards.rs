//! Several databases share the streams: each has its part, says which shard it is, and is nobody else.

use domain::ids::{ShardId, SymbolId};
use domain::shard_map::ShardMap;
use domain::shards::Subject;
use domain::units::Seq;
use projector::batch::Stream;
use projector::conformance;
use projector::history::{OrderHistory, OrderKey};
use projector::memory::MemoryStore;
use projector::share::{Incoming, Share};
use projector::store::{Outcome, ReadStream, Store, StoreError, StoredRow};
use sim::feed::{feed_of, without_moves};
use store_postgres::history::PostgresOrders;
use store_postgres::store::{PostgresStore, STREAMS};

use crate::subject::{Databases, Stores};

fn sorted(mut rows: Vec<StoredRow>) -> Vec<StoredRow> {
    rows.sort_by_cached_key(|row| format!("{row:?}"));
    rows
}

#[test]
fn each_database_has_its_part() {
    let databases = Databases::quick();
    let (blocks, state) = feed_of(&without_moves(5, 900));
    let map = ShardMap::from_state(&state.shards, state.seq).unwrap();
    assert!(map.shards().len() > 1, "the rows are shared");
    let (mut orders, mut movements) = (0, 0);
    for shard in map.shards().iter().map(|shard| shard.id) {
        let database = databases.make();
        let config = databases.config(&database).of_shard(shard);
        let (mut stores, mut memory) = (Stores::open(&config), MemoryStore::default());
        let share = Share::of(shard, map.clone());
        for stream in STREAMS {
            let cut = blocks.len() / 2;
            for (from, to) in [(0, cut), (cut, blocks.len())] {
                let batch = conformance::part(stream, &blocks, from, to, share.clone());
                assert_eq!(stores.of(stream).commit(&batch), Outcome::Committed, "{stream:?}");
                assert_eq!(memory.commit(&batch), Outcome::Committed, "{stream:?}");
            }
        }
        for (stream, checkpoint, rows) in stores.everything() {
            let mut expected = Vec::new();
            assert_eq!(memory.read_stream(stream, &mut |row| expected.push(row)).unwrap(), checkpoint);
            assert!(sorted(rows) == sorted(expected), "{stream:?} of shard {}", shard.0);
        }
        let ask = |sql: &str| databases.server.query(&database, sql).unwrap().trim().parse::<u64>().unwrap();
        assert_eq!(ask("SELECT shard_id FROM shard"), u64::from(shard.0));
        for table in ["orders", "order_fills", "positions", "balances", "ledger", "withdrawals"] {
            let (all, owned) = (format!("SELECT count(*) FROM {table}"), format!("SELECT count(*) FROM owned_{table}"));
            assert_eq!(ask(&all), ask(&owned), "nothing has moved: all of {table} is owned");
        }
        orders += ask("SELECT count(*) FROM orders");
        movements += ask("SELECT count(*) FROM ledger");
    }
    let mut whole = Stores::open(&databases.config(&databases.make()));
    whole.fill(&blocks);
    let rows: Vec<StoredRow> = whole.everything().into_iter().flat_map(|(_, _, rows)| rows).collect();
    let count = |is: fn(&StoredRow) -> bool| u64::try_from(rows.iter().filter(|row| is(row)).count()).unwrap();
    assert_eq!(orders, count(|row| matches!(row, StoredRow::Order(_))));
    assert_eq!(movements, count(|row| matches!(row, StoredRow::Ledger(_))));
}

#[test]
fn a_database_of_another_shard_is_neither_written_nor_read() {
    let databases = Databases::quick();
    let (blocks, state) = feed_of(&without_moves(5, 200));
    let map = ShardMap::from_state(&state.shards, state.seq).unwrap();
    let database = databases.make();
    let config = |shard| databases.config(&database).of_shard(ShardId(shard));
    let half = blocks.len() / 2;
    let batch = |from, to| conformance::part(Stream::Reference, &blocks, from, to, Share::of(ShardId(0), map.clone()));
    let mut first = PostgresStore::open(config(0), Stream::Reference).unwrap();
    assert_eq!(first.commit(&batch(0, half)), Outcome::Committed);

    let mut other = PostgresStore::open(config(1), Stream::Reference).unwrap();
    assert!(matches!(other.checkpoint(Stream::Reference), Err(StoreError::Retry(_))));
    assert!(matches!(other.commit(&batch(half, blocks.len())), Outcome::Retry(_)));
    let said = other.trouble().unwrap();
    assert!(said.contains("is that of shard 0 of the venue, not of shard 1"), "{said}");
    let readers = PostgresOrders::open(&config(1), 1, None).unwrap();
    let read = format!("{:?}", readers.order(OrderKey::Id(domain::ids::OrderId(1))));
    assert!(read.contains("is that of shard 0"), "{read}");

    // A store that learns late which shard it is.
    let mut late = PostgresStore::open(databases.config(&database), Stream::Reference).unwrap();
    assert!(late.checkpoint(Stream::Reference).unwrap().is_some());
    late.set_shard(ShardId(2));
    assert!(matches!(late.commit(&batch(half, blocks.len())), Outcome::Retry(_)));
    assert_eq!(first.commit(&batch(half, blocks.len())), Outcome::Committed);
}

#[test]
fn what_was_copied_is_asked_for() {
    let databases = Databases::quick();
    let database = databases.make();
    let mut stores = Stores::open(&databases.config(&database));
    stores.fill(&[]);
    let copy = "INSERT INTO incoming (subject, subject_id, copied_seq, rows, digest) VALUES ('symbol', 3, 70, 9, '')";
    databases.server.query(&database, copy).unwrap();
    let incoming = Incoming::from([(Subject::Symbol(SymbolId(3)), Seq(70))]);
    assert_eq!(stores.of(Stream::Symbols).incoming(Stream::Symbols), Ok(incoming));
    assert_eq!(stores.of(Stream::Users).incoming(Stream::Users), Ok(Incoming::new()));
}
