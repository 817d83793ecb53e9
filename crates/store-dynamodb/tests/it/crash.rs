//! Servers killed while they are written to: each document is there once, and the checkpoint is never ahead of them.

use archive_cluster::server::{Kind, Server};
use projector::batch::Stream;
use projector::block::CommittedBlock;
use projector::conformance;
use projector::memory::MemoryStore;
use projector::store::{Outcome, ReadStream, Store, StoredRow};
use sim::commands::Profile;
use store_dynamodb::config::DynamoConfig;

use crate::feed::feed;
use crate::subject::Stores;

const ROUNDS: usize = 5;
const STREAMS: [Stream; 3] = [Stream::Reference, Stream::Trades, Stream::Audit];

/// Commits block by block from where the stream is, until all are there or the server is gone; how many are there then.
fn follow(store: &mut impl Store, stream: Stream, blocks: &[CommittedBlock]) -> Option<usize> {
    let mut at = place(store, stream, blocks)?;
    while at < blocks.len() {
        let end = blocks.len().min(at + 3);
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
    let config = DynamoConfig::new(&format!("dynamodb://eu-central-1/archive?endpoint={}", server.url())).unwrap();
    let (all, _) = feed(Profile::Flow, 1, 250 * ROUNDS);
    for round in 1..=ROUNDS {
        let blocks = &all[..all.len() * round / ROUNDS];
        let mut stores = Stores::open(&config);
        assert_eq!(follow(stores.of(Stream::Reference), Stream::Reference, blocks), Some(blocks.len()));
        std::thread::scope(|scope| {
            let (sender, begun) = std::sync::mpsc::channel();
            let stores = &mut stores;
            let writer = scope.spawn(move || {
                let audit = stores.of(Stream::Audit);
                let at = place(audit, Stream::Audit, blocks).unwrap();
                let half = usize::midpoint(at, blocks.len());
                follow(audit, Stream::Audit, &blocks[..half]).unwrap();
                sender.send(()).unwrap();
                // Killed somewhere in here.
                follow(audit, Stream::Audit, blocks);
                follow(stores.of(Stream::Trades), Stream::Trades, blocks)
            });
            begun.recv().unwrap();
            server.kill().unwrap();
            writer.join().unwrap();
        });
        server.restart().unwrap();
        for stream in STREAMS {
            let store = stores.of(stream);
            // Connections of before are found broken first.
            while place(store, stream, blocks).is_none() {}
            let there = place(store, stream, blocks).unwrap();
            println!("round {round}: {stream:?} has {there} of {} blocks", blocks.len());
            let mut memory = MemoryStore::default();
            if there > 0 {
                assert_eq!(memory.commit(&conformance::batch(stream, blocks, 0, there)), Outcome::Committed);
            }
            if stream != Stream::Reference {
                assert_eq!(rows(store, stream), rows(&mut memory, stream), "up to the checkpoint");
            }
            assert_eq!(follow(store, stream, blocks), Some(blocks.len()), "{:?}", store.trouble());
        }
    }
    let mut stores = Stores::open(&config);
    for stream in STREAMS {
        let mut memory = MemoryStore::default();
        assert_eq!(memory.commit(&conformance::batch(stream, &all, 0, all.len())), Outcome::Committed);
        assert_eq!(rows(stores.of(stream), stream), rows(&mut memory, stream), "{stream:?}");
    }
}
