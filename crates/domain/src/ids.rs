//! Identifiers. All are assigned by the engine, densely, in the order of creation.

use crate::limits::{CELLS_MAX, ORDER_COUNTER_BITS};
use crate::units::{Epoch, Seq};

/// A user. User 0 is the venue itself: it collects the fees and issues the venue's own commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UserId(pub u32);

impl UserId {
    /// The venue's own account.
    pub const VENUE: Self = Self(0);
}

/// An asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AssetId(pub u32);

/// A symbol (an instrument that can be traded).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SymbolId(pub u32);

/// An API key. Key 0 stands for the venue's own commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct KeyId(pub u32);

impl KeyId {
    /// The venue's own commands.
    pub const VENUE: Self = Self(0);
}

/// A shard: one database of the several that share the rows of all symbols and users. The first shard is shard 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ShardId(pub u16);

impl ShardId {
    /// The first shard: everything that was there before it is placed on it.
    pub const FIRST: Self = Self(0);
}

/// A client session. REST requests share session 0; streaming transports get one each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SessionId(pub u64);

/// A client network address. The clear text lives in a deletable table outside the journal. 0: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AddressId(pub u32);

/// A withdrawal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WithdrawalId(pub u64);

/// A trade: dense per symbol, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TradeId(pub u64);

/// Number of an event in the life of one user: dense per user, from 1. Streams resume from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ExecutionNumber(pub u64);

/// An order: cell in the high 6 bits of 53, a dense counter from 1 below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct OrderId(pub u64);

impl OrderId {
    /// The id of the `counter`-th order of a cell; absent once the counter or the cell is out of range.
    pub const fn new(cell: u64, counter: u64) -> Option<Self> {
        if cell >= CELLS_MAX || counter >> ORDER_COUNTER_BITS != 0 {
            return None;
        }
        Some(Self((cell << ORDER_COUNTER_BITS) | counter))
    }

    /// The dense counter inside the cell.
    pub const fn counter(self) -> u64 {
        self.0 & ((1 << ORDER_COUNTER_BITS) - 1)
    }

    /// The cell.
    pub const fn cell(self) -> u64 {
        self.0 >> ORDER_COUNTER_BITS
    }
}

/// One event: the command it came from and its place among that command's events. The key of every projected row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventId {
    /// The command.
    pub seq: Seq,
    /// The event's place, from 0.
    pub index: u32,
}

/// Random identity of a journal, fixed at its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct VenueId(pub [u8; 16]);

/// A BLAKE3 hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash256(pub [u8; 32]);

/// How far a follower is, and in which history: equal sequence with another hash means another history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    /// The journal followed.
    pub venue: VenueId,
    /// Epoch of the writer that stored this checkpoint.
    pub epoch: Epoch,
    /// Last sequence stored.
    pub seq: Seq,
    /// Chain hash of the event log block that ends at `seq`.
    pub hash: Hash256,
}
