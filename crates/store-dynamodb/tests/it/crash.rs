//! Servers killed while they are written to: each document is there once, and the checkpoint is never ahead of them.

use archive_cluster::server::{Kind, Server};
use documents::collection::Collection;
use projector::batch::Stream;
use projector::block::CommittedBlock;
use projector::conformance;
use projector::memory::MemoryStore;
use projector::store::{Outcome, ReadStream, Store, StoredRow};
use sim::commands::Profile;

use crate::feed::feed;
use crate::proxy::Failure;
use crate::subject::{Item, STREAMS, Stores, Tables};

/// Which stream's commit the server dies in, and after how many writes.
const ROUNDS: [(Stream, u64); 5] = [
    (Stream::Audit, 1),
    (Stream::Leaderboards, 20),
    (Stream::Trades, 2),
    (Stream::Analytics, 7),
    (Stream::HistoricalPositions, 3),
];

/// Commits block by block from where the stream is, until all are there or the server is gone; how many are there then.
fn follow(store: &mut impl Store, stream: Stream, blocks: &[CommittedBlock]) -> Option<usize> {
    let mut at = place(store, stream, blocks)?;
    while at < blocks.len() {
        let end = blocks.len().min(at + 20);
        match store.commit(&conformance::batch(stream, blocks, at, end)) {
            Outcome::Committed => at = end,
            Outcome::Retry(_) => return None,
            outcome => panic!("{stream:?}: {outcome:?}"),
        }
    }
    Some(at)
}

/// How many blocks a stream has; absent: nobody knows at the moment.
fn place(store: &mut impl Store, stream: Stream, blocks: &[CommittedBlock]) -> Option<usize> {
    let checkpoint = store.checkpoint(stream).ok()?;
    let Some(checkpoint) = checkpoint else { return Some(0) };
    let index = blocks.iter().position(|block| block.info().last == checkpoint.seq);
    Some(index.expect("a checkpoint is at the end of a block") + 1)
}

fn rows(store: &mut dyn ReadStream, stream: Stream) -> Vec<StoredRow> {
    let mut rows = Vec::new();
    store.read_stream(stream, &mut |row| rows.push(row)).unwrap();
    rows.retain(documents::rows::keeps);
    rows.sort_by_cached_key(|row| format!("{row:?}"));
    rows
}

#[test]
fn a_server_killed_at_any_moment_has_each_document_once() {
    let mut server = Server::temporary(Kind::DynamoDb).unwrap();
    let tables = Tables::at(server.address());
    let name = tables.make();
    let config = tables.config(&name);
    let (all, _) = feed(Profile::Flow, 1, 250 * ROUNDS.len());
    let mut partial = 0;
    for (round, (stream, writes)) in (1..).zip(ROUNDS) {
        let blocks = &all[..all.len() * round / ROUNDS.len()];
        let mut stores = Stores::open(&config);
        assert_eq!(follow(stores.of(Stream::Reference), Stream::Reference, blocks), Some(blocks.len()));
        let store = stores.of(stream);
        let half = usize::midpoint(place(store, stream, blocks).unwrap(), blocks.len());
        assert_eq!(follow(store, stream, &blocks[..half]), Some(half));
        let items = || -> Vec<Item> {
            Collection::of(stream).iter().flat_map(|collection| tables.items(&name, collection.name())).collect()
        };
        let before = items();
        let rest = conformance::batch(stream, blocks, half, blocks.len());
        std::thread::scope(|scope| {
            tables.proxy.fail_after(Some((writes, Failure::Held)));
            let writer = scope.spawn(|| store.commit(&rest));
            // Some are done, others under way.
            tables.proxy.until_held();
            server.kill().unwrap();
            tables.proxy.fail_after(None);
            let outcome = writer.join().unwrap();
            assert!(matches!(outcome, Outcome::Retry(_)), "round {round}: {outcome:?}");
        });
        server.restart().unwrap();
        partial += u32::from(items() != before);
        for stream in STREAMS {
            let store = stores.of(stream);
            // Connections of before are found broken first.
            while place(store, stream, blocks).is_none() {}
            let there = place(store, stream, blocks).unwrap();
            println!("round {round}: {stream:?} has {there} of {} blocks", blocks.len());
            if stream == ROUNDS[round - 1].0 {
                assert_eq!(there, half, "round {round}: the checkpoint is written last");
            }
            let mut memory = MemoryStore::default();
            if there > 0 {
                assert_eq!(memory.commit(&conformance::batch(stream, blocks, 0, there)), Outcome::Committed);
            }
            // Sums may be later than the checkpoint.
            if [Stream::Trades, Stream::Audit].contains(&stream) {
                assert_eq!(rows(store, stream), rows(&mut memory, stream), "up to the checkpoint");
            }
            assert_eq!(follow(store, stream, blocks), Some(blocks.len()), "{:?}", store.trouble());
        }
    }
    assert!(partial > 1, "the service had a part of what was to be written in {partial} rounds");
    let mut stores = Stores::open(&config);
    for stream in STREAMS {
        let mut memory = MemoryStore::default();
        assert_eq!(memory.commit(&conformance::batch(stream, &all, 0, all.len())), Outcome::Committed);
        assert_eq!(rows(stores.of(stream), stream), rows(&mut memory, stream), "{stream:?}");
    }
}
