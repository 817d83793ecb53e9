//! What damaged data looks like, and what an operator can do about it.

use std::fmt;
use std::path::PathBuf;

use domain::ids::VenueId;
use domain::units::{Epoch, Seq, UnixNanos};

/// Data that is not what was written. Nothing has been changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corruption {
    /// The file.
    pub file: PathBuf,
    /// Where in it.
    pub offset: u64,
    /// What was found.
    pub what: Damage,
}

impl Corruption {
    /// What an operator can do.
    pub const fn hint(&self) -> &'static str {
        self.what.hint()
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}: {} ({})", self.file.display(), self.offset, self.what, self.hint())
    }
}

/// What is wrong with a block, a segment, or the log as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// Neither zeros nor the start of a block.
    NotABlock,
    /// The header's checksum does not match.
    HeaderChecksum,
    /// The payload's checksum does not match.
    PayloadChecksum,
    /// The block runs past the end of the file.
    Incomplete,
    /// Written by a version of the format this binary does not know.
    UnknownFormat(u16),
    /// A block kind this binary does not know.
    UnknownKind(u8),
    /// A checksummed header that no writer makes.
    Malformed(&'static str),
    /// A block of another journal.
    ForeignVenue {
        /// The venue in the block.
        found: VenueId,
    },
    /// The sequence is not the next one.
    Gap {
        /// The sequence that should come here.
        expected: Seq,
        /// The sequence found.
        found: Seq,
    },
    /// The previous hash is not that of the block before.
    Chain,
    /// The epoch is smaller than in the block before.
    EpochBackwards {
        /// Epoch of the block before.
        last: Epoch,
        /// Epoch found.
        found: Epoch,
    },
    /// The time is smaller than in the block before.
    TimeBackwards {
        /// Time of the block before.
        last: UnixNanos,
        /// Time found.
        found: UnixNanos,
    },
    /// No segment header with a matching checksum.
    SegmentHeader,
    /// The header's first sequence is not the one in the file name.
    SegmentName {
        /// The sequence in the header.
        header: Seq,
    },
    /// The segment does not continue the one before it.
    SegmentJoin {
        /// Last sequence of the segment before.
        last: Seq,
    },
    /// Bytes behind the last block of a segment that had been closed.
    NotZero,
    /// A bad block, and behind it one that declares the bad one durable.
    DurableBehind {
        /// What is wrong with the bad one.
        first: Box<Damage>,
        /// Where the whole block stands.
        whole_at: u64,
    },
    /// The log ends before a sequence that is known to exist.
    Short {
        /// Last sequence in the log.
        last: Seq,
        /// The sequence it must reach.
        must_reach: Seq,
    },
}

impl Damage {
    /// Whether a power cut can leave this behind where the last blocks were being written.
    pub(crate) const fn may_be_torn(&self) -> bool {
        matches!(self, Self::NotABlock | Self::HeaderChecksum | Self::PayloadChecksum | Self::Incomplete)
    }

    /// What an operator can do.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::UnknownFormat(_) | Self::UnknownKind(_) => "start the newer version that wrote this file",
            Self::ForeignVenue { .. } | Self::SegmentName { .. } => {
                "a file was put here from another journal or renamed; put the original back"
            }
            Self::Short { .. } => {
                "the directory is an older copy, or its newest segment is missing or damaged; put the newest segments \
                 back from a replica, or rewind the followers to the log"
            }
            Self::NotABlock
            | Self::HeaderChecksum
            | Self::PayloadChecksum
            | Self::Incomplete
            | Self::Malformed(_)
            | Self::Gap { .. }
            | Self::Chain
            | Self::EpochBackwards { .. }
            | Self::TimeBackwards { .. }
            | Self::SegmentHeader
            | Self::SegmentJoin { .. }
            | Self::NotZero
            | Self::DurableBehind { .. } => {
                "nothing was changed; replace this file by the copy from the segment store or a replica, and check the disk"
            }
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotABlock => f.write_str("neither a block nor zeros"),
            Self::HeaderChecksum => f.write_str("the checksum of a block header does not match"),
            Self::PayloadChecksum => f.write_str("the checksum of a payload does not match"),
            Self::Incomplete => f.write_str("a block runs past the end of the file"),
            Self::UnknownFormat(format) => write!(f, "format {format} is not known to this version"),
            Self::UnknownKind(kind) => write!(f, "block kind {kind} is not known to this version"),
            Self::Malformed(what) => write!(f, "impossible block header: {what}"),
            Self::ForeignVenue { found } => write!(f, "a block of another journal, venue {}", Hex(&found.0)),
            Self::Gap { expected, found } => write!(f, "sequence {} where {} should come", found.0, expected.0),
            Self::Chain => f.write_str("the previous hash is not that of the block before"),
            Self::EpochBackwards { last, found } => write!(f, "epoch {} after epoch {}", found.0, last.0),
            Self::TimeBackwards { last, found } => write!(f, "block time {} after {}", found.0, last.0),
            Self::SegmentHeader => f.write_str("no valid segment header"),
            Self::SegmentName { header } => write!(f, "the header says that sequence {} comes first", header.0),
            Self::SegmentJoin { last } => {
                write!(f, "the next segment does not continue this one, which ends at sequence {}", last.0)
            }
            Self::NotZero => f.write_str("bytes behind the last block of a closed segment"),
            Self::DurableBehind { first, whole_at } => {
                write!(
                    f,
                    "{first}, and the whole block at offset {whole_at} was written after this place had been synced"
                )
            }
            Self::Short { last, must_reach } => {
                write!(
                    f,
                    "the log ends at sequence {}, but sequence {} is known to have been in it",
                    last.0, must_reach.0
                )
            }
        }
    }
}

/// Bytes as hexadecimal digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::error::Error for Corruption {}
