//! Snapshots are there whole or not at all, and the newest that can be used is.

use std::path::PathBuf;
use std::sync::Arc;

use codec::snapshot::SnapshotHeader;
use domain::ids::Hash256;
use domain::state::State;
use domain::units::{Epoch, Seq, UnixNanos};
use journal::faulty::FaultyDisk;
use journal::faulty::fault::Fault;
use sequencer::folder::Folder;
use sequencer::snapshots::Snapshots;

use crate::fixture::VENUE;

fn open(disk: &FaultyDisk) -> Snapshots {
    Snapshots::open(Folder::new(Arc::new(disk.clone()), "snapshots")).unwrap()
}

fn save(snapshots: &Snapshots, seq: u64) -> std::io::Result<PathBuf> {
    save_for(snapshots, seq, seq)
}

fn save_for(snapshots: &Snapshots, seq: u64, behind: u64) -> std::io::Result<PathBuf> {
    let behind = Seq(behind);
    let (seq, time, hash) = (Seq(seq), UnixNanos(seq), Hash256::default());
    let header =
        SnapshotHeader { venue_id: VENUE, epoch: Epoch(1), seq, time, journal_hash: hash, event_log_hash: hash };
    snapshots.save(&header, &State { seq, time, ..State::default() }, behind)
}

fn seqs(snapshots: &Snapshots) -> Vec<u64> {
    snapshots.list().unwrap().into_iter().map(|(seq, _)| seq.0).collect()
}

fn newest(snapshots: &Snapshots, limit: u64) -> (Option<u64>, usize) {
    let (found, damaged) = snapshots.newest(Seq(limit)).unwrap();
    (found.map(|(header, _)| header.seq.0), damaged.len())
}

#[test]
fn two_are_kept() {
    let snapshots = open(&FaultyDisk::new(1));
    assert_eq!(snapshots.oldest_kept().unwrap(), None);
    save(&snapshots, 10).unwrap();
    assert_eq!(snapshots.oldest_kept().unwrap(), None);
    for seq in [20, 30, 40] {
        save(&snapshots, seq).unwrap();
    }
    assert_eq!(seqs(&snapshots), [30, 40]);
    assert_eq!(snapshots.oldest_kept().unwrap(), Some(Seq(30)));
    assert_eq!(newest(&snapshots, 100), (Some(40), 0));
    assert_eq!(newest(&snapshots, 39), (Some(30), 0));
    assert_eq!(newest(&snapshots, 29), (None, 0));
}

#[test]
fn one_more_is_kept_for_whoever_is_behind() {
    let snapshots = open(&FaultyDisk::new(1));
    for (seq, behind, kept) in [
        (10, 0, vec![10]),
        (20, 0, vec![10, 20]),
        (30, 0, vec![10, 20, 30]),
        (40, 19, vec![10, 30, 40]),
        (50, 29, vec![10, 40, 50]),
        (60, 45, vec![40, 50, 60]),
        (70, 70, vec![60, 70]),
    ] {
        save_for(&snapshots, seq, behind).unwrap();
        assert_eq!(seqs(&snapshots), kept, "saved {seq} for one at {behind}");
    }
}

#[test]
fn a_damaged_one_is_passed_over() {
    let disk = FaultyDisk::new(2);
    let snapshots = open(&disk);
    save(&snapshots, 10).unwrap();
    let path = save(&snapshots, 20).unwrap();
    disk.flip_bit(&path, 70, 3);
    assert_eq!(newest(&snapshots, 100), (Some(10), 1));
}

#[test]
fn those_of_another_history_do_not_push_out_ours() {
    let snapshots = open(&FaultyDisk::new(3));
    save(&snapshots, 1_000).unwrap();
    save(&snapshots, 2_000).unwrap();
    for seq in [10, 20, 30] {
        save(&snapshots, seq).unwrap();
    }
    assert_eq!(seqs(&snapshots), [20, 30, 1_000, 2_000]);
}

/// Every operation of a save fails once, and after each the power is cut: what was there before is still there.
#[test]
fn a_crash_anywhere_leaves_the_old_ones() {
    for fault in [Fault::WriteError, Fault::NoSpace, Fault::ShortWrite, Fault::SyncError] {
        for skip in 0..3 {
            for seed in 0..8 {
                let disk = FaultyDisk::new(seed);
                let snapshots = open(&disk);
                save(&snapshots, 10).unwrap();
                save(&snapshots, 20).unwrap();
                disk.inject(fault, skip);
                let saved = save(&snapshots, 30);
                disk.power_cut();
                let snapshots = open(&disk);
                let (newest, damaged) = newest(&snapshots, 100);
                assert_eq!(damaged, 0);
                assert!(
                    newest == Some(30) || (saved.is_err() && newest == Some(20)),
                    "{fault:?} {skip} {seed}: {newest:?}"
                );
                let unfinished = disk.files().iter().any(|path| path.to_string_lossy().ends_with(".tmp"));
                assert!(!unfinished, "what was left unfinished is removed");
                save(&snapshots, 30).unwrap();
                assert_eq!(self::newest(&snapshots, 100), (Some(30), 0));
            }
        }
    }
}

#[test]
fn one_that_cannot_be_written_leaves_nothing_behind() {
    for fault in [Fault::WriteError, Fault::NoSpace, Fault::SyncError] {
        let disk = FaultyDisk::new(6);
        let snapshots = open(&disk);
        save(&snapshots, 10).unwrap();
        disk.inject(fault, 0);
        save(&snapshots, 20).unwrap_err();
        let files = disk.files();
        assert_eq!(files.len(), 1, "{fault:?}: {files:?}");
        assert_eq!(newest(&snapshots, 100), (Some(10), 0));
        save(&snapshots, 20).unwrap();
        assert_eq!(seqs(&snapshots), [10, 20]);
    }
}
