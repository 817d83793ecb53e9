//! A position in a segment, moved from block to block, each verified.

use domain::ids::{Hash256, VenueId};

use crate::block::{BLOCK_HEADER_BYTES, BlockHeader, BlockView, chain_hash};
use crate::damage::{Corruption, Damage};
use crate::error::IoFailure;
use crate::fields::{length, offset as to_offset};
use crate::segment::{SEGMENT_HEADER_BYTES, Segment};
use crate::storage::OpenFile;
use crate::tip::Tip;
use crate::window::{READ_BYTES_MAX, Window};

/// A block as it lies in the file, with its own checksums verified but not its place in the chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) header: BlockHeader,
    pub(crate) hash: Hash256,
}

/// What stands at an offset.
#[derive(Debug)]
pub(crate) enum At {
    Block(Found),
    /// A header's length of zeros, or the end of the file.
    Nothing,
    Bad(Damage),
}

/// Reads what stands at `offset`. Of a block, the payload is left in the window.
pub(crate) fn look(window: &mut Window, file: &OpenFile, offset: u64) -> Result<At, IoFailure> {
    window.load(file, offset, BLOCK_HEADER_BYTES)?;
    let bytes = window.bytes(offset, BLOCK_HEADER_BYTES);
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(At::Nothing);
    }
    let Some(header_bytes) = bytes.first_chunk::<BLOCK_HEADER_BYTES>().copied() else {
        return Ok(At::Bad(Damage::Incomplete));
    };
    let header = match BlockHeader::decode(&header_bytes) {
        Ok(header) => header,
        Err(damage) => return Ok(At::Bad(damage)),
    };
    let whole = BLOCK_HEADER_BYTES.saturating_add(length(u64::from(header.length)));
    // Asked before the buffer grows to what the header claims, and only then: the size costs a system call.
    let claims_much = whole > READ_BYTES_MAX && offset.saturating_add(to_offset(whole)) > file.size()?;
    if claims_much || window.load(file, offset, whole)? < whole {
        return Ok(At::Bad(Damage::Incomplete));
    }
    let payload = window.bytes(offset, whole).get(BLOCK_HEADER_BYTES..).unwrap_or_default();
    if crc32c::crc32c(payload) != header.payload_crc {
        return Ok(At::Bad(Damage::PayloadChecksum));
    }
    Ok(At::Block(Found { header, hash: chain_hash(&header_bytes, payload) }))
}

/// A position in a segment.
#[derive(Debug)]
pub(crate) struct Cursor {
    pub(crate) segment: Segment,
    pub(crate) window: Window,
    /// Where the next block is expected.
    pub(crate) offset: u64,
    /// What it has to follow.
    pub(crate) tip: Tip,
    /// Highest `synced_to` of the blocks passed.
    pub(crate) synced_to: u64,
}

impl Cursor {
    /// Before the first block of a segment.
    pub(crate) const fn new(segment: Segment, window: Window) -> Self {
        let tip = segment.header.before;
        Self { segment, window, offset: SEGMENT_HEADER_BYTES, tip, synced_to: SEGMENT_HEADER_BYTES }
    }

    /// Moves behind the next block if one stands here; otherwise stays.
    pub(crate) fn step(&mut self) -> Result<At, IoFailure> {
        let at = look(&mut self.window, &self.segment.file, self.offset)?;
        let At::Block(found) = at else { return Ok(at) };
        if let Err(damage) = self.tip.admits(&found.header, self.venue()) {
            return Ok(At::Bad(damage));
        }
        self.offset = self.offset.saturating_add(found.header.span(self.segment.header.alignment_bytes));
        self.synced_to = self.synced_to.max(found.header.synced_to);
        self.tip = Tip::after(&found.header, found.hash);
        Ok(At::Block(found))
    }

    /// The block that `step` has just passed.
    pub(crate) fn passed(&self, found: &Found) -> BlockView<'_> {
        let start = self.offset.saturating_sub(found.header.span(self.segment.header.alignment_bytes));
        let whole = BLOCK_HEADER_BYTES.saturating_add(length(u64::from(found.header.length)));
        let payload = self.window.bytes(start, whole).get(BLOCK_HEADER_BYTES..).unwrap_or_default();
        BlockView { header: found.header, hash: found.hash, payload }
    }

    pub(crate) fn corrupt(&self, what: Damage) -> Corruption {
        Corruption { file: self.segment.file.path.clone(), offset: self.offset, what }
    }

    const fn venue(&self) -> VenueId {
        self.segment.header.identity.venue
    }
}
