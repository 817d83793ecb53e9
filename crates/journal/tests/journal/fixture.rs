//! A small log on a faulty disk, with records that say what they are.

use std::path::PathBuf;
use std::sync::Arc;

use domain::ids::VenueId;
use domain::units::{Epoch, Seq, UnixNanos};
use journal::block::{BlockKind, BlockToWrite, OwnedBlock};
use journal::config::{Config, Insist};
use journal::error::{JournalError, OpenError};
use journal::faulty::FaultyDisk;
use journal::journal::Journal;
use journal::recover::Recovered;
use journal::segment::segment_name;
use journal::storage::Directory;

pub(crate) const VENUE: VenueId = VenueId([7; 16]);
pub(crate) const DIR: &str = "/data";

pub(crate) fn directory(disk: &FaultyDisk) -> Directory {
    Directory::new(Arc::new(disk.clone()), DIR)
}

pub(crate) fn segment_path(first_seq: u64) -> PathBuf {
    PathBuf::from(DIR).join(segment_name(Seq(first_seq)))
}

/// Three kilobytes of blocks to a segment, so that everything happens soon.
pub(crate) fn config(alignment_bytes: u32) -> Config {
    let append_bytes_max = 3 * u64::from(alignment_bytes.max(1024));
    let segment_bytes = 4096 + append_bytes_max;
    Config { alignment_bytes, segment_bytes, append_bytes_max, ..Config::commands(VENUE) }
}

pub(crate) fn open(disk: &FaultyDisk, config: Config) -> (Journal, Recovered) {
    Journal::open(directory(disk), config, Insist::default()).unwrap()
}

pub(crate) fn try_open(disk: &FaultyDisk, config: Config, must_reach: u64) -> Result<(Journal, Recovered), OpenError> {
    Journal::open(directory(disk), config, Insist { must_reach: Seq(must_reach), check_all: false })
}

/// What a block made by [`append`] carries: bytes that follow from its first sequence, none of them zero.
pub(crate) fn payload(first_seq: u64, bytes: usize) -> Vec<u8> {
    let start = first_seq * 31;
    (start..).step_by(7).map(|value| u8::try_from(value % 255).unwrap() + 1).take(bytes).collect()
}

/// Appends one block of `count` records, 40 bytes each.
pub(crate) fn append(journal: &mut Journal, count: u32) -> Result<(), JournalError> {
    append_kind(journal, BlockKind::Commands, count, 40 * usize::try_from(count).unwrap())
}

pub(crate) fn append_kind(
    journal: &mut Journal,
    kind: BlockKind,
    count: u32,
    bytes: usize,
) -> Result<(), JournalError> {
    let first_seq = journal.tip().seq.next();
    let payload = payload(first_seq.0, bytes);
    let time = UnixNanos(first_seq.0 * 1000);
    journal.append(&[BlockToWrite {
        kind,
        rules_version: 1,
        epoch: Epoch(1),
        first_seq,
        count,
        time,
        payload: &payload,
    }])
}

/// Appends and syncs `blocks` blocks of `count` records each.
pub(crate) fn fill(journal: &mut Journal, blocks: u32, count: u32) {
    for _ in 0..blocks {
        append(journal, count).unwrap();
        journal.sync().unwrap();
    }
}

/// Every block that can be read, with its payload checked.
pub(crate) fn read_all(journal: &Journal) -> Vec<OwnedBlock> {
    let blocks = journal.source().read(Seq::ZERO, journal.tip().seq, usize::MAX).unwrap();
    for block in &blocks {
        assert_eq!(block.payload, payload(block.header.first_seq.0, block.payload.len()));
    }
    blocks
}

/// The last sequences of the blocks that can be read.
pub(crate) fn ends(journal: &Journal) -> Vec<u64> {
    read_all(journal).iter().map(|block| block.header.last_seq().0).collect()
}
