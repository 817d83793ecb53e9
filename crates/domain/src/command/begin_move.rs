//! Command: begin move.

use crate::ids::ShardId;
use crate::shards::Subject;

/// Begin to move a symbol or a user to another shard. The owner stays the same until the move is committed; meanwhile its rows
/// are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BeginMove {
    /// What is to move.
    pub subject: Subject,
    /// Where to.
    pub to: ShardId,
}
