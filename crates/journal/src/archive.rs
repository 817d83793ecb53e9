//! The segment store: copying closed segments to it, and which local ones may then go.

use domain::units::{Seq, UnixNanos};

use crate::error::ReadError;
use crate::fields::offset as to_offset;
use crate::recover::check_closed;
use crate::segment::{Identity, Segment, list_segments, segment_name};
use crate::storage::{Directory, OpenMode};

const COPY_BYTES: usize = 1 << 20;
const NANOS_PER_HOUR: u64 = 3_600_000_000_000;

/// A segment that has another behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedSegment {
    /// Its first sequence.
    pub first_seq: Seq,
    /// The first sequence of the segment behind it.
    pub next_seq: Seq,
    /// Time of its last block.
    pub closed_at: UnixNanos,
    /// Whether the store has it.
    pub in_store: bool,
}

/// What decides which segments may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The oldest sequence that the second newest snapshot, a follower, or a move still needs.
    pub needed_from: Seq,
    /// The current time.
    pub now: UnixNanos,
    /// Without a store: how long segments that nobody needs are kept.
    pub retain_hours: u32,
}

/// The closed segments of the local directory, oldest first.
pub fn closed_segments(
    identity: Identity,
    local: &Directory,
    store: Option<&Directory>,
) -> Result<Vec<ClosedSegment>, ReadError> {
    let stored = store.map_or(Ok(Vec::new()), list_segments)?;
    let segments = list_segments(local)?;
    let mut closed = Vec::new();
    for (first_seq, next_seq) in segments.iter().copied().zip(segments.iter().copied().skip(1)) {
        let next = Segment::open(local, next_seq, identity, OpenMode::Read)?;
        let closed_at = next.header.before.time;
        let in_store = stored.binary_search(&first_seq).is_ok();
        closed.push(ClosedSegment { first_seq, next_seq, closed_at, in_store });
    }
    Ok(closed)
}

/// What may be given to [`purge_before`]: everything in front of it is needed by nobody, and is in the store or
/// old enough. Absent if nothing may go.
pub fn purgeable_before(closed: &[ClosedSegment], retention: Retention) -> Option<Seq> {
    let age_max = u64::from(retention.retain_hours).saturating_mul(NANOS_PER_HOUR);
    closed
        .iter()
        .take_while(|segment| {
            let spare = segment.next_seq <= retention.needed_from;
            spare && (segment.in_store || retention.now.since(segment.closed_at) > age_max)
        })
        .last()
        .map(|segment| segment.next_seq)
}

/// Removes the segments that hold nothing from `seq` on, never the last one, which may be being written; says how many. A
/// writer need not be asked: it never looks back.
pub fn purge_before(local: &Directory, seq: Seq) -> Result<usize, ReadError> {
    let segments = list_segments(local)?;
    let mut removed = 0_usize;
    for (first_seq, next) in segments.iter().zip(segments.iter().skip(1)) {
        if *next > seq {
            break;
        }
        local.remove(&segment_name(*first_seq))?;
        removed = removed.saturating_add(1);
    }
    if removed > 0 {
        local.sync()?;
    }
    Ok(removed)
}

/// Makes the segments that hold something from `from` on durable, beside their writer.
///
/// An error is final. The system tells of a lost write once and then takes the pages for clean: a second attempt would succeed,
/// and the bytes would not be on the disk.
pub fn sync_from(local: &Directory, from: Seq) -> Result<(), ReadError> {
    let segments = list_segments(local)?;
    let first = segments.partition_point(|first_seq| *first_seq <= from).saturating_sub(1);
    for first_seq in segments.iter().skip(first) {
        local.open(&segment_name(*first_seq), OpenMode::Read)?.sync()?;
    }
    Ok(())
}

/// Copies the closed segments that the store does not have, oldest first, durably, each verified whole before; says
/// which. Only segments wholly committed are copied, since those behind may still be truncated.
pub fn copy_closed(
    identity: Identity,
    local: &Directory,
    store: &Directory,
    committed: Seq,
) -> Result<Vec<Seq>, ReadError> {
    store.create()?;
    let mut copied = Vec::new();
    for closed in closed_segments(identity, local, Some(store))? {
        if closed.in_store || closed.next_seq > committed.next() {
            continue;
        }
        let segment = Segment::open(local, closed.first_seq, identity, OpenMode::Read)?;
        let next = Segment::open(local, closed.next_seq, identity, OpenMode::Read)?;
        check_closed(segment, &next.header, true)?;
        copy(local, store, &segment_name(closed.first_seq))?;
        copied.push(closed.first_seq);
    }
    Ok(copied)
}

fn copy(local: &Directory, store: &Directory, name: &str) -> Result<(), ReadError> {
    let unfinished = format!("{name}.copy");
    if store.list()?.contains(&unfinished) {
        store.remove(&unfinished)?;
    }
    let from = local.open(name, OpenMode::Read)?;
    let to = store.open(&unfinished, OpenMode::CreateNew)?;
    let mut chunk = vec![0; COPY_BYTES];
    let mut offset = 0;
    loop {
        let filled = from.read(&mut chunk, offset)?;
        if filled == 0 {
            break;
        }
        to.write_bytes(chunk.get(..filled).unwrap_or_default(), offset)?;
        offset = offset.saturating_add(to_offset(filled));
    }
    to.sync()?;
    store.rename(&unfinished, name)?;
    Ok(store.sync()?)
}
