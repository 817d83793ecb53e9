//! Why bytes were not taken.

use std::fmt;

use domain::instrument::InstrumentError;
use domain::text::TextError;

/// Bytes that are not a record of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeError {
    /// Where, in bytes from the start of what was to be read.
    pub offset: usize,
    /// What is off there.
    pub what: DecodeFault,
}

/// What is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeFault {
    /// The bytes end before the field does.
    Truncated,
    /// The length of a record is less than its frame, or not a multiple of what it must be.
    LengthInvalid,
    /// Bytes are left where the record, the group or the payload is complete.
    TrailingBytes,
    /// Padding is longer than it must be, or not zero.
    PaddingInvalid,
    /// No record has this kind.
    UnknownKind(u8),
    /// The record, or the snapshot, is of a version this program does not know.
    UnknownVersion(u16),
    /// A flag bit without a meaning is set.
    UnknownFlags(u8),
    /// No variant has this tag.
    UnknownTag {
        /// The enum.
        of: &'static str,
        /// What was there instead of a tag.
        tag: u8,
    },
    /// A number is outside `±AMOUNT_MAX`.
    AmountOutOfRange,
    /// A number of decimals is over `SCALE_MAX`.
    ScaleTooLarge,
    /// A text is not one.
    TextInvalid(TextError),
    /// A symbol is not one.
    InstrumentInvalid(InstrumentError),
    /// The sequence would pass the end of its range.
    SeqOverflow,
    /// A group has fewer events than it says, or more.
    CountMismatch,
    /// The snapshot does not begin with `BWSNAP`.
    NotASnapshot,
    /// The snapshot's bytes are not those that were hashed.
    HashMismatch,
    /// The snapshot's header and its state name different sequences or times.
    HeaderMismatch,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.offset, self.what)
    }
}

impl fmt::Display for DecodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the bytes end too early"),
            Self::LengthInvalid => f.write_str("the length is not one a record can have"),
            Self::TrailingBytes => f.write_str("bytes are left over"),
            Self::PaddingInvalid => f.write_str("the padding is not what it must be"),
            Self::UnknownKind(kind) => write!(f, "no record has kind {kind}"),
            Self::UnknownVersion(version) => write!(f, "version {version} is not known here"),
            Self::UnknownFlags(flags) => write!(f, "flags {flags:#04x} are not known here"),
            Self::UnknownTag { of, tag } => write!(f, "{tag} is not a tag of {of}"),
            Self::AmountOutOfRange => f.write_str("the amount is out of range"),
            Self::ScaleTooLarge => f.write_str("the scale is out of range"),
            Self::TextInvalid(error) => write!(f, "the text {error}"),
            Self::InstrumentInvalid(error) => write!(f, "the symbol cannot be: {error:?}"),
            Self::SeqOverflow => f.write_str("the sequence is at its end"),
            Self::CountMismatch => f.write_str("the count of events is not the number of events"),
            Self::NotASnapshot => f.write_str("this is not a snapshot"),
            Self::HashMismatch => f.write_str("the hash is not that of the bytes"),
            Self::HeaderMismatch => f.write_str("header and state differ in sequence or time"),
        }
    }
}

impl std::error::Error for DecodeError {}
