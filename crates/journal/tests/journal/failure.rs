//! Writes and syncs that fail, and disks that are full.

use journal::error::{JournalError, OpenError};
use journal::faulty::FaultyDisk;
use journal::faulty::fault::{Fault, FaultRates};
use journal::journal::Journal;
use journal::prepare::{Headroom, PrepareStep};

use crate::fixture::{append, config, ends, fill, open, try_open};
use domain::units::Seq;

fn check_poisoned(journal: &mut Journal) {
    assert!(journal.is_poisoned());
    assert!(matches!(append(journal, 1), Err(JournalError::Poisoned)));
    assert!(matches!(journal.append(&[]), Err(JournalError::Poisoned)));
    assert!(matches!(journal.sync(), Err(JournalError::Poisoned)));
    assert!(matches!(journal.save_vote(b"x"), Err(JournalError::Poisoned)));
    assert!(matches!(journal.truncate_after(Seq(1)), Err(JournalError::Poisoned)));
    assert!(matches!(journal.purge_before(Seq(1)), Err(JournalError::Poisoned)));
}

#[test]
fn a_failed_write_poisons() {
    for fault in [Fault::WriteError, Fault::NoSpace] {
        let disk = FaultyDisk::new(3);
        let (mut journal, _) = open(&disk, config(64));
        fill(&mut journal, 2, 1);
        disk.inject(fault, 0);
        assert!(matches!(append(&mut journal, 1), Err(JournalError::Io(_))));
        check_poisoned(&mut journal);
        assert_eq!((journal.tip().seq, journal.durable()), (Seq(2), Seq(2)));
        drop(journal);
        let (journal, recovered) = try_open(&disk, config(64), 2).unwrap();
        assert!(recovered.tip.seq <= Seq(3));
        ends(&journal);
    }
}

#[test]
fn a_failed_sync_poisons_and_is_not_believed_in_the_next_life() {
    for seed in 0..50 {
        let disk = FaultyDisk::new(seed);
        let (mut journal, _) = open(&disk, config(64));
        fill(&mut journal, 2, 1);
        append(&mut journal, 1).unwrap();
        disk.inject(Fault::SyncError, 0);
        assert!(matches!(journal.sync(), Err(JournalError::Io(_))));
        check_poisoned(&mut journal);
        assert_eq!(journal.durable(), Seq(2));
        drop(journal);
        // The page cache still has block 3, marked clean. Whoever believes it loses it, and block 4 stands behind a hole.
        disk.process_exit();
        let (mut journal, recovered) = open(&disk, config(64));
        assert_eq!(recovered.tip.seq, Seq(3));
        fill(&mut journal, 1, 1);
        disk.power_cut();
        assert_eq!(ends(&try_open(&disk, config(64), 4).unwrap().0), [1, 2, 3, 4], "seed {seed}");
    }
}

#[test]
fn blocks_cut_by_a_sync_that_failed_do_not_come_back() {
    // Blocks that share no sector, since writing a neighbour again would save them.
    for seed in 0..200 {
        let disk = FaultyDisk::new(seed);
        let (mut journal, _) = open(&disk, config(4096));
        fill(&mut journal, 3, 1);
        // The directory first, then the zeros over block 3.
        disk.inject(Fault::SyncError, 1);
        assert!(matches!(journal.truncate_after(Seq(2)), Err(JournalError::Io(_))));
        drop(journal);
        // The page cache says that block 3 is gone, the disk says otherwise.
        disk.process_exit();
        let (mut journal, recovered) = open(&disk, config(4096));
        assert_eq!((recovered.tip.seq, recovered.cut), (Seq(2), None));
        append(&mut journal, 2).unwrap();
        disk.power_cut();
        let ends = ends(&open(&disk, config(4096)).0);
        assert!(ends == [1, 2] || ends == [1, 2, 4], "seed {seed}: {ends:?}");
    }
}

#[test]
fn failures_while_rolling_over_poison() {
    // The old segment's sync, then the new one's header, its name, and so on: every sync and write on the way.
    for (fault, steps) in [(Fault::SyncError, 6), (Fault::WriteError, 4)] {
        for skip in 0..steps {
            let disk = FaultyDisk::new(5);
            let (mut journal, _) = open(&disk, config(64));
            while append(&mut journal, 1).is_ok() && journal.tip().seq < Seq(16) {}
            journal.sync().unwrap();
            disk.inject(fault, skip);
            let mut failed = append(&mut journal, 1).is_err();
            failed |= !failed && journal.sync().is_err();
            if failed {
                check_poisoned(&mut journal);
            }
            drop(journal);
            disk.power_cut();
            let must_reach = if failed { 16 } else { 17 };
            let (journal, _) = try_open(&disk, config(64), must_reach).unwrap();
            let ends = ends(&journal);
            assert_eq!(ends, (1..=ends.len() as u64).collect::<Vec<_>>(), "{fault:?} {skip}");
        }
    }
}

#[test]
fn short_writes_are_continued() {
    let disk = FaultyDisk::new(7);
    let (mut journal, _) = open(&disk, config(64));
    disk.set_rates(FaultRates { short_write_ppm: 700_000, ..FaultRates::default() });
    fill(&mut journal, 50, 2);
    disk.power_cut();
    let (journal, _) = try_open(&disk, config(64), 100).unwrap();
    assert_eq!(ends(&journal).len(), 50);
}

#[test]
fn a_full_disk_leaves_the_reserve_first_and_poisons_nothing() {
    let disk = FaultyDisk::new(1);
    let config = config(64);
    let (mut journal, _) = open(&disk, config);
    assert_eq!(journal.headroom(), Headroom::Ample);
    // Room for half of a second segment.
    disk.set_capacity_bytes(Some(config.segment_bytes * 3 / 2));
    while journal.prepare_step() != PrepareStep::Failed {}
    assert_eq!(journal.headroom(), Headroom::ReserveOnly);
    fill(&mut journal, 1, 1);
    assert_eq!(journal.headroom(), Headroom::Exhausted);
    let mut appended = 1;
    let error = loop {
        match append(&mut journal, 1) {
            Ok(()) => appended += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, JournalError::NoSpace), "{error}");
    assert_eq!(appended, 16, "the whole segment can be used");
    assert_eq!(journal.headroom(), Headroom::Exhausted);
    journal.sync().unwrap();
    // Space again: the journal goes on where it was.
    disk.set_capacity_bytes(None);
    while journal.prepare_step() != PrepareStep::Ready {}
    assert_eq!(journal.headroom(), Headroom::Ample);
    fill(&mut journal, 1, 1);
    assert_eq!(ends(&journal).len(), 17);
}

#[test]
fn a_disk_without_room_for_the_first_segment_says_so() {
    let disk = FaultyDisk::new(1);
    disk.set_capacity_bytes(Some(100));
    assert!(matches!(try_open(&disk, config(64), 0), Err(OpenError::NoSpace(_))));
    disk.set_capacity_bytes(None);
    assert!(open(&disk, config(64)).1.created);
}

#[test]
fn a_spare_whose_sync_failed_is_not_used() {
    for seed in 0..20 {
        let disk = FaultyDisk::new(seed);
        let (mut journal, _) = open(&disk, config(64));
        assert_eq!(journal.prepare_step(), PrepareStep::More);
        disk.inject(Fault::SyncError, 0);
        assert_eq!(journal.prepare_step(), PrepareStep::Failed);
        assert_eq!(journal.headroom(), Headroom::ReserveOnly);
        while journal.prepare_step() != PrepareStep::Ready {}
        fill(&mut journal, 40, 1);
        drop(journal);
        disk.power_cut();
        assert_eq!(ends(&try_open(&disk, config(64), 40).unwrap().0).len(), 40);
    }
}
