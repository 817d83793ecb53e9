//! Snapshots: the whole state of the venue at one sequence, with what ties it to its journal.

mod state;

use domain::ids::{Hash256, VenueId};
use domain::state::State;
use domain::units::{Epoch, Seq, UnixNanos};

use crate::error::{DecodeError, DecodeFault};
use crate::field::{Field, fields};
use crate::reader::Reader;
use state::{read_state, write_state};

const MAGIC: [u8; 6] = *b"BWSNAP";
/// What is written. Version 1, before the shard map, is still read.
const VERSION: u16 = 2;
const HASH_BYTES: usize = 32;

/// Which history a snapshot belongs to, and where in it it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// The journal.
    pub venue_id: VenueId,
    /// Epoch of the writer of the block that ends at `seq`.
    pub epoch: Epoch,
    /// Last command in the state: the same as the state's.
    pub seq: Seq,
    /// Its block time: the same as the state's.
    pub time: UnixNanos,
    /// Chain hash of the journal block that ends at `seq`.
    pub journal_hash: Hash256,
    /// Chain hash of the event log block that ends at `seq`.
    pub event_log_hash: Hash256,
}

fields!(SnapshotHeader { venue_id, epoch, seq, time, journal_hash, event_log_hash });

/// Appends a snapshot.
///
/// # Panics
/// If header and state name different sequences or times, or if a value of the state is out of the range of its type.
pub fn encode_snapshot(header: &SnapshotHeader, state: &State, out: &mut Vec<u8>) {
    assert!((header.seq, header.time) == (state.seq, state.time), "a snapshot's header says which state it is of");
    let start = out.len();
    MAGIC.write(out);
    VERSION.write(out);
    header.write(out);
    write_state(state, out);
    let hash = blake3::hash(out.get(start..).expect("the snapshot begins at the end of what was there"));
    hash.as_bytes().write(out);
}

/// Reads a snapshot: exactly these bytes, nothing before or after. The hash is compared before the state is read.
pub fn decode_snapshot(bytes: &[u8]) -> Result<(SnapshotHeader, State), DecodeError> {
    let mut reader = Reader::new(bytes);
    let (version, header) = read_header(&mut reader)?;
    let Some((hashed, hash)) = bytes.split_last_chunk::<HASH_BYTES>() else {
        return Err(reader.fault(DecodeFault::Truncated));
    };
    if blake3::hash(hashed).as_bytes() != hash {
        return Err(DecodeError { offset: hashed.len(), what: DecodeFault::HashMismatch });
    }
    let Some(state_bytes) = reader.rest_len().checked_sub(HASH_BYTES) else {
        return Err(reader.fault(DecodeFault::Truncated));
    };
    let mut body = reader.part(state_bytes)?;
    let before_state = body;
    let state = read_state(version, &mut body)?;
    body.finish()?;
    if (header.seq, header.time) != (state.seq, state.time) {
        return Err(before_state.fault(DecodeFault::HeaderMismatch));
    }
    Ok((header, state))
}

/// Reads which snapshot this is, without its state and without comparing the hash.
pub fn decode_snapshot_header(bytes: &[u8]) -> Result<SnapshotHeader, DecodeError> {
    read_header(&mut Reader::new(bytes)).map(|(_, header)| header)
}

/// The BLAKE3 of the state's bytes: equal for equal states, whatever machine or history led there.
///
/// # Panics
/// If a value of the state is out of the range of its type.
pub fn state_hash(state: &State) -> Hash256 {
    let mut bytes = Vec::new();
    write_state(state, &mut bytes);
    Hash256(*blake3::hash(&bytes).as_bytes())
}

/// The version, and what it is a snapshot of.
fn read_header(reader: &mut Reader<'_>) -> Result<(u16, SnapshotHeader), DecodeError> {
    if reader.array()? != MAGIC {
        return Err(reader.fault_before(MAGIC.len(), DecodeFault::NotASnapshot));
    }
    let version = u16::read(reader)?;
    if !(1..=VERSION).contains(&version) {
        return Err(reader.fault_before(size_of::<u16>(), DecodeFault::UnknownVersion(version)));
    }
    Ok((version, SnapshotHeader::read(reader)?))
}
