//! A block: header and opaque payload, as `docs/journal-format.md` draws it.

use domain::ids::{Hash256, VenueId};
use domain::units::{Epoch, Seq, UnixNanos};

use crate::damage::Damage;
use crate::fields::{Put, Take, first, padded};

/// Bytes of a block header; the payload follows at once.
pub const BLOCK_HEADER_BYTES: usize = 112;

/// Bytes of the header that are part of the chain hash. The rest is local to the file.
const CHAINED_BYTES: usize = 96;

/// Bytes of the header that its own checksum covers.
const CHECKED_BYTES: usize = 108;

/// The first bytes of every block.
pub(crate) const BLOCK_MAGIC: [u8; 4] = *b"BWBK";

/// The format this crate writes, and the only one it reads.
pub(crate) const FORMAT: u16 = 1;

/// What a block is for. Only [`BlockKind::Commands`] may hold records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockKind {
    /// Records of the log's owner: commands in the command journal, their events in the event log.
    Commands,
    /// A writer took over under a new epoch.
    Leader,
    /// The replication group changed.
    Membership,
    /// A vote of the replication group, where it is kept in the log.
    Vote,
    /// Clean shutdown.
    Seal,
}

impl BlockKind {
    const fn code(self) -> u8 {
        match self {
            Self::Commands => 1,
            Self::Leader => 2,
            Self::Membership => 3,
            Self::Vote => 4,
            Self::Seal => 5,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Commands),
            2 => Some(Self::Leader),
            3 => Some(Self::Membership),
            4 => Some(Self::Vote),
            5 => Some(Self::Seal),
            _ => None,
        }
    }
}

/// What the caller of `append` says about a block. The payload is written from where it lies, without a copy.
#[derive(Debug, Clone, Copy)]
pub struct BlockToWrite<'a> {
    /// What the block is for.
    pub kind: BlockKind,
    /// Version of the rules the records were made under.
    pub rules_version: u32,
    /// Epoch of the writer; never smaller than in the block before.
    pub epoch: Epoch,
    /// The sequence after the last one in the log, also where `count` is 0.
    pub first_seq: Seq,
    /// Records in the payload. Must be 0 unless the kind is [`BlockKind::Commands`].
    pub count: u32,
    /// Block time; never smaller than in the block before.
    pub time: UnixNanos,
    /// The records, encoded by the caller.
    pub payload: &'a [u8],
}

/// A block header as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHeader {
    /// What the block is for.
    pub kind: BlockKind,
    /// Version of the rules the records were made under.
    pub rules_version: u32,
    /// Records in the payload.
    pub count: u32,
    /// The journal it belongs to.
    pub venue: VenueId,
    /// Epoch of the writer.
    pub epoch: Epoch,
    /// First sequence in the block; without records, the sequence that comes next.
    pub first_seq: Seq,
    /// Block time.
    pub time: UnixNanos,
    /// Bytes of the payload.
    pub length: u32,
    /// CRC-32C of the payload.
    pub payload_crc: u32,
    /// Chain hash of the block before.
    pub previous: Hash256,
    /// Offset in this file below which everything was synced before this block was written.
    pub synced_to: u64,
}

impl BlockHeader {
    /// The last sequence in the log once this block is in it.
    pub fn last_seq(&self) -> Seq {
        if self.count == 0 {
            return self.first_seq.previous();
        }
        // `check` has refused what would overflow.
        Seq(self.first_seq.previous().0.saturating_add(u64::from(self.count)))
    }

    /// Bytes of header, payload and padding.
    pub(crate) fn span(&self, alignment: u32) -> u64 {
        block_span(u64::from(self.length), alignment)
    }

    /// The header's bytes and the chain hash of the block.
    pub(crate) fn encode(&self, payload: &[u8]) -> ([u8; BLOCK_HEADER_BYTES], Hash256) {
        let mut bytes = [0; BLOCK_HEADER_BYTES];
        Put(&mut bytes)
            .bytes(&BLOCK_MAGIC)
            .u16(FORMAT)
            .bytes(&[self.kind.code(), 0])
            .u32(self.rules_version)
            .u32(self.count)
            .bytes(&self.venue.0)
            .u64(self.epoch.0)
            .u64(self.first_seq.0)
            .u64(self.time.0)
            .u32(self.length)
            .u32(self.payload_crc)
            .bytes(&self.previous.0)
            .u64(self.synced_to);
        let crc = crc32c::crc32c(first(&bytes, CHECKED_BYTES));
        if let Some(place) = bytes.last_chunk_mut::<4>() {
            *place = crc.to_le_bytes();
        }
        let hash = chain_hash(&bytes, payload);
        (bytes, hash)
    }

    /// Reads a header back. Only its own bytes are checked, not whether it fits where it stands.
    pub(crate) fn decode(bytes: &[u8; BLOCK_HEADER_BYTES]) -> Result<Self, Damage> {
        let mut take = Take(bytes);
        if take.bytes() != BLOCK_MAGIC {
            return Err(Damage::NotABlock);
        }
        let crc = bytes.last_chunk::<4>().map(|crc| u32::from_le_bytes(*crc));
        if crc != Some(crc32c::crc32c(first(bytes, CHECKED_BYTES))) {
            return Err(Damage::HeaderChecksum);
        }
        let format = take.u16();
        if format != FORMAT {
            return Err(Damage::UnknownFormat(format));
        }
        let [code, zero] = take.bytes();
        let kind = BlockKind::from_code(code).ok_or(Damage::UnknownKind(code))?;
        let header = Self {
            kind,
            rules_version: take.u32(),
            count: take.u32(),
            venue: VenueId(take.bytes()),
            epoch: Epoch(take.u64()),
            first_seq: Seq(take.u64()),
            time: UnixNanos(take.u64()),
            length: take.u32(),
            payload_crc: take.u32(),
            previous: Hash256(take.bytes()),
            synced_to: take.u64(),
        };
        if zero != 0 || take.u32() != 0 {
            return Err(Damage::Malformed("a reserved field is not zero"));
        }
        header.check()?;
        Ok(header)
    }

    /// What must hold of every header by itself, before the write and after the read.
    pub(crate) fn check(&self) -> Result<(), Damage> {
        if self.count != 0 && self.kind != BlockKind::Commands {
            return Err(Damage::Malformed("only a commands block may hold records"));
        }
        if self.first_seq == Seq::ZERO {
            return Err(Damage::Malformed("sequences start at 1"));
        }
        if self.first_seq.0.checked_add(u64::from(self.count)).is_none() {
            return Err(Damage::Malformed("sequences overflow"));
        }
        Ok(())
    }
}

/// A verified block, borrowed from the reader's buffer.
#[derive(Debug, Clone, Copy)]
pub struct BlockView<'a> {
    /// The header.
    pub header: BlockHeader,
    /// Chain hash of this block.
    pub hash: Hash256,
    /// The records.
    pub payload: &'a [u8],
}

impl BlockView<'_> {
    /// A copy that outlives the reader's buffer.
    pub fn to_owned_block(&self) -> OwnedBlock {
        OwnedBlock { header: self.header, hash: self.hash, payload: self.payload.to_vec() }
    }
}

/// A verified block that owns its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedBlock {
    /// The header.
    pub header: BlockHeader,
    /// Chain hash of this block.
    pub hash: Hash256,
    /// The records.
    pub payload: Vec<u8>,
}

/// BLAKE3 over the chained part of the header and the payload.
pub(crate) fn chain_hash(header: &[u8; BLOCK_HEADER_BYTES], payload: &[u8]) -> Hash256 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(first(header, CHAINED_BYTES)).update(payload);
    Hash256(*hasher.finalize().as_bytes())
}

/// Bytes in the file of a block with a payload of `length` bytes.
pub(crate) fn block_span(length: u64, alignment: u32) -> u64 {
    padded(length.saturating_add(crate::fields::offset(BLOCK_HEADER_BYTES)), alignment)
}
