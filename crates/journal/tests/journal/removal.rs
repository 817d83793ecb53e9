//! Truncation for replication, purging, the segment store, and the vote record.

use domain::units::{Seq, UnixNanos};
use journal::archive::{ClosedSegment, Retention, closed_segments, copy_closed, purgeable_before};
use journal::block::BlockKind;
use journal::error::{JournalError, ReadError};
use journal::faulty::FaultyDisk;
use journal::segment::{LogName, list_segments};
use journal::storage::Directory;
use journal::verify::verify;

use crate::fixture::{append_kind, config, directory, ends, fill, open, segment_path, try_open};
use std::sync::Arc;

#[test]
fn truncation_at_every_boundary_leaves_exactly_what_is_before() {
    for kept in 0..=40 {
        let disk = FaultyDisk::new(kept);
        let (mut journal, _) = open(&disk, config(64));
        fill(&mut journal, 40, 2);
        append_kind(&mut journal, BlockKind::Leader, 0, 0).unwrap();
        journal.truncate_after(Seq(2 * kept)).unwrap();
        assert_eq!((journal.tip().seq, journal.durable()), (Seq(2 * kept), Seq(2 * kept)));
        fill(&mut journal, 3, 2);
        drop(journal);
        disk.power_cut();
        let (journal, recovered) = try_open(&disk, config(64), 2 * kept + 6).unwrap();
        assert_eq!((recovered.tip.seq, recovered.cut), (Seq(2 * kept + 6), None));
        assert_eq!(ends(&journal), (1..=kept + 3).map(|block| 2 * block).collect::<Vec<_>>());
        assert_eq!(verify(&directory(&disk), config(64).identity).unwrap().bad, None);
    }
}

#[test]
fn truncation_inside_a_block_or_outside_the_log_is_refused() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, config(64));
    fill(&mut journal, 40, 2);
    journal.purge_before(Seq(30)).unwrap();
    let oldest = list_segments(&directory(&disk)).unwrap()[0];
    for seq in [Seq(77), Seq(81), Seq(3)] {
        assert!(matches!(journal.truncate_after(seq), Err(JournalError::NotABoundary(_))), "{seq:?}");
    }
    assert_eq!(journal.tip().seq, Seq(80));
    // Everything that is left.
    journal.truncate_after(oldest.previous()).unwrap();
    assert_eq!(ends(&journal), []);
    fill(&mut journal, 1, 2);
}

#[test]
fn purging_removes_whole_segments_and_never_the_last() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, config(64));
    fill(&mut journal, 80, 1);
    let segments = list_segments(&directory(&disk)).unwrap();
    assert!(segments.len() >= 4);
    assert_eq!(journal.purge_before(Seq(segments[1].0 - 1)).unwrap(), 0);
    assert_eq!(journal.purge_before(segments[1]).unwrap(), 1);
    assert_eq!(journal.purge_before(Seq(segments[2].0 + 1)).unwrap(), 1);
    disk.power_cut();
    let (mut journal, recovered) = open(&disk, config(64));
    assert_eq!((recovered.oldest, recovered.tip.seq), (segments[2], Seq(80)));
    assert_eq!(ends(&journal), (segments[2].0..=80).collect::<Vec<_>>());
    assert!(matches!(journal.source().read(Seq(1), Seq(80), 1), Err(ReadError::Missing(Seq(1)))));
    journal.purge_before(Seq(u64::MAX)).unwrap();
    assert_eq!(list_segments(&directory(&disk)).unwrap().len(), 1);
    fill(&mut journal, 1, 1);
}

#[test]
fn the_store_answers_for_what_was_purged() {
    let disk = FaultyDisk::new(1);
    let store = Directory::new(Arc::new(disk.clone()), "/store");
    let (mut journal, _) = open(&disk, config(64));
    fill(&mut journal, 80, 1);
    let identity = config(64).identity;
    let segments = list_segments(&directory(&disk)).unwrap();
    let committed = segments[3].previous();
    let copied = copy_closed(identity, &directory(&disk), &store, committed).unwrap();
    assert_eq!(copied, segments[..3], "only what is wholly committed");
    assert_eq!(copy_closed(identity, &directory(&disk), &store, committed).unwrap(), []);
    disk.power_cut();
    let (mut journal, _) = open(&disk, config(64));
    journal.purge_before(segments[2]).unwrap();
    let source = journal.source().with_store(store.clone());
    assert_eq!(source.oldest().unwrap(), Some(Seq(1)));
    for from in 0..=80 {
        let blocks = source.read(Seq(from), Seq(80), usize::MAX).unwrap();
        assert_eq!(blocks.len() as u64, 81 - from.max(1), "from {from}");
    }
    assert_eq!(verify(&store, identity).unwrap().bad, None);
    let closed = closed_segments(identity, &directory(&disk), Some(&store)).unwrap();
    assert_eq!((closed[0].first_seq, closed[0].in_store), (segments[2], true));
    assert!(closed.iter().skip(1).all(|segment| !segment.in_store));
    assert_eq!(closed[0].closed_at, UnixNanos(segments[3].previous().0 * 1000));
}

#[test]
fn a_damaged_segment_is_not_copied() {
    let disk = FaultyDisk::new(1);
    let store = Directory::new(Arc::new(disk.clone()), "/store");
    let (mut journal, _) = open(&disk, config(64));
    fill(&mut journal, 40, 1);
    disk.flip_bit(segment_path(1), 4096 + 200, 0);
    let copied = copy_closed(config(64).identity, &directory(&disk), &store, Seq(40));
    assert!(matches!(copied, Err(ReadError::Corruption(_))));
    assert_eq!(list_segments(&store).unwrap(), []);
}

#[test]
fn retention_keeps_what_is_needed_and_what_exists_nowhere_else() {
    const HOUR: u64 = 3_600_000_000_000;
    let segment = |index: u64, in_store| ClosedSegment {
        first_seq: Seq(index * 10 + 1),
        next_seq: Seq(index * 10 + 11),
        closed_at: UnixNanos(index * HOUR),
        in_store,
    };
    let retention = |needed_from, hours_now| Retention {
        needed_from: Seq(needed_from),
        now: UnixNanos(hours_now * HOUR),
        retain_hours: 24,
    };
    let stored = [segment(0, true), segment(1, true), segment(2, false), segment(3, true)];
    let cases = [
        (retention(0, 1000), None),
        (retention(10, 1000), None),
        (retention(11, 0), Some(11)),
        (retention(30, 4), Some(21)),
        (retention(1000, 4), Some(21)), // segment 2 is in no store and young: it keeps what is behind it, too
        (retention(1000, 26), Some(21)),
        (retention(1000, 27), Some(41)),
    ];
    for (retention, expected) in cases {
        assert_eq!(purgeable_before(&stored, retention), expected.map(Seq), "{retention:?}");
    }
}

#[test]
fn a_vote_is_the_old_one_or_the_new_one() {
    for seed in 0..100 {
        let disk = FaultyDisk::new(seed);
        let (mut journal, _) = open(&disk, config(64));
        assert_eq!(journal.read_vote().unwrap(), None);
        journal.save_vote(b"first").unwrap();
        if seed % 2 == 0 {
            disk.inject(journal::faulty::fault::Fault::SyncError, u32::try_from(seed / 2 % 2).unwrap());
        }
        let saved = journal.save_vote(b"second").is_ok();
        assert_eq!(saved, seed % 2 != 0);
        disk.power_cut();
        let (mut journal, _) = open(&disk, config(64));
        let vote = journal.read_vote().unwrap().unwrap();
        assert!(vote == b"second" || (vote == b"first" && !saved), "seed {seed}");
        journal.save_vote(b"third").unwrap();
        assert_eq!(journal.read_vote().unwrap().unwrap(), b"third");
        assert!(matches!(journal.save_vote(&[0; 1025]), Err(JournalError::VoteTooLong)));
    }
}

#[test]
fn a_damaged_or_foreign_vote_is_refused() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, config(64));
    journal.save_vote(b"term 5, voted for 2").unwrap();
    let content = disk.contents("/data/vote").unwrap();
    for offset in 0..content.len() as u64 {
        disk.put("/data/vote", content.clone());
        disk.flip_bit("/data/vote", offset, 5);
        assert!(matches!(journal.read_vote(), Err(JournalError::Corruption(_))), "offset {offset}");
    }
    let other = FaultyDisk::new(1);
    other.put("/data/vote", content);
    let mut foreign = config(64);
    foreign.identity.venue.0[0] = 9;
    foreign.identity.name = LogName::EVENTS;
    assert!(matches!(open(&other, foreign).0.read_vote(), Err(JournalError::Mismatch { .. })));
}
