//! Command: note head.

use crate::ids::Hash256;
use crate::units::Seq;

/// Record how far the journal is, and the hash of its chain there. It changes nothing: whoever has the note, in the archive or in an
/// export, can tell whether the journal up to there is still the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoteHead {
    /// The last command of a block.
    pub seq: Seq,
    /// The hash of that block.
    pub block: Hash256,
}
