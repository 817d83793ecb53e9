//! A power failure leaves the file and a part of the WAL. Whatever part: rows and checkpoints agree, and following on makes good what
//! is missing.

use std::path::Path;

use projector::batch::Stream;
use projector::conformance;
use projector::memory::MemoryStore;
use projector::store::{Outcome, ReadStream, Store, StoredRow};
use sim::commands::Profile;
use store_sqlite::store::{Role, SqliteStore};

use crate::subject::{everything, fill};
use sim::feed::feed;

/// Blocks in a batch.
const STEP: usize = 5;

#[test]
fn a_lost_tail_takes_its_checkpoint_with_it() {
    let (blocks, _) = feed(Profile::Flow, 1, 250);
    for role in [Role::Hot, Role::Archive] {
        let directory = tempfile::tempdir().unwrap();
        let live = directory.path().join("live.db");
        let mut store = SqliteStore::open(&live, role).unwrap();
        for at in (0..blocks.len()).step_by(STEP) {
            let end = (at + STEP).min(blocks.len());
            for stream in role.streams() {
                assert_eq!(store.commit(&conformance::batch(*stream, &blocks, at, end)), Outcome::Committed);
            }
        }
        let mut whole = SqliteStore::open(&directory.path().join("whole.db"), role).unwrap();
        fill(&mut whole, &blocks);
        let expected = everything(&mut whole);
        let wal = std::fs::read(wal_of(&live)).unwrap();
        assert!(wal.len() > 100_000, "everything is still in the WAL");
        let mut ends = std::collections::BTreeSet::new();
        for part in 0..=24 {
            let lost = directory.path().join(format!("lost{part}.db"));
            std::fs::copy(&live, &lost).unwrap();
            std::fs::write(wal_of(&lost), &wal[..wal.len() * part / 24]).unwrap();
            let mut recovered = SqliteStore::open(&lost, role).unwrap();
            ends.insert(follow_on(&mut recovered, role, &blocks));
            assert_eq!(everything(&mut recovered), expected, "after {part}/24 of the WAL");
        }
        assert!(ends.len() > 10, "tails of many lengths were lost");
    }
}

fn wal_of(path: &Path) -> std::path::PathBuf {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    wal.into()
}

/// Checks each stream at its checkpoint, then projects what is missing; the blocks that were there.
fn follow_on(store: &mut SqliteStore, role: Role, blocks: &[projector::block::CommittedBlock]) -> usize {
    let mut there = 0;
    for stream in role.streams() {
        let stored = store.checkpoint(*stream).unwrap();
        let at = stored.map_or(0, |stored| blocks.partition_point(|block| block.info().last <= stored.seq));
        assert_rows_at(store, role, *stream, &blocks[..at]);
        if at < blocks.len() {
            let outcome = store.commit(&conformance::batch(*stream, blocks, at, blocks.len()));
            assert_eq!(outcome, Outcome::Committed);
        }
        there += at;
    }
    there
}

fn assert_rows_at(store: &mut SqliteStore, role: Role, stream: Stream, blocks: &[projector::block::CommittedBlock]) {
    let mut memory = MemoryStore::default();
    if !blocks.is_empty() {
        let outcome = memory.commit(&conformance::batch(stream, blocks, 0, blocks.len()));
        assert_eq!(outcome, Outcome::Committed);
    }
    let mut expected = rows(&mut memory, stream);
    expected.retain(|row| role.keeps(row));
    assert_eq!(rows(store, stream), expected, "{stream:?}: the rows of the checkpoint, no more and no less");
}

fn rows(store: &mut dyn ReadStream, stream: Stream) -> Vec<StoredRow> {
    let mut rows = Vec::new();
    store.read_stream(stream, &mut |row| rows.push(row)).unwrap();
    rows.sort_by_cached_key(|row| format!("{row:?}"));
    rows
}

#[test]
fn a_sync_changes_nothing_and_waits_for_no_reader() {
    let (blocks, _) = feed(Profile::Flow, 2, 200);
    let directory = tempfile::tempdir().unwrap();
    let live = directory.path().join("live.db");
    let mut store = SqliteStore::open(&live, Role::Hot).unwrap();
    assert!(store.make_durable().is_ok(), "there is nothing to make durable");
    fill(&mut store, &blocks);
    let before = everything(&mut store);
    let reader = rusqlite::Connection::open(&live).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM checkpoints").unwrap();
    let length = std::fs::metadata(wal_of(&live)).unwrap().len();
    assert!(store.make_durable().is_ok());
    assert!(std::fs::metadata(wal_of(&live)).unwrap().len() > length, "a commit that was synced");
    assert_eq!(everything(&mut store), before);
}
