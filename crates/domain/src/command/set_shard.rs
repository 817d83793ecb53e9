//! Command: set shard.

use crate::ids::ShardId;
use crate::shards::ShardStatus;
use crate::units::Weight;

/// Change a shard's weight and status. Nothing moves because of it: it counts for what is placed from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetShard {
    /// The shard.
    pub shard: ShardId,
    /// Its weight from now on.
    pub weight: Weight,
    /// Whether it takes what is new from now on.
    pub status: ShardStatus,
}
