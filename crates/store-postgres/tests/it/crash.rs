//! A server that is killed while it commits. Whatever it lost: rows and checkpoints agree, and following on makes good what is missing.

use std::time::{Duration, Instant};

use pg_cluster::options::Options;
use pg_cluster::server::Server;
use projector::batch::Stream;
use projector::block::CommittedBlock;
use projector::conformance;
use projector::memory::MemoryStore;
use projector::store::{Outcome, ReadStream, Store, StoredRow};
use sim::commands::Profile;
use store_postgres::config::PostgresConfig;
use store_postgres::store::{PostgresStore, STREAMS};

use crate::subject::Stores;
use sim::feed::feed;

const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_mins(1);

/// Where the stored checkpoint of a stream is among the blocks; the server may be on its way up.
fn place(store: &mut PostgresStore, stream: Stream, blocks: &[CommittedBlock]) -> usize {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match store.checkpoint(stream) {
            Ok(stored) => return stored.map_or(0, |at| blocks.partition_point(|block| block.info().last <= at.seq)),
            Err(error) => assert!(Instant::now() < deadline, "{error}: {:?}", store.trouble()),
        }
    }
}

/// Commits block by block until the blocks end or the server is gone; how many were committed.
fn follow(store: &mut PostgresStore, stream: Stream, blocks: &[CommittedBlock]) -> usize {
    let at = place(store, stream, blocks);
    follow_from(store, stream, blocks, at)
}

fn follow_from(store: &mut PostgresStore, stream: Stream, blocks: &[CommittedBlock], from: usize) -> usize {
    let mut at = from;
    while at < blocks.len() {
        match store.commit(&conformance::batch(stream, blocks, at, at + 1)) {
            Outcome::Committed => at += 1,
            Outcome::Retry(_) => return at,
            outcome => panic!("{stream:?}: {outcome:?}"),
        }
    }
    at
}

fn rows(store: &mut dyn ReadStream, stream: Stream) -> Vec<StoredRow> {
    let mut rows = Vec::new();
    store.read_stream(stream, &mut |row| rows.push(row)).unwrap();
    rows.sort_by_cached_key(|row| format!("{row:?}"));
    rows
}

/// Of the blocks up to the stored checkpoint there is everything, and nothing else.
pub(crate) fn assert_whole(stores: &mut Stores, blocks: &[CommittedBlock]) {
    for stream in STREAMS {
        let at = place(stores.of(stream), stream, blocks);
        let mut memory = MemoryStore::default();
        if at > 0 {
            assert_eq!(memory.commit(&conformance::batch(stream, blocks, 0, at)), Outcome::Committed);
        }
        assert_eq!(rows(stores.of(stream), stream), rows(&mut memory, stream), "{stream:?} at block {at}");
    }
}

#[test]
fn a_server_killed_while_it_commits_loses_rows_only_with_their_checkpoint() {
    // A short delay of the WAL writer would hide what asynchronous commits lose.
    let options = Options::default().with("wal_writer_delay", "10s").with("wal_writer_flush_after", "100MB");
    let mut server = Server::temporary(&options).unwrap();
    server.create_database("shard").unwrap();
    let config = PostgresConfig::new(&server.url("shard"), None).unwrap();
    let (all, _) = feed(Profile::Flow, 1, 400 * ROUNDS);
    let mut lost = 0;
    for round in 0..ROUNDS {
        let (begin, end) = (all.len() * round / ROUNDS, all.len() * (round + 1) / ROUNDS);
        let (blocks, kill_at) = (&all[..end], usize::midpoint(begin, end));
        let mut stores = Stores::open(&config);
        let reached = std::thread::scope(|scope| {
            let (sender, passed) = std::sync::mpsc::channel();
            let writer = scope.spawn({
                let stores = &mut stores;
                move || {
                    follow(stores.of(Stream::Reference), Stream::Reference, blocks);
                    follow(stores.of(Stream::Users), Stream::Users, &blocks[..kill_at]);
                    let at = follow(stores.of(Stream::Symbols), Stream::Symbols, &blocks[..kill_at]);
                    sender.send(()).unwrap();
                    // Killed somewhere in here: between two statements, in a commit, or after it.
                    follow_from(stores.of(Stream::Symbols), Stream::Symbols, blocks, at)
                }
            });
            passed.recv().unwrap();
            server.kill().unwrap();
            writer.join().unwrap()
        });
        server.restart().unwrap();
        let there = place(stores.of(Stream::Symbols), Stream::Symbols, blocks);
        println!("round {round}: {reached} blocks were committed, {there} of {} are there", blocks.len());
        assert!(there <= reached + 1, "at most the one whose answer was lost is there besides");
        lost += reached.saturating_sub(there);
        assert_whole(&mut stores, blocks);
        for stream in STREAMS {
            assert_eq!(follow(stores.of(stream), stream, blocks), blocks.len(), "{:?}", stores.of(stream).trouble());
        }
        assert_whole(&mut stores, blocks);
    }
    assert!(lost > 0, "a killed server loses commits it did not wait for");
}

#[test]
fn what_was_made_durable_outlives_a_kill() {
    let options = Options::default().with("wal_writer_delay", "10s").with("wal_writer_flush_after", "100MB");
    let mut server = Server::temporary(&options).unwrap();
    server.create_database("shard").unwrap();
    let config = PostgresConfig::new(&server.url("shard"), None).unwrap();
    let (blocks, _) = feed(Profile::Flow, 1, 400);
    let mut stores = Stores::open(&config);
    assert!(stores.of(Stream::Users).make_durable().is_ok(), "there is nothing to make durable");
    for stream in STREAMS {
        assert_eq!(follow(stores.of(stream), stream, &blocks), blocks.len());
    }
    assert!(stores.of(Stream::Symbols).make_durable().is_ok());
    server.kill().unwrap();
    server.restart().unwrap();
    for stream in [Stream::Reference, Stream::Symbols] {
        assert_eq!(place(stores.of(stream), stream, &blocks), blocks.len(), "{stream:?}");
    }
}
