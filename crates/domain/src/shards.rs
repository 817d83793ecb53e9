//! What the shard map is made of: shards, what lives on them, and moves between them.

use crate::ids::{ShardId, SymbolId, UserId};
use crate::text::ShardName;
use crate::units::{Seq, Weight};

/// One database of the several that share the rows of all symbols and users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard {
    /// Its id.
    pub id: ShardId,
    /// The operator's name for it.
    pub name: ShardName,
    /// How much of what is new it takes, relative to the others.
    pub weight: Weight,
    /// Whether it takes what is new.
    pub status: ShardStatus,
}

/// Whether a shard takes what is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShardStatus {
    /// It does.
    Active,
    /// It gets nothing new and no move to it begins. What lives on it stays until it is moved.
    Draining,
}

/// What lives on a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A symbol: its orders, fills and positions.
    Symbol(SymbolId),
    /// A user: their balances, credit limits, ledger and withdrawals.
    User(UserId),
}

/// A stretch of history that a shard owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenure {
    /// The owner.
    pub shard: ShardId,
    /// It owns every event after this sequence, up to and with that of the next tenure.
    pub from: Seq,
}

/// A move that is neither committed nor aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Move {
    /// What moves.
    pub subject: Subject,
    /// Where to.
    pub to: ShardId,
    /// Sequence at which it began.
    pub begun: Seq,
}
