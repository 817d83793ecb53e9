//! Command: abort move.

use crate::shards::Subject;

/// Give up a move: the subject stays where it is, and its copy is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AbortMove {
    /// What was to move.
    pub subject: Subject,
}
