//! Readers: from any sequence, behind a writer that goes on, across segments.

use domain::units::Seq;
use journal::block::BlockKind::{self, Commands, Leader};
use journal::error::ReadError;
use journal::faulty::FaultyDisk;
use journal::segment::list_segments;

use crate::fixture::{append, append_kind, config, directory, fill, open, payload, segment_path};

#[test]
fn a_reader_begins_at_the_block_that_holds_the_sequence() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, config(64));
    fill(&mut journal, 40, 3);
    let mut reader = journal.source().reader(Seq(1));
    for from in (1..=120).chain((1..=120).rev()) {
        reader.seek(Seq(from));
        let block = reader.next_block(Seq(120)).unwrap().unwrap();
        let first_seq = (from - 1) / 3 * 3 + 1;
        assert_eq!((block.header.first_seq.0, block.payload), (first_seq, payload(first_seq, 120).as_slice()));
        // It goes on from there, chain verified, to the end.
        let mut blocks = 1;
        while reader.next_block(Seq(120)).unwrap().is_some() {
            blocks += 1;
        }
        assert_eq!(blocks, 40 - (from - 1) / 3);
        assert_eq!(reader.tip(), Some(journal.tip()));
    }
}

#[test]
fn blocks_without_records_are_seen_only_behind_the_first_block() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, config(64));
    for _ in 0..3 {
        append_kind(&mut journal, BlockKind::Leader, 0, 8).unwrap();
        append(&mut journal, 1).unwrap();
    }
    let kinds = |from| {
        let blocks = journal.source().read(Seq(from), Seq(3), usize::MAX).unwrap();
        blocks.iter().map(|block| block.header.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(0), [Leader, Commands, Leader, Commands, Leader, Commands]);
    assert_eq!(kinds(1), [Commands, Leader, Commands, Leader, Commands]);
    assert_eq!(kinds(3), [Commands]);
}

#[test]
fn a_reader_follows_the_writer_and_never_passes_what_is_committed() {
    for alignment in [64, 4096] {
        let disk = FaultyDisk::new(1);
        let (mut journal, _) = open(&disk, config(alignment));
        let mut reader = journal.source().reader(Seq(1));
        let mut late = journal.source().reader(Seq(1));
        assert!(reader.next_block(Seq::ZERO).unwrap().is_none());
        for block in 0..100_u64 {
            append(&mut journal, 2).unwrap();
            let committed = Seq(block * 2);
            assert!(reader.next_block(committed).unwrap().is_none(), "not committed yet");
            let view = reader.next_block(Seq(block * 2 + 2)).unwrap().unwrap();
            assert_eq!(view.payload, payload(block * 2 + 1, 80));
            assert_eq!(reader.next_seq(), Seq(block * 2 + 3));
            // Another one is always seven blocks behind and has more in its buffer than it may show.
            if block >= 7 {
                let view = late.next_block(Seq(block * 2 - 12)).unwrap().unwrap();
                assert_eq!(view.header.first_seq, Seq((block - 7) * 2 + 1));
            }
        }
    }
}

#[test]
fn a_reader_waits_for_a_sequence_that_is_still_to_come() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, config(64));
    let mut reader = journal.source().reader(Seq(30));
    for seq in 1..=60 {
        append(&mut journal, 1).unwrap();
        let block = reader.next_block(Seq(seq)).unwrap();
        assert_eq!(block.map(|block| block.header.first_seq.0), Some(seq).filter(|seq| *seq >= 30));
    }
}

#[test]
fn a_read_is_bounded() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, config(64));
    fill(&mut journal, 20, 2);
    let source = journal.source();
    let count = |from, to, bytes| source.read(Seq(from), Seq(to), bytes).unwrap().len();
    assert_eq!(count(5, 10, usize::MAX), 3);
    assert_eq!(count(6, 9, usize::MAX), 3, "whole blocks at both ends");
    assert_eq!(count(5, 40, 0), 1);
    assert_eq!(count(5, 40, 200), 3);
    assert_eq!(count(41, 40, 200), 0);
    assert!(matches!(source.read(Seq(41), Seq(41), 1), Err(ReadError::Missing(Seq(41)))));
}

#[test]
fn a_reader_finds_every_kind_of_damage() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, config(64));
    fill(&mut journal, 30, 1);
    let second = list_segments(&directory(&disk)).unwrap()[1];
    let content = disk.contents(segment_path(1)).unwrap();
    let read = || journal.source().read(Seq(1), Seq(30), usize::MAX);
    assert_eq!(read().unwrap().len(), 30);
    for offset in (4096 + 192..4096 + 192 + 152).chain(0..128) {
        disk.put(segment_path(1), content.clone());
        disk.flip_bit(segment_path(1), offset, 2);
        assert!(matches!(read(), Err(ReadError::Corruption(_))), "offset {offset}");
    }
    let mut early_end = content.clone();
    early_end[4096 + 5 * 192..].fill(0);
    disk.put(segment_path(1), early_end);
    assert!(matches!(read(), Err(ReadError::Missing(Seq(6)))));
    disk.put(segment_path(1), content);
    disk.flip_bit(segment_path(second.0), 90, 2);
    assert!(matches!(read(), Err(ReadError::Corruption(corruption)) if corruption.offset == 0));
}
