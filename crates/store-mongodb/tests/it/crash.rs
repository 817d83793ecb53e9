//! Servers killed while they are written to: each document is there once, and the checkpoint is never ahead of them.

use archive_cluster::server::{Kind, Server};
use documents::collection::{Collection, Kind as Kept};
use domain::units::Seq;
use mongodb::bson::{Document, doc};
use projector::batch::Stream;
use projector::block::CommittedBlock;
use projector::conformance;
use projector::memory::MemoryStore;
use projector::store::{Outcome, ReadStream, Store, StoredRow};
use sim::commands::Profile;
use store_mongodb::config::MongoConfig;

use crate::feed::feed;
use crate::proxy::Proxy;
use crate::subject::{STREAMS, Stores};

const ROUNDS: usize = 5;
/// Writes before a server is killed, in each round another number: commits have a handful of writes.
const WRITES: [u64; ROUNDS] = [40, 71, 53, 102, 89];

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

/// Documents of a stream that are later than its checkpoint: of a commit that was interrupted.
fn later(server: &Server, stream: Stream, through: Seq) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("{}/?directConnection=true", server.url());
        let database = mongodb::Client::with_uri_str(url).await.unwrap().database("archive");
        let mut count = 0;
        for collection in Collection::of(stream) {
            let later = doc! { "seq": { "$gt": through.0.cast_signed() } };
            count += database.collection::<Document>(collection.name()).count_documents(later).await.unwrap();
        }
        count
    })
}

#[test]
fn a_server_killed_at_any_moment_has_each_document_once() {
    let mut server = Server::temporary(Kind::MongoDb).unwrap();
    let proxy = Proxy::new(server.address());
    let url = format!("mongodb://{}/archive?directConnection=true&serverMonitoringMode=poll", proxy.address());
    let mut config = MongoConfig::new(&url, None).unwrap();
    // Several writes to a commit.
    config.documents_max = 4;
    let (all, _) = feed(Profile::Flow, 1, 150 * ROUNDS);
    let mut partial = 0;
    for (round, writes) in (1..=ROUNDS).zip(WRITES) {
        let blocks = &all[..all.len() * round / ROUNDS];
        let mut stores = Stores::open(&config);
        assert_eq!(follow(stores.of(Stream::Reference), Stream::Reference, blocks), Some(blocks.len()));
        let killer = proxy.kill_after(writes);
        let interrupted = std::thread::scope(|scope| {
            let following = stores.each().map(|(stream, store)| scope.spawn(move || follow(store, stream, blocks)));
            let following: Vec<_> = following.collect();
            killer.recv().unwrap();
            server.kill().unwrap();
            following.into_iter().filter_map(|stream| stream.join().unwrap().is_none().then_some(())).count()
        });
        assert!(interrupted > 0, "round {round}: everything was there before the server was killed");
        proxy.fail_after(None);
        server.restart().unwrap();
        for stream in STREAMS {
            let store = stores.of(stream);
            // Connections of before are found broken first.
            while place(store, stream, blocks).is_none() {}
            let there = place(store, stream, blocks).unwrap();
            let through = there.checked_sub(1).map_or(Seq::ZERO, |last| blocks[last].info().last);
            let later = later(&server, stream, through);
            println!("round {round}: {stream:?} has {there} of {} blocks, and {later} documents", blocks.len());
            partial += later;
            let mut memory = MemoryStore::default();
            if there > 0 {
                assert_eq!(memory.commit(&conformance::batch(stream, blocks, 0, there)), Outcome::Committed);
            }
            // What is written over may be later.
            if Collection::of(stream).iter().all(|collection| collection.kind() == Kept::Added) {
                assert_eq!(rows(store, stream), rows(&mut memory, stream), "up to the checkpoint");
            }
            assert_eq!(follow(store, stream, blocks), Some(blocks.len()), "{:?}", store.trouble());
        }
    }
    assert!(partial > 0, "no commit was interrupted between its documents and its checkpoint");
    let mut stores = Stores::open(&config);
    for stream in STREAMS {
        let mut memory = MemoryStore::default();
        assert_eq!(memory.commit(&conformance::batch(stream, &all, 0, all.len())), Outcome::Committed);
        assert_eq!(rows(stores.of(stream), stream), rows(&mut memory, stream), "{stream:?}");
    }
}
