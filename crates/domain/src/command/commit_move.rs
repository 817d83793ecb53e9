//! Command: commit move.

use crate::shards::Subject;

/// The copy is made: events from now on belong to the shard the subject moves to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitMove {
    /// What moves.
    pub subject: Subject,
}
