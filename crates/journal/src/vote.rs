//! The vote record of a replication group: small, opaque, replaced atomically.

use domain::ids::VenueId;

use crate::block::FORMAT;
use crate::damage::{Corruption, Damage};
use crate::error::{IoFailure, Mismatch, ReadError};
use crate::fields::{Put, Take, first, offset as to_offset};
use crate::storage::{Directory, OpenMode};

/// Longest vote record.
pub const VOTE_BYTES_MAX: usize = 1024;

/// The file it is written to before it gets its name.
pub(crate) const UNFINISHED: &str = "vote.tmp";

const NAME: &str = "vote";
const MAGIC: [u8; 8] = *b"BWVOTE\0\0";
const HEADER_BYTES: usize = 32;
const CRC_BYTES: usize = 4;

/// Replaces the record: written beside, synced, renamed, directory synced.
pub(crate) fn save(directory: &Directory, venue: VenueId, record: &[u8]) -> Result<(), IoFailure> {
    let mut bytes = vec![0; HEADER_BYTES.saturating_add(record.len())];
    Put(&mut bytes)
        .bytes(&MAGIC)
        .u16(FORMAT)
        .u16(0)
        .u32(u32::try_from(record.len()).unwrap_or(u32::MAX))
        .bytes(&venue.0)
        .bytes(record);
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());

    let file = directory.open(UNFINISHED, OpenMode::CreateNew)?;
    file.write_bytes(&bytes, 0)?;
    file.sync()?;
    directory.rename(UNFINISHED, NAME)?;
    directory.sync()
}

/// The record; absent if there is none.
pub(crate) fn read(directory: &Directory, venue: VenueId) -> Result<Option<Vec<u8>>, ReadError> {
    if !directory.list()?.iter().any(|name| name == NAME) {
        return Ok(None);
    }
    let file = directory.open(NAME, OpenMode::Read)?;
    let mut bytes = vec![0; HEADER_BYTES.saturating_add(VOTE_BYTES_MAX).saturating_add(CRC_BYTES)];
    let filled = file.read(&mut bytes, 0)?;
    let damaged = || Corruption { file: file.path.clone(), offset: 0, what: Damage::HeaderChecksum };
    let (body, crc) = first(&bytes, filled).split_last_chunk::<CRC_BYTES>().ok_or_else(damaged)?;
    let whole = file.size()? == to_offset(filled) && u32::from_le_bytes(*crc) == crc32c::crc32c(body);
    let (header, record) = body.split_at_checked(HEADER_BYTES).filter(|_| whole).ok_or_else(damaged)?;
    let mut take = Take(header);
    if take.bytes() != MAGIC {
        return Err(damaged().into());
    }
    let mismatch = |what| ReadError::Mismatch { file: file.path.clone(), what };
    let format = take.u16();
    if format != FORMAT {
        return Err(mismatch(Mismatch::Format { found: format }));
    }
    let (_zero, length) = (take.u16(), take.u32());
    let found = VenueId(take.bytes());
    if found != venue {
        return Err(mismatch(Mismatch::Venue { found }));
    }
    if u32::try_from(record.len()) != Ok(length) {
        return Err(damaged().into());
    }
    Ok(Some(record.to_vec()))
}
