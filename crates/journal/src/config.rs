//! What a log is opened with.

use domain::ids::VenueId;
use domain::units::Seq;

use crate::block::{BLOCK_HEADER_BYTES, block_span};
use crate::error::OpenError;
use crate::segment::{Identity, LogName, SEGMENT_HEADER_BYTES, is_alignment};
use crate::tip::Tip;

/// Fixed properties of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Which log of which venue. An existing log must say the same.
    pub identity: Identity,
    /// Blocks start on and are padded to this: a power of two from 64 to 4096. An existing log must have the same.
    pub alignment_bytes: u32,
    /// Size of a segment, zeroed in advance. May differ from that of existing segments.
    pub segment_bytes: u64,
    /// Most that one `append` may write, with headers and padding. Also the room below which the log counts as full.
    pub append_bytes_max: u64,
    /// Where a new log begins; of no effect on an existing one.
    pub start: Tip,
}

impl Config {
    /// The command journal: a block never shares a page with another, so tearing one never touches an acknowledged one.
    pub const fn commands(venue: VenueId) -> Self {
        Self {
            identity: Identity { venue, name: LogName::COMMANDS },
            alignment_bytes: 4096,
            segment_bytes: 64 << 20,
            append_bytes_max: 8 << 20,
            start: Tip {
                seq: Seq::ZERO,
                hash: domain::ids::Hash256([0; 32]),
                epoch: domain::units::Epoch(0),
                time: domain::units::UnixNanos(0),
            },
        }
    }

    /// The event log: small blocks lie close together, since it can be derived again.
    pub const fn events(venue: VenueId) -> Self {
        let mut config = Self::commands(venue);
        config.identity.name = LogName::EVENTS;
        config.alignment_bytes = 64;
        config
    }

    pub(crate) fn check(&self) -> Result<(), OpenError> {
        if !is_alignment(self.alignment_bytes) {
            return Err(OpenError::Config("the alignment must be a power of two from 64 to 4096"));
        }
        let smallest = block_span(0, self.alignment_bytes);
        if self.append_bytes_max < smallest || self.append_bytes_max > u64::from(u32::MAX) {
            return Err(OpenError::Config("append_bytes_max must hold a block and stay below 4 GiB"));
        }
        if self.segment_bytes < SEGMENT_HEADER_BYTES.saturating_add(self.append_bytes_max) {
            return Err(OpenError::Config("a segment must hold its header and one append of append_bytes_max"));
        }
        if !self.segment_bytes.is_multiple_of(u64::from(self.alignment_bytes)) {
            return Err(OpenError::Config("the size of a segment must be a multiple of the alignment"));
        }
        Ok(())
    }
}

/// What recovery has to insist on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Insist {
    /// A sequence known to have been in the log: the event log's last, and every follower's checkpoint.
    pub must_reach: Seq,
    /// Check every block of every segment, not only the last segment and the joins.
    pub check_all: bool,
}

const _: () = assert!(BLOCK_HEADER_BYTES < 4096, "a header fits into every alignment's padding arithmetic");
