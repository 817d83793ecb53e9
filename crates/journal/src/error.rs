//! What can go wrong, one enum per operation.

use std::fmt;
use std::io;
use std::path::PathBuf;

use domain::ids::VenueId;
use domain::units::Seq;

use crate::damage::{Corruption, Damage, Hex};
use crate::segment::{LogName, segment_name};

/// A failed call to the storage.
#[derive(Debug)]
pub struct IoFailure {
    /// What was tried, as a verb.
    pub action: &'static str,
    /// On which file or directory.
    pub path: PathBuf,
    /// What the storage said.
    pub source: io::Error,
}

impl IoFailure {
    /// Whether the storage or a quota is full.
    pub fn is_no_space(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

impl fmt::Display for IoFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.action, self.path.display(), self.source)
    }
}

/// An intact log, but not the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// It belongs to another venue.
    Venue {
        /// The venue in the file.
        found: VenueId,
    },
    /// It is another log, such as the event log where the journal was asked for.
    Name {
        /// The name in the file.
        found: LogName,
    },
    /// It was written with another alignment.
    Alignment {
        /// The alignment in the file.
        found_bytes: u32,
    },
    /// It was written by another version of the format.
    Format {
        /// The format in the file.
        found: u16,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Venue { found } => write!(f, "it belongs to venue {}", Hex(&found.0)),
            Self::Name { found } => write!(f, "it is the log {found:?}"),
            Self::Alignment { found_bytes } => write!(f, "its alignment is {found_bytes} bytes"),
            Self::Format { found } => write!(f, "its format is {found}, this version knows {}", crate::block::FORMAT),
        }
    }
}

/// Why a log could not be opened for writing.
#[derive(Debug)]
pub enum OpenError {
    /// Another process, or this one, has it open.
    Locked(PathBuf),
    /// A setting is out of range.
    Config(&'static str),
    /// It is intact, but another log.
    Mismatch {
        /// The file that says so.
        file: PathBuf,
        /// In which respect.
        what: Mismatch,
    },
    /// It is damaged in a way that a crash does not explain.
    Corruption(Corruption),
    /// There is no room for the first segment.
    NoSpace(IoFailure),
    /// The storage failed.
    Io(IoFailure),
}

/// Why blocks were not written, or the log could not be changed.
#[derive(Debug)]
pub enum JournalError {
    /// An earlier write or sync failed. Nothing was done; the process has to end and recover.
    Poisoned,
    /// The storage failed. From here on the journal is poisoned.
    Io(IoFailure),
    /// There is no room for the next segment. Nothing was written; the journal is not poisoned.
    NoSpace,
    /// The blocks of one call take more than `append_bytes_max`. Nothing was written.
    TooLarge {
        /// Bytes they take with headers and padding.
        bytes: u64,
        /// Bytes they may take.
        bytes_max: u64,
    },
    /// The block does not continue the log. Nothing was written.
    Refused(Damage),
    /// The log does not reach back to, or has no block that ends at, this sequence. Nothing was changed.
    NotABoundary(Seq),
    /// A vote record is longer than `VOTE_BYTES_MAX`. Nothing was written.
    VoteTooLong,
    /// A file belongs to another log.
    Mismatch {
        /// The file that says so.
        file: PathBuf,
        /// In which respect.
        what: Mismatch,
    },
    /// The log is damaged.
    Corruption(Corruption),
}

/// Why blocks could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// No place has this sequence any more (or yet).
    Missing(Seq),
    /// A file belongs to another log.
    Mismatch {
        /// The file that says so.
        file: PathBuf,
        /// In which respect.
        what: Mismatch,
    },
    /// A file is damaged.
    Corruption(Corruption),
    /// The storage failed.
    Io(IoFailure),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(path) => write!(f, "{} is in use by another process", path.display()),
            Self::Config(what) => f.write_str(what),
            Self::Mismatch { file, what } => write!(f, "{} is not the log asked for: {what}", file.display()),
            Self::Corruption(corruption) => write!(f, "{corruption}"),
            Self::NoSpace(failure) => write!(f, "no space for a segment: {failure}"),
            Self::Io(failure) => write!(f, "{failure}"),
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poisoned => f.write_str("an earlier write or sync failed; restart to recover"),
            Self::Io(failure) => write!(f, "{failure}"),
            Self::NoSpace => f.write_str("no space for the next segment"),
            Self::TooLarge { bytes, bytes_max } => {
                write!(f, "{bytes} bytes in one append, at most {bytes_max} are allowed")
            }
            Self::Refused(damage) => write!(f, "the block does not continue the log: {damage}"),
            Self::NotABoundary(seq) => write!(f, "no block ends at sequence {}", seq.0),
            Self::VoteTooLong => f.write_str("the vote record is too long"),
            Self::Mismatch { file, what } => write!(f, "{} is not the log asked for: {what}", file.display()),
            Self::Corruption(corruption) => write!(f, "{corruption}"),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(seq) => write!(f, "no segment has sequence {}", seq.0),
            Self::Mismatch { file, what } => write!(f, "{} is not the log asked for: {what}", file.display()),
            Self::Corruption(corruption) => write!(f, "{corruption}"),
            Self::Io(failure) => write!(f, "{failure}"),
        }
    }
}

impl std::error::Error for IoFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
impl std::error::Error for OpenError {}
impl std::error::Error for JournalError {}
impl std::error::Error for ReadError {}

impl From<IoFailure> for OpenError {
    fn from(failure: IoFailure) -> Self {
        if failure.is_no_space() { Self::NoSpace(failure) } else { Self::Io(failure) }
    }
}

impl From<Corruption> for OpenError {
    fn from(corruption: Corruption) -> Self {
        Self::Corruption(corruption)
    }
}

/// A segment that was listed a moment ago.
fn missing(seq: Seq) -> IoFailure {
    IoFailure { action: "find", path: segment_name(seq).into(), source: io::ErrorKind::NotFound.into() }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Missing(seq) => Self::Io(missing(seq)),
            ReadError::Mismatch { file, what } => Self::Mismatch { file, what },
            ReadError::Corruption(corruption) => Self::Corruption(corruption),
            ReadError::Io(failure) => failure.into(),
        }
    }
}

impl From<ReadError> for JournalError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Missing(seq) => Self::NotABoundary(seq),
            ReadError::Mismatch { file, what } => Self::Mismatch { file, what },
            ReadError::Corruption(corruption) => Self::Corruption(corruption),
            ReadError::Io(failure) => Self::Io(failure),
        }
    }
}

impl From<IoFailure> for ReadError {
    fn from(failure: IoFailure) -> Self {
        Self::Io(failure)
    }
}

impl From<Corruption> for ReadError {
    fn from(corruption: Corruption) -> Self {
        Self::Corruption(corruption)
    }
}

impl From<IoFailure> for JournalError {
    fn from(failure: IoFailure) -> Self {
        Self::Io(failure)
    }
}
