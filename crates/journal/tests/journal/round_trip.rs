//! What is appended is what is read.

use domain::units::{Epoch, Seq, UnixNanos};
use journal::block::BlockKind::{self, Commands, Leader, Membership, Seal, Vote};
use journal::block::BlockToWrite;
use journal::error::JournalError;
use journal::faulty::FaultyDisk;
use journal::verify::verify;

use crate::fixture::{VENUE, append, append_kind, config, directory, ends, fill, open, payload, read_all};

#[test]
fn blocks_come_back_with_everything_that_was_said_about_them() {
    for alignment in [64, 512, 4096] {
        let disk = FaultyDisk::new(1);
        let (mut journal, recovered) = open(&disk, config(alignment));
        assert!(recovered.created);
        for count in 1..=20 {
            append(&mut journal, count).unwrap();
        }
        journal.sync().unwrap();
        let blocks = read_all(&journal);
        assert_eq!(blocks.len(), 20, "alignment {alignment}");
        let mut next = 1;
        for (block, count) in blocks.iter().zip(1..) {
            let header = block.header;
            assert_eq!((header.first_seq, header.count), (Seq(next), count));
            assert_eq!((header.kind, header.venue, header.epoch), (BlockKind::Commands, VENUE, Epoch(1)));
            assert_eq!((header.rules_version, header.time), (1, UnixNanos(next * 1000)));
            next += u64::from(count);
        }
        let tip = journal.tip();
        assert_eq!((tip.seq, tip.hash), (Seq(210), blocks.last().unwrap().hash));
        drop(journal);
        let (journal, recovered) = open(&disk, config(alignment));
        assert_eq!((recovered.tip, recovered.cut, recovered.created), (tip, None, false));
        assert_eq!(journal.durable(), Seq(210));
        assert_eq!(read_all(&journal), blocks);
    }
}

#[test]
fn each_block_carries_the_hash_of_the_one_before() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, config(64));
    fill(&mut journal, 40, 2);
    let blocks = read_all(&journal);
    assert!(blocks.windows(2).all(|pair| pair[1].header.previous == pair[0].hash));
    let report = verify(&directory(&disk), journal.config().identity).unwrap();
    assert_eq!((report.blocks, report.records, report.payload_bytes), (40, 80, 40 * 80));
    assert_eq!((report.tip, report.bad, report.torn), (journal.tip(), None, None));
    assert!(report.segments > 1);
}

#[test]
fn the_chain_does_not_depend_on_syncs_or_segments() {
    let tips = [1, 2, 5].map(|every| {
        let disk = FaultyDisk::new(1);
        let (mut journal, _) = open(&disk, config(if every == 1 { 64 } else { 4096 }));
        for block in 0..30 {
            append(&mut journal, 3).unwrap();
            if block % every == 0 {
                journal.sync().unwrap();
            }
        }
        journal.tip()
    });
    assert!(tips.iter().all(|tip| *tip == tips[0]));
}

#[test]
fn several_blocks_go_in_one_append() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, config(64));
    let payloads: Vec<Vec<u8>> = (0..3).map(|block| payload(1 + 2 * block, 80)).collect();
    let mut first_seq = Seq(1);
    let mut blocks = Vec::new();
    for payload in &payloads {
        let (kind, epoch, time) = (BlockKind::Commands, Epoch(1), UnixNanos(5));
        blocks.push(BlockToWrite { kind, rules_version: 1, epoch, first_seq, count: 2, time, payload });
        first_seq = Seq(first_seq.0 + 2);
    }
    journal.append_synced(&blocks).unwrap();
    assert_eq!(ends(&journal), [2, 4, 6]);
    assert_eq!((journal.durable(), journal.tip().seq), (Seq(6), Seq(6)));
}

#[test]
fn blocks_without_records_do_not_advance_the_sequence() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, config(64));
    for kind in [BlockKind::Leader, BlockKind::Membership, BlockKind::Vote, BlockKind::Seal] {
        append_kind(&mut journal, kind, 0, 9).unwrap();
        assert_eq!(journal.tip().seq, Seq::ZERO);
    }
    append(&mut journal, 1).unwrap();
    append_kind(&mut journal, BlockKind::Commands, 0, 0).unwrap();
    append(&mut journal, 1).unwrap();
    let kinds: Vec<_> = read_all(&journal).iter().map(|block| (block.header.kind, block.header.first_seq.0)).collect();
    let expected = [(Leader, 1), (Membership, 1), (Vote, 1), (Seal, 1), (Commands, 1), (Commands, 2), (Commands, 2)];
    assert_eq!(kinds, expected);
}

#[test]
fn blocks_without_records_let_a_segment_grow() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, config(64));
    for _ in 0..60 {
        append_kind(&mut journal, BlockKind::Membership, 0, 100).unwrap();
    }
    journal.sync().unwrap();
    fill(&mut journal, 3, 1);
    let tip = journal.tip();
    drop(journal);
    disk.power_cut();
    let (journal, recovered) = open(&disk, config(64));
    assert_eq!(recovered.tip, tip);
    assert_eq!(read_all(&journal).len(), 63);
}

#[test]
fn what_does_not_continue_the_log_is_refused_and_harms_nothing() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, config(64));
    fill(&mut journal, 1, 5);
    let good = BlockToWrite {
        kind: BlockKind::Commands,
        rules_version: 1,
        epoch: Epoch(1),
        first_seq: Seq(6),
        count: 1,
        time: UnixNanos(9000),
        payload: &[1],
    };
    let large = vec![1; 4000];
    let cases = [
        ("sequence 7 where 6 should come", BlockToWrite { first_seq: Seq(7), ..good }),
        ("sequence 5 where 6 should come", BlockToWrite { first_seq: Seq(5), ..good }),
        ("epoch 0 after epoch 1", BlockToWrite { epoch: Epoch(0), ..good }),
        ("block time 1 after 1000", BlockToWrite { time: UnixNanos(1), ..good }),
        ("only a commands block may hold records", BlockToWrite { kind: BlockKind::Leader, ..good }),
        ("4160 bytes in one append, at most 3072", BlockToWrite { payload: &large, ..good }),
    ];
    for (message, block) in cases {
        let error = journal.append(&[block]).unwrap_err();
        assert!(error.to_string().contains(message), "{message}: {error}");
        assert!(!matches!(error, JournalError::Poisoned | JournalError::Io(_)));
    }
    journal.append_synced(&[good]).unwrap();
    assert_eq!(journal.tip().seq, Seq(6));
}
