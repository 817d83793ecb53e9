//! The same on real files, with threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use domain::units::{Seq, UnixNanos};
use journal::config::{Config, Insist};
use journal::error::{OpenError, ReadError};
use journal::journal::Journal;
use journal::prepare::Headroom;
use journal::storage::Directory;
use journal::verify::verify;

use crate::fixture::{append, config, ends, payload, read_all};

#[test]
fn a_log_on_real_files_survives_being_reopened() {
    let temp = tempfile::tempdir().unwrap();
    let directory = Directory::on_disk(temp.path().join("not/there/yet"));
    let config = config(4096);
    let (mut journal, recovered) = Journal::open(directory.clone(), config, Insist::default()).unwrap();
    assert!(recovered.created);
    for _ in 0..20 {
        append(&mut journal, 3).unwrap();
        journal.sync().unwrap();
    }
    let locked = Journal::open(directory.clone(), config, Insist::default());
    assert!(matches!(locked, Err(OpenError::Locked(_))));
    journal.save_vote(b"vote").unwrap();
    let blocks = read_all(&journal);
    journal.seal(1, UnixNanos(1_000_000)).unwrap();
    let (mut journal, recovered) = Journal::open(directory, config, Insist::default()).unwrap();
    assert!(recovered.sealed && recovered.tip.seq == Seq(60));
    assert_eq!(read_all(&journal), blocks);
    assert_eq!(journal.read_vote().unwrap().unwrap(), b"vote");
    journal.truncate_after(Seq(30)).unwrap();
    journal.purge_before(Seq(10)).unwrap();
    assert_eq!(ends(&journal).last(), Some(&30));
}

#[test]
fn a_missing_directory_is_an_empty_log_to_readers() {
    let temp = tempfile::tempdir().unwrap();
    let directory = Directory::on_disk(temp.path().join("none"));
    let source = journal::read::SegmentSource::new(directory.clone(), config(64).identity);
    assert_eq!(source.oldest().unwrap(), None);
    assert!(source.reader(Seq::ZERO).next_block(Seq(5)).unwrap().is_none());
    assert!(matches!(source.reader(Seq(1)).next_block(Seq(5)), Err(ReadError::Missing(Seq(1)))));
    assert_eq!(verify(&directory, config(64).identity).unwrap().blocks, 0);
}

#[test]
fn readers_in_other_threads_follow_across_segments() {
    const BLOCKS: u64 = 2000;
    let temp = tempfile::tempdir().unwrap();
    let config = Config { segment_bytes: 64 << 10, append_bytes_max: 32 << 10, ..config(64) };
    let directory = Directory::on_disk(temp.path());
    let (mut journal, _) = Journal::open(directory, config, Insist::default()).unwrap();
    journal.prepare_in_background().unwrap();
    let committed = AtomicU64::new(0);
    let source = journal.source();
    thread::scope(|scope| {
        for from in [1, 777, BLOCKS * 2] {
            let (source, committed) = (&source, &committed);
            scope.spawn(move || {
                let mut reader = source.reader(Seq(from));
                while reader.next_seq() <= Seq(BLOCKS * 2) {
                    match reader.next_block(Seq(committed.load(Ordering::Acquire))).unwrap() {
                        Some(block) => assert_eq!(block.payload, payload(block.header.first_seq.0, 80)),
                        None => thread::yield_now(),
                    }
                }
            });
        }
        for _ in 0..BLOCKS {
            append(&mut journal, 2).unwrap();
            committed.store(journal.tip().seq.0, Ordering::Release);
        }
    });
    assert_eq!(journal.headroom(), Headroom::Ample);
    assert_eq!(ends(&journal).len() as u64, BLOCKS);
}
