//! Opening a log: how far it is good, what a crash explains, and what it does not.

use std::path::PathBuf;

use domain::units::Seq;

use crate::block::{BLOCK_MAGIC, BlockKind};
use crate::config::{Config, Insist};
use crate::cursor::{At, Cursor, Found, look};
use crate::damage::{Corruption, Damage};
use crate::error::{Mismatch, OpenError, ReadError};
use crate::fields::{length, offset as to_offset};
use crate::prepare::is_spare_name;
use crate::segment::{Identity, SEGMENT_HEADER_BYTES, Segment, SegmentHeader, list_segments};
use crate::storage::{Directory, OpenMode};
use crate::tail::{Tail, judge};
use crate::tip::Tip;
use crate::vote;
use crate::window::Window;

const CHUNK_BYTES: usize = 256 << 10;

/// What was found when a log was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The end of the log. Everything up to here is durable.
    pub tip: Tip,
    /// The oldest sequence in the directory (of a log without records: the next one).
    pub oldest: Seq,
    /// Whether there was no log and a new one was begun.
    pub created: bool,
    /// Whether the last block is a seal: the last shutdown was clean.
    pub sealed: bool,
    /// The torn tail that was cut, if any.
    pub cut: Option<Cut>,
}

/// A torn tail that was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The segment.
    pub file: PathBuf,
    /// Where the log ends now.
    pub offset: u64,
    /// Bytes zeroed.
    pub bytes: u64,
    /// Whole blocks among them that no longer joined the log.
    pub blocks: u32,
}

/// Finds the end of an existing log and makes it durable and ready to be appended to; absent if there is none.
pub(crate) fn recover(
    directory: &Directory,
    config: &Config,
    insist: Insist,
) -> Result<Option<(Cursor, Recovered)>, OpenError> {
    remove_unfinished(directory)?;
    let segments = list_segments(directory)?;
    let (Some(oldest), Some(newest)) = (segments.first().copied(), segments.last().copied()) else {
        refuse_short(config.start.seq, insist, || (directory.path().to_path_buf(), 0))?;
        return Ok(None);
    };
    let newest = open_checked(directory, newest, config, OpenMode::ReadWrite)?;
    let mut joined = newest.header;
    for first_seq in segments.iter().rev().skip(1) {
        let segment = open_checked(directory, *first_seq, config, OpenMode::Read)?;
        let header = segment.header;
        check_closed(segment, &joined, insist.check_all)?;
        joined = header;
    }
    let mut cursor = Cursor::new(newest, Window::new());
    let (last, damage) = walk(&mut cursor)?;
    let tail = judge(&cursor, damage)?;
    refuse_short(cursor.tip.seq, insist, || (cursor.segment.file.path.clone(), cursor.offset))?;
    make_durable(&cursor)?;
    directory.sync()?;
    let cut = match tail {
        Tail::Clean => None,
        Tail::Torn { dirty_to, blocks } => Some(Cut {
            file: cursor.segment.file.path.clone(),
            offset: cursor.offset,
            bytes: dirty_to.saturating_sub(cursor.offset),
            blocks,
        }),
    };
    let sealed = last == Some(BlockKind::Seal);
    let recovered = Recovered { tip: cursor.tip, oldest, created: false, sealed, cut };
    Ok(Some((cursor, recovered)))
}

/// Deletes what an earlier life did not finish. None of it was ever part of the log.
fn remove_unfinished(directory: &Directory) -> Result<(), OpenError> {
    for name in directory.list()? {
        if is_spare_name(&name) || name == vote::UNFINISHED {
            directory.remove(&name)?;
        }
    }
    Ok(())
}

fn refuse_short(last: Seq, insist: Insist, place: impl FnOnce() -> (PathBuf, u64)) -> Result<(), OpenError> {
    if last >= insist.must_reach {
        return Ok(());
    }
    let (file, offset) = place();
    Err(Corruption { file, offset, what: Damage::Short { last, must_reach: insist.must_reach } }.into())
}

fn open_checked(directory: &Directory, first_seq: Seq, config: &Config, mode: OpenMode) -> Result<Segment, OpenError> {
    let segment = Segment::open(directory, first_seq, config.identity, mode)?;
    let found_bytes = segment.header.alignment_bytes;
    if found_bytes != config.alignment_bytes {
        let what = Mismatch::Alignment { found_bytes };
        return Err(OpenError::Mismatch { file: segment.file.path, what });
    }
    Ok(segment)
}

/// Steps to the end of the good blocks: the kind of the last one, and what ended them if not zeros.
pub(crate) fn walk(cursor: &mut Cursor) -> Result<(Option<BlockKind>, Option<Damage>), ReadError> {
    let mut last = None;
    loop {
        match cursor.step()? {
            At::Block(found) => last = Some(found.header.kind),
            At::Nothing => return Ok((last, None)),
            At::Bad(damage) => return Ok((last, Some(damage))),
        }
    }
}

/// Checks a segment that has another behind it: whole and clean, and the next one continues it.
pub(crate) fn check_closed(segment: Segment, next: &SegmentHeader, every_block: bool) -> Result<(), ReadError> {
    if every_block {
        let mut cursor = Cursor::new(segment, Window::new());
        let (_, damage) = walk(&mut cursor)?;
        return check_end(&cursor, damage, next);
    }
    let (offset, tip) = match last_block(&segment)? {
        Some((offset, found)) => (offset, Tip::after(&found.header, found.hash)),
        None => (SEGMENT_HEADER_BYTES, segment.header.before),
    };
    if tip == next.before {
        return Ok(());
    }
    Err(Corruption { file: segment.file.path, offset, what: Damage::SegmentJoin { last: tip.seq } }.into())
}

/// The end of a closed segment that has been walked.
pub(crate) fn check_end(cursor: &Cursor, damage: Option<Damage>, next: &SegmentHeader) -> Result<(), ReadError> {
    if let Some(damage) = damage {
        return Err(cursor.corrupt(damage).into());
    }
    match judge(cursor, None)? {
        Tail::Clean if cursor.tip == next.before => Ok(()),
        Tail::Clean => Err(cursor.corrupt(Damage::SegmentJoin { last: cursor.tip.seq }).into()),
        Tail::Torn { .. } => Err(cursor.corrupt(Damage::NotZero).into()),
    }
}

/// The last whole block of a closed segment, looked for from the end of the file.
fn last_block(segment: &Segment) -> Result<Option<(u64, Found)>, ReadError> {
    let Identity { venue, .. } = segment.header.identity;
    let alignment = length(u64::from(segment.header.alignment_bytes)).max(1);
    let mut window = Window::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut end = segment.file.size()?;
    while end > SEGMENT_HEADER_BYTES {
        // Chunks begin at multiples of their size, and so at multiples of every alignment.
        let start = end.saturating_sub(1) / to_offset(CHUNK_BYTES) * to_offset(CHUNK_BYTES);
        let filled = segment.file.read(&mut chunk, start)?;
        let bytes = chunk.get(..filled.min(length(end.saturating_sub(start)))).unwrap_or_default();
        for (index, cell) in bytes.chunks(alignment).enumerate().rev() {
            let place = start.saturating_add(to_offset(index.saturating_mul(alignment)));
            if cell.starts_with(&BLOCK_MAGIC)
                && place >= SEGMENT_HEADER_BYTES
                && let At::Block(found) = look(&mut window, &segment.file, place)?
                && found.header.venue == venue
            {
                return Ok(Some((place, found)));
            }
        }
        end = start;
    }
    Ok(None)
}

/// Writes again what no later block declares synced, zeroes everything behind the last block, and syncs.
///
/// Also what looks right already: a sync that failed in an earlier life leaves pages that look written but were marked
/// clean without being on the disk. Dirty again, they are covered by this sync. Otherwise a power cut could take back
/// a block that was read, or bring back one that was cut.
fn make_durable(cursor: &Cursor) -> Result<(), OpenError> {
    let file = &cursor.segment.file;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut offset = cursor.synced_to;
    while offset < cursor.offset {
        let wanted = length(cursor.offset.saturating_sub(offset)).min(CHUNK_BYTES);
        let filled = file.read(chunk.get_mut(..wanted).unwrap_or_default(), offset)?;
        if filled == 0 {
            break; // the padding of the last block may be missing
        }
        file.write_bytes(chunk.get(..filled).unwrap_or_default(), offset)?;
        offset = offset.saturating_add(to_offset(filled));
    }
    zero(cursor, cursor.offset, file.size()?)?;
    Ok(file.sync()?)
}

/// Writes zeros over a range of the segment.
pub(crate) fn zero(cursor: &Cursor, from: u64, to: u64) -> Result<(), crate::error::IoFailure> {
    let zeros = vec![0; length(to.saturating_sub(from)).min(CHUNK_BYTES)];
    let mut offset = from;
    while offset < to {
        let wanted = length(to.saturating_sub(offset)).min(zeros.len());
        cursor.segment.file.write_bytes(zeros.get(..wanted).unwrap_or_default(), offset)?;
        offset = offset.saturating_add(to_offset(wanted));
    }
    Ok(())
}
