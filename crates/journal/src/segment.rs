//! A segment: its name, its header, and the list of them in a directory.

use std::fmt;

use domain::ids::{Hash256, VenueId};
use domain::units::{Epoch, Seq, UnixNanos};

use crate::block::FORMAT;
use crate::damage::{Corruption, Damage};
use crate::error::{Mismatch, ReadError};
use crate::fields::{Put, Take, first};
use crate::storage::{Directory, OpenFile, OpenMode};
use crate::tip::Tip;

/// Where the first block of a segment stands.
pub const SEGMENT_HEADER_BYTES: u64 = 4096;

/// Bytes of the header that are used.
pub(crate) const SEGMENT_FIELDS_BYTES: usize = 128;

const CHECKED_BYTES: usize = 124;
const MAGIC: [u8; 8] = *b"BWSEGMNT";
const SUFFIX: &str = ".seg";
const NAME_DIGITS: usize = 20;

/// The name of a log, so that one cannot be opened as another: ASCII, at most 16 bytes, padded with zeros.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogName([u8; 16]);

impl LogName {
    /// The command journal.
    pub const COMMANDS: Self = Self(*b"commands\0\0\0\0\0\0\0\0");
    /// The event log behind it.
    pub const EVENTS: Self = Self(*b"events\0\0\0\0\0\0\0\0\0\0");

    /// A name; absent if it is empty, longer than 16 bytes, or not printable ASCII.
    pub fn new(name: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())).then_some(Self(bytes))
    }
}

impl fmt::Debug for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.0.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect();
        write!(f, "{text:?}")
    }
}

/// Which log of which venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The venue.
    pub venue: VenueId,
    /// The log.
    pub name: LogName,
}

/// A segment header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Which log of which venue.
    pub identity: Identity,
    /// Alignment of the blocks, a power of two.
    pub alignment_bytes: u32,
    /// Bytes zeroed in advance.
    pub segment_bytes: u64,
    /// The state of the log before the first block.
    pub before: Tip,
}

impl SegmentHeader {
    /// The first sequence in the segment.
    pub const fn first_seq(&self) -> Seq {
        self.before.seq.next()
    }

    pub(crate) fn encode(&self) -> [u8; SEGMENT_FIELDS_BYTES] {
        let mut bytes = [0; SEGMENT_FIELDS_BYTES];
        Put(&mut bytes)
            .bytes(&MAGIC)
            .u16(FORMAT)
            .u16(0)
            .u32(self.alignment_bytes)
            .bytes(&self.identity.venue.0)
            .bytes(&self.identity.name.0)
            .u64(self.first_seq().0)
            .u64(self.before.epoch.0)
            .u64(self.before.time.0)
            .u64(self.segment_bytes)
            .bytes(&self.before.hash.0);
        let crc = crc32c::crc32c(first(&bytes, CHECKED_BYTES));
        if let Some(place) = bytes.last_chunk_mut::<4>() {
            *place = crc.to_le_bytes();
        }
        bytes
    }

    fn decode(bytes: &[u8; SEGMENT_FIELDS_BYTES]) -> Result<Self, HeaderFault> {
        let crc = bytes.last_chunk::<4>().map(|crc| u32::from_le_bytes(*crc));
        let mut take = Take(bytes);
        if take.bytes() != MAGIC || crc != Some(crc32c::crc32c(first(bytes, CHECKED_BYTES))) {
            return Err(HeaderFault::Damage);
        }
        let format = take.u16();
        if format != FORMAT {
            return Err(HeaderFault::Format(format));
        }
        let zero = take.u16();
        let alignment_bytes = take.u32();
        let identity = Identity { venue: VenueId(take.bytes()), name: LogName(take.bytes()) };
        let first_seq = Seq(take.u64());
        let epoch = Epoch(take.u64());
        let time = UnixNanos(take.u64());
        let segment_bytes = take.u64();
        let before = Tip { seq: first_seq.previous(), hash: Hash256(take.bytes()), epoch, time };
        if zero != 0 || first_seq == Seq::ZERO || !is_alignment(alignment_bytes) {
            return Err(HeaderFault::Damage);
        }
        Ok(Self { identity, alignment_bytes, segment_bytes, before })
    }
}

enum HeaderFault {
    Damage,
    Format(u16),
}

/// Whether blocks may be aligned to this many bytes.
pub(crate) const fn is_alignment(bytes: u32) -> bool {
    bytes.is_power_of_two() && bytes >= 64 && bytes <= 4096
}

/// The file name of the segment whose first sequence is `first_seq`.
pub fn segment_name(first_seq: Seq) -> String {
    format!("{:0NAME_DIGITS$}{SUFFIX}", first_seq.0)
}

/// The first sequence of the segment with this file name; absent for any other file.
pub fn parse_segment_name(name: &str) -> Option<Seq> {
    let digits = name.strip_suffix(SUFFIX)?;
    let well_formed = digits.len() == NAME_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    let seq = if well_formed { digits.parse().ok() } else { None };
    seq.filter(|seq| *seq > 0).map(Seq)
}

/// First sequences of all segments of a directory, ascending. A missing directory has none.
pub fn list_segments(directory: &Directory) -> Result<Vec<Seq>, ReadError> {
    let mut segments: Vec<Seq> = directory.list()?.iter().filter_map(|name| parse_segment_name(name)).collect();
    segments.sort_unstable();
    Ok(segments)
}

/// The segment of an ascending list that holds `seq`: the last one that begins at or before it.
pub(crate) fn covering(segments: &[Seq], seq: Seq) -> Option<Seq> {
    let behind = segments.partition_point(|first_seq| *first_seq <= seq);
    segments.get(behind.checked_sub(1)?).copied()
}

/// An open segment whose header has been checked.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) header: SegmentHeader,
    pub(crate) file: OpenFile,
}

impl Segment {
    /// Opens the segment named after `first_seq` and checks its header against its name and `identity`.
    pub(crate) fn open(
        directory: &Directory,
        first_seq: Seq,
        identity: Identity,
        mode: OpenMode,
    ) -> Result<Self, ReadError> {
        let file = directory.open(&segment_name(first_seq), mode)?;
        let header = read_header(&file)?;
        let mismatch = |what| ReadError::Mismatch { file: file.path.clone(), what };
        if header.identity.venue != identity.venue {
            return Err(mismatch(Mismatch::Venue { found: header.identity.venue }));
        }
        if header.identity.name != identity.name {
            return Err(mismatch(Mismatch::Name { found: header.identity.name }));
        }
        if header.first_seq() != first_seq {
            let what = Damage::SegmentName { header: header.first_seq() };
            return Err(Corruption { file: file.path, offset: 0, what }.into());
        }
        Ok(Self { header, file })
    }
}

fn read_header(file: &OpenFile) -> Result<SegmentHeader, ReadError> {
    let mut bytes = [0; SEGMENT_FIELDS_BYTES];
    let filled = file.read(&mut bytes, 0)?;
    let damage = || Corruption { file: file.path.clone(), offset: 0, what: Damage::SegmentHeader };
    if filled < SEGMENT_FIELDS_BYTES {
        return Err(damage().into());
    }
    match SegmentHeader::decode(&bytes) {
        Ok(header) => Ok(header),
        Err(HeaderFault::Damage) => Err(damage().into()),
        Err(HeaderFault::Format(found)) => {
            Err(ReadError::Mismatch { file: file.path.clone(), what: Mismatch::Format { found } })
        }
    }
}

/// The header of the oldest segment in a directory: which log this is. Absent where there is none.
pub fn peek(directory: &Directory) -> Result<Option<SegmentHeader>, ReadError> {
    match list_segments(directory)?.first() {
        Some(first_seq) => Ok(Some(read_header(&directory.open(&segment_name(*first_seq), OpenMode::Read)?)?)),
        None => Ok(None),
    }
}
