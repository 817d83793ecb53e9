//! Every byte of a small log damaged in turn, and what recovery must say about it.

use journal::block::BlockKind;
use journal::config::Config;
use journal::damage::Damage;
use journal::error::OpenError;
use journal::faulty::FaultyDisk;

use crate::fixture::{append, append_kind, config, ends, fill, open, segment_path, try_open};

const BLOCKS: u64 = 4;
/// Header and payload of a block of one record; 192 with padding.
const BLOCK_BYTES: u64 = 112 + 40;
const SPAN: u64 = 192;

fn small() -> Config {
    Config { segment_bytes: 4096 + 1024, append_bytes_max: 1024, ..config(64) }
}

/// A log of one segment with `BLOCKS` blocks, each synced: the bytes of the segment.
fn segment() -> Vec<u8> {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, small());
    fill(&mut journal, 4, 1);
    disk.contents(segment_path(1)).unwrap()
}

fn disk_with(content: &[u8]) -> FaultyDisk {
    let disk = FaultyDisk::new(1);
    disk.put(segment_path(1), content.to_vec());
    disk
}

/// What one flipped bit leads to.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// Not noticed, and harmless.
    Whole,
    /// Only zeros were cut: nothing is lost.
    Cleaned,
    /// The last block was cut.
    LastCut,
    /// Refused, at the offset of the damaged block.
    Refused(u64),
}

fn expected(offset: u64) -> Outcome {
    let Some(behind_header) = offset.checked_sub(4096) else {
        return if offset < 128 { Outcome::Refused(0) } else { Outcome::Whole };
    };
    let (block, inside) = (behind_header / SPAN, behind_header % SPAN);
    match block {
        BLOCKS.. => Outcome::Cleaned,
        _ if inside >= BLOCK_BYTES => Outcome::Whole,
        3 => Outcome::LastCut,
        _ => Outcome::Refused(4096 + block * SPAN),
    }
}

fn outcome(disk: &FaultyDisk) -> Outcome {
    match try_open(disk, small(), 0) {
        Ok((mut journal, recovered)) => {
            let outcome = match (recovered.tip.seq.0, &recovered.cut) {
                (4, None) => Outcome::Whole,
                (4, Some(_)) => Outcome::Cleaned,
                (3, Some(_)) => Outcome::LastCut,
                other => panic!("recovered {other:?}"),
            };
            // And the log goes on.
            append(&mut journal, 1).unwrap();
            journal.sync().unwrap();
            assert_eq!(ends(&journal), (1..=journal.tip().seq.0).collect::<Vec<_>>());
            outcome
        }
        Err(OpenError::Corruption(corruption)) => Outcome::Refused(corruption.offset),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_flipped_bit_at_every_offset_has_its_documented_outcome() {
    let content = segment();
    for offset in 0..content.len() as u64 {
        let disk = disk_with(&content);
        disk.flip_bit(segment_path(1), offset, u8::try_from(offset % 8).unwrap());
        assert_eq!(outcome(&disk), expected(offset), "offset {offset}");
    }
}

#[test]
fn after_a_seal_a_flipped_bit_in_the_last_commands_is_refused() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, small());
    fill(&mut journal, 4, 1);
    journal.seal(1, domain::units::UnixNanos(9000)).unwrap();
    let content = disk.contents(segment_path(1)).unwrap();
    for inside in 0..BLOCK_BYTES {
        let disk = disk_with(&content);
        disk.flip_bit(segment_path(1), 4096 + 3 * SPAN + inside, 3);
        assert_eq!(outcome(&disk), Outcome::Refused(4096 + 3 * SPAN), "byte {inside} of the last commands");
    }
}

#[test]
fn a_last_block_torn_at_any_byte_is_cut() {
    let content = segment();
    let last = 4096 + 3 * SPAN;
    for torn in 0..BLOCK_BYTES {
        let place = usize::try_from(last + torn).unwrap();
        let mut zeroed = content.clone();
        zeroed[place..].fill(0);
        let mut late = content.clone();
        late[usize::try_from(last).unwrap()..=place].fill(0);
        for (what, content) in [("end", zeroed), ("beginning", late), ("file", content[..place].to_vec())] {
            let disk = disk_with(&content);
            let lost_whole = content[usize::try_from(last).unwrap().min(content.len())..].iter().all(|byte| *byte == 0);
            let (journal, recovered) = try_open(&disk, small(), 3).unwrap();
            assert_eq!((recovered.tip.seq.0, recovered.cut.is_none()), (3, lost_whole), "{what} lost at byte {torn}");
            assert_eq!(ends(&journal), [1, 2, 3]);
            drop(journal);
            assert_eq!(try_open(&disk, small(), 3).unwrap().1.cut, None, "{what} lost at byte {torn}: still dirty");
            // The same cut is refused where somebody knows better.
            assert!(matches!(
                try_open(&disk_with(&content), small(), 4),
                Err(OpenError::Corruption(corruption)) if matches!(corruption.what, Damage::Short { .. })
            ));
        }
    }
}

#[test]
fn a_hole_in_blocks_of_one_sync_is_torn_and_of_two_is_corruption() {
    for synced_between in [false, true] {
        let disk = FaultyDisk::new(1);
        let (mut journal, _) = open(&disk, small());
        fill(&mut journal, 1, 1);
        append(&mut journal, 1).unwrap();
        if synced_between {
            journal.sync().unwrap();
        }
        append(&mut journal, 1).unwrap();
        journal.sync().unwrap();
        drop(journal);
        disk.flip_bit(segment_path(1), 4096 + SPAN + 120, 1);
        match try_open(&disk, small(), 0) {
            Ok((_, recovered)) => {
                let cut = recovered.cut.unwrap();
                assert!(!synced_between);
                assert_eq!((recovered.tip.seq.0, cut.offset, cut.blocks), (1, 4096 + SPAN, 1));
            }
            Err(error) => {
                assert!(synced_between, "{error}");
                let message = error.to_string();
                let block = format!("at offset {}", 4096 + SPAN);
                assert!(message.contains(&block) && message.contains("had been synced"), "{message}");
            }
        }
    }
}

#[test]
fn a_block_in_the_wrong_place_is_never_cut() {
    // The last block is replaced by an intact copy of another: no power cut does that.
    let mut content = segment();
    let block = content[4096..4096 + 192].to_vec();
    content[4096 + 3 * 192..4096 + 4 * 192].copy_from_slice(&block);
    assert_eq!(outcome(&disk_with(&content)), Outcome::Refused(4096 + 3 * SPAN));
}

#[test]
fn a_block_of_another_history_is_never_cut() {
    // The same log, but for one record; then one block of it in the place of ours: every checksum is right.
    let content = segment();
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, small());
    append_kind(&mut journal, BlockKind::Commands, 1, 39).unwrap();
    fill(&mut journal, 3, 1);
    let other = disk.contents(segment_path(1)).unwrap();
    for block in 0..4_usize {
        let place = 4096 + block * 192..4096 + (block + 1) * 192;
        let mut spliced = content.clone();
        spliced[place.clone()].copy_from_slice(&other[place]);
        let disk = disk_with(&spliced);
        // The first block follows nothing, so it is the second that does not follow it.
        let error = try_open(&disk, small(), 0).unwrap_err().to_string();
        let offset = 4096 + SPAN * u64::try_from(block.max(1)).unwrap();
        let expected = format!("at offset {offset}: the previous hash is not that of the block before");
        assert!(error.contains(&expected), "block {block}: {error}");
    }
}

#[test]
fn damage_in_a_closed_segment_is_corruption() {
    let disk = FaultyDisk::new(1);
    let (mut journal, _) = open(&disk, small());
    fill(&mut journal, 12, 1);
    drop(journal);
    let closed = disk.contents(segment_path(1)).unwrap();
    // The last block of the first segment, lost whole: zeros, yet the next segment continues it.
    let mut lost = closed.clone();
    lost[4096 + 4 * 192..].fill(0);
    disk.put(segment_path(1), lost);
    let error = try_open(&disk, small(), 0).unwrap_err().to_string();
    assert!(error.contains("the next segment does not continue this one, which ends at sequence 4"), "{error}");
    disk.put(segment_path(1), closed);
    assert!(try_open(&disk, small(), 12).is_ok());
    // A segment under another's name.
    disk.put(segment_path(11), disk.contents(segment_path(6)).unwrap());
    let error = try_open(&disk, small(), 0).unwrap_err().to_string();
    assert!(error.contains("the header says that sequence 6 comes first"), "{error}");
}
