//! What the gateway needs of the venue behind it.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use domain::command::{Command, NotTaken};
use domain::event::Event;
use domain::ids::{AddressId, ExecutionNumber, OrderId, UserId};
use domain::shards::Subject;
use domain::text::ShardName;
use domain::units::{Seq, UnixNanos};
use projector::history::ReadError;
use readmodel::answer::Answer;
use tokio::sync::oneshot;

/// Where commands go in. The venue has one before its sequencer; tests have one around a bare engine.
pub trait Door: Send + Sync + fmt::Debug {
    /// Hands a command over without waiting. The answer comes once the command is committed and in the read model; an answer
    /// that never comes (the sender is dropped) means that nobody knows what became of the command.
    fn submit(&self, command: Command) -> Result<oneshot::Receiver<Answer>, NotTaken>;
}

/// Which client address has which number: only the number goes into the journal.
pub trait Addresses: Send + Sync + fmt::Debug {
    /// The number of an address that was asked for a moment ago. Must not block.
    fn known(&self, address: IpAddr) -> Option<AddressId>;

    /// The number of an address, which it keeps; a new one is durable. 0 where there is none to be had. May block.
    fn number(&self, address: IpAddr) -> AddressId;
}

/// Where a connection comes from; goes with each of its requests.
#[derive(Debug, Clone)]
pub struct Peer {
    pub(crate) address: IpAddr,
    /// Asked for with the first command.
    pub(crate) number: Arc<OnceLock<AddressId>>,
}

impl Peer {
    /// A connection's other end.
    pub fn new(address: IpAddr) -> Self {
        Self { address, number: Arc::default() }
    }
}

/// Why there are no executions to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoExecutions {
    /// They are no longer kept.
    Purged {
        /// The oldest that is; absent: none is.
        oldest: Option<ExecutionNumber>,
    },
    /// The event log could not be read; what it said.
    Failed(String),
}

/// What the venue knows about itself and about its users' past beyond the read model.
pub trait Records: Send + Sync + fmt::Debug {
    /// How far everybody is. Must not block.
    fn status(&self) -> Status;

    /// What moves from one shard to another, and what has left one and is still there. Must not block.
    fn moves(&self) -> Vec<Moving>;

    /// What happened to a user from execution number `from` on: at most `limit` events, in order, without gaps. May block.
    fn executions(&self, user: UserId, from: ExecutionNumber, limit: usize) -> Result<Vec<Execution>, NoExecutions>;

    /// The events of a command, out of the event log; absent where that does not have them yet, or not any more. May block.
    fn events_of(&self, seq: Seq) -> Result<Option<CommandEvents>, ReadError>;

    /// Whether a shard is in the configuration, so that its database is followed and read. Must not block.
    fn is_configured(&self, shard: &ShardName) -> bool;

    /// Looks at the database of a shard that is about to be added, as the configuration file names it now; an error says in words for
    /// an operator why it cannot be one. May block.
    fn prepare_shard(&self, shard: ShardName) -> Result<(), String>;

    /// Follows into that database if the shard is in the map by now, or lets go of it. May block.
    fn follow_shard(&self, shard: ShardName);

    /// An operator says that the wall clock is right, whatever it did. Must not block.
    fn accept_clock(&self);
}

/// How far everybody is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Last command given a sequence: those behind `committed` are on their way to the disk.
    pub sequenced: Seq,
    /// Last command that is durable.
    pub committed: Seq,
    /// Whether the wall clock has jumped, and block time goes on without it until an operator accepts it.
    pub clock_jumped: bool,
    /// How far the wall clock is behind the last block time, in nanoseconds: until it is there, block time stands still.
    pub clock_behind_ns: u64,
    /// Each follower.
    pub followers: Vec<Follower>,
    /// Each standby of a shard.
    pub standbys: Vec<StandbyStatus>,
    /// Each shard whose old ranges of closed orders go to the archive.
    pub retirement: Vec<Retirement>,
}

/// How the ranges of closed orders of a shard go to the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retirement {
    /// Name of the shard.
    pub shard: String,
    /// Ranges that have gone.
    pub ranges: u64,
    /// The oldest of those that are old enough and stay, if one does.
    pub held: Option<HeldRange>,
    /// What keeps all of them from going at present, if anything does; they go by themselves after it.
    pub trouble: Option<String>,
}

/// A range of orders that stays although it is old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRange {
    /// Its first order.
    pub first: OrderId,
    /// Its last order.
    pub last: OrderId,
    /// Why it stays.
    pub why: String,
}

/// How far a copy of a shard is that follows the shard by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandbyStatus {
    /// Name of its shard.
    pub shard: String,
    /// Where it is, in the operator's words.
    pub region: Option<String>,
    /// Last command of which it has everything.
    pub checkpoint: Seq,
    /// Whether history is read from it, where it is new enough.
    pub is_read: bool,
    /// Reads it has answered.
    pub reads: u64,
    /// What keeps it from being read at present, if anything does.
    pub trouble: Option<String>,
}

/// How far one follower is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follower {
    /// Its name.
    pub name: String,
    /// Last command stored.
    pub checkpoint: Seq,
    /// What keeps it from going on at present, if anything does; it goes on by itself.
    pub trouble: Option<String>,
    /// What stopped it, if it does not follow any more.
    pub stopped: Option<String>,
}

/// A symbol or a user between two shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moving {
    /// What moves.
    pub subject: Subject,
    /// The shard that has it, or had it.
    pub from: ShardName,
    /// The shard that gets it, or has it now.
    pub to: ShardName,
    /// The command that began this part: the move, its commitment, or what made the rows left over.
    pub since: Seq,
    /// How far it is.
    pub state: MoveState,
    /// Rows copied so far, while it is copied.
    pub rows: u64,
    /// Commands that the shard which gets it is behind.
    pub behind: u64,
    /// What keeps it from going on at present, if anything does; it goes on by itself.
    pub trouble: Option<String>,
}

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveState {
    /// Nothing is copied yet.
    Waiting,
    /// Its rows are being copied.
    Copying,
    /// They are copied, and what came since is added.
    Following,
    /// The other shard owns it, and is about to have everything up to there: then it is read.
    Switching,
    /// It has moved; its rows are still where they were.
    Kept,
    /// They are being removed there.
    Removing,
}

impl Moving {
    /// One that nothing has been done about yet.
    pub const fn new(subject: Subject, from: ShardName, to: ShardName, since: Seq) -> Self {
        Self { subject, from, to, since, state: MoveState::Waiting, rows: 0, behind: 0, trouble: None }
    }
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandEvents {
    /// Its block time.
    pub time: UnixNanos,
    /// Its events.
    pub events: Vec<Event>,
}

/// One event in the life of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// Its number.
    pub number: ExecutionNumber,
    /// The command it came of.
    pub seq: Seq,
    /// Block time.
    pub time: UnixNanos,
    /// The event: one that carries an execution number.
    pub event: Event,
}
