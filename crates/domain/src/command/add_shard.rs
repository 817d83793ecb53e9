//! Command: add shard.

use crate::text::ShardName;
use crate::units::Weight;

/// Add a shard. The first one takes every symbol and every user there is; later ones begin empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddShard {
    /// The operator's name for it, which no other shard has.
    pub name: ShardName,
    /// How much of what is new it takes, relative to the others.
    pub weight: Weight,
}
