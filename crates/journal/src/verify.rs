//! Walks a whole log and says what it holds and where it is first bad. Changes nothing, takes no lock: a writer may append and
//! retention may remove the oldest segments meanwhile, and neither is taken for damage.

use std::io;

use domain::units::Seq;

use crate::cursor::{At, Cursor};
use crate::damage::{Corruption, Damage};
use crate::error::{IoFailure, ReadError};
use crate::recover::check_end;
use crate::segment::{Identity, Segment, list_segments};
use crate::storage::{Directory, OpenMode};
use crate::tail::{Tail, judge};
use crate::tip::Tip;
use crate::window::Window;

/// What a log holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Segments walked.
    pub segments: u64,
    /// Blocks of all kinds.
    pub blocks: u64,
    /// Records, and so sequences.
    pub records: u64,
    /// Bytes of all payloads.
    pub payload_bytes: u64,
    /// The first sequence; absent if there is no segment.
    pub oldest: Option<Seq>,
    /// The end of the good part.
    pub tip: Tip,
    /// The first bad place. Nothing behind it was looked at.
    pub bad: Option<Corruption>,
    /// What stands behind the last block: a torn tail, or what a writer is just writing.
    pub torn: Option<Tail>,
}

/// Checks every block of every segment in a directory: checksums, sequence, chain, joins, and zeros behind.
pub fn verify(directory: &Directory, identity: Identity) -> Result<Report, ReadError> {
    loop {
        let segments = list_segments(directory)?;
        match check_all(directory, &segments, identity) {
            Err(ReadError::Io(failure)) if is_missing(&failure) => {
                // Each time at least the oldest has gone, never the last: this ends.
                if list_segments(directory)?.first() <= segments.first() {
                    return Err(failure.into());
                }
            }
            checked => return checked,
        }
    }
}

fn is_missing(failure: &IoFailure) -> bool {
    failure.source.kind() == io::ErrorKind::NotFound
}

fn check_all(directory: &Directory, segments: &[Seq], identity: Identity) -> Result<Report, ReadError> {
    let mut report = Report { oldest: segments.first().copied(), ..Report::default() };
    for (index, first_seq) in segments.iter().enumerate() {
        let next = segments.get(index.saturating_add(1));
        match check_segment(directory, *first_seq, next.copied(), identity, &mut report) {
            Err(ReadError::Corruption(bad)) => {
                report.bad = Some(bad);
                break;
            }
            checked => checked?,
        }
    }
    Ok(report)
}

fn check_segment(
    directory: &Directory,
    first_seq: Seq,
    next: Option<Seq>,
    identity: Identity,
    report: &mut Report,
) -> Result<(), ReadError> {
    let segment = Segment::open(directory, first_seq, identity, OpenMode::Read)?;
    let next = next.map(|next| Segment::open(directory, next, identity, OpenMode::Read)).transpose()?;
    report.segments = report.segments.saturating_add(1);
    let mut cursor = Cursor::new(segment, Window::new());
    if report.segments == 1 {
        report.tip = cursor.tip;
    }
    if let Some(next) = next {
        let damage = count_blocks(&mut cursor, report)?;
        return check_end(&cursor, damage, &next.header);
    }
    report.torn = Some(check_tail(&mut cursor, report)?).filter(|tail| *tail != Tail::Clean);
    Ok(())
}

/// Counts the blocks of the last segment and judges what lies behind them.
///
/// Where a writer has gone on since a place was read, the blocks it wrote behind that place prove corruption there. But by then
/// the place itself is written: only if it is read again and still bad was it ever bad.
fn check_tail(cursor: &mut Cursor, report: &mut Report) -> Result<Tail, ReadError> {
    loop {
        let damage = count_blocks(cursor, report)?;
        let judged = judge(cursor, damage);
        if !matches!(judged, Err(ReadError::Corruption(_))) {
            return judged;
        }
        let end = cursor.offset;
        cursor.window.forget();
        count_blocks(cursor, report)?;
        if cursor.offset == end {
            return judged;
        }
    }
}

fn count_blocks(cursor: &mut Cursor, report: &mut Report) -> Result<Option<Damage>, ReadError> {
    loop {
        match cursor.step()? {
            At::Block(found) => {
                report.blocks = report.blocks.saturating_add(1);
                report.records = report.records.saturating_add(u64::from(found.header.count));
                report.payload_bytes = report.payload_bytes.saturating_add(u64::from(found.header.length));
                report.tip = cursor.tip;
            }
            At::Nothing => return Ok(None),
            At::Bad(damage) => return Ok(Some(damage)),
        }
    }
}
