//! Any bytes at all: recovery, readers and `verify` answer, and never with wrong data.

use domain::units::Seq;
use journal::faulty::FaultyDisk;
use journal::verify::verify;
use proptest::prelude::*;

use crate::fixture::{append_kind, config, directory, ends, fill, open, segment_path, try_open};
use journal::block::BlockKind;

/// The bytes of the two segments of a log with 20 blocks of one record.
fn segments() -> (Vec<u8>, u64, Vec<u8>) {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, config(64));
    fill(&mut journal, 10, 1);
    append_kind(&mut journal, BlockKind::Leader, 0, 5).unwrap();
    fill(&mut journal, 10, 1);
    let second = journal::segment::list_segments(&directory(&disk)).unwrap()[1];
    let content = |seq| disk.contents(segment_path(seq)).unwrap();
    (content(1), second.0, content(second.0))
}

fn check(first: Vec<u8>, second_seq: u64, second: Option<Vec<u8>>) {
    let disk = FaultyDisk::new(1);
    disk.put(segment_path(1), first);
    if let Some(second) = second {
        disk.put(segment_path(second_seq), second);
    }
    let identity = config(64).identity;
    let _report = verify(&directory(&disk), identity);
    let source = journal::read::SegmentSource::new(directory(&disk), identity);
    for from in [0, 1, 7, 20] {
        for block in source.read(Seq(from), Seq(20), usize::MAX).unwrap_or_default() {
            assert!(block.header.last_seq() <= Seq(20));
        }
    }
    if let Ok((journal, recovered)) = try_open(&disk, config(64), 0) {
        // What is trusted unread is found when it is read.
        if verify(&directory(&disk), identity).is_ok_and(|report| report.bad.is_none()) {
            let ends = ends(&journal);
            assert_eq!(ends.last().copied().unwrap_or(0), recovered.tip.seq.0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn random_files(bytes in prop::collection::vec(any::<u8>(), 0..9000)) {
        check(bytes, 17, None);
    }

    #[test]
    fn random_bytes_behind_a_good_header(bytes in prop::collection::vec(any::<u8>(), 0..4000), keep in 4096_usize..7168) {
        let (mut first, _, _) = segments();
        first.truncate(keep);
        first.extend(bytes);
        check(first, 17, None);
    }

    #[test]
    fn a_damaged_range_in_either_segment(
        in_second in any::<bool>(), from in 0_usize..7168, bytes in prop::collection::vec(any::<u8>(), 1..300),
    ) {
        let (mut first, second_seq, mut second) = segments();
        let target = if in_second { &mut second } else { &mut first };
        for (place, byte) in target.iter_mut().skip(from).zip(bytes) {
            *place = byte;
        }
        check(first, second_seq, Some(second));
    }

    #[test]
    fn a_range_moved_within_a_segment(from in 0_usize..7168, to in 0_usize..7168, bytes in 1_usize..2000) {
        let (mut first, _, _) = segments();
        let bytes = bytes.min(7168 - from).min(7168 - to);
        first.copy_within(from..from + bytes, to);
        check(first, 17, None);
    }
}
