//! What can be asked of the venue. One file per command; each is its own struct, so no field ever means two things.

pub mod place_order;
pub mod cancel_order;
pub mod amend_order;
pub mod replace_order;
pub mod cancel_all;
pub mod create_asset;
pub mod create_symbol;
pub mod set_symbol_status;
pub mod set_symbol_limits;
pub mod set_fees;
pub mod create_user;
pub mod create_api_key;
pub mod revoke_api_key;
pub mod deposit;
pub mod withdrawal;
pub mod set_credit_limit;
pub mod set_kill_switch;
pub mod open_position;
pub mod open_order;
pub mod add_shard;
pub mod set_shard;
pub mod begin_move;
pub mod commit_move;
pub mod abort_move;
pub mod note_access;
pub mod note_head;

use crate::ids::{AddressId, KeyId, OrderId, SessionId, UserId};
use crate::text::{ClientOrderId, RequestId};
use crate::units::{Seq, UnixNanos};

/// A value with its place in the journal and the block time it was stamped with. Only the sequencer makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequenced<T> {
    /// Its place.
    pub seq: Seq,
    /// Block time: never goes back.
    pub time: UnixNanos,
    /// The value.
    pub content: T,
}

/// How a command reached the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// The venue itself, or code in its process.
    Internal,
    /// REST over HTTP.
    Rest,
}

/// Who asks, from where, and until when it is worth doing. Filled in by the gateway; the body of a request cannot set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Envelope {
    /// The acting user: orders are placed on this account.
    pub user: UserId,
    /// The key that signed.
    pub key: KeyId,
    /// The session; orders remember it.
    pub session: SessionId,
    /// The way in.
    pub transport: Transport,
    /// The client's address.
    pub address: AddressId,
    /// The client's own time stamp, if it sent one.
    pub client_time: Option<UnixNanos>,
    /// The command is refused if its block time is later than this.
    pub deadline: Option<UnixNanos>,
}

impl Envelope {
    /// The envelope of the venue's own commands.
    pub const VENUE: Self = Self {
        user: UserId::VENUE,
        key: KeyId::VENUE,
        session: SessionId(0),
        transport: Transport::Internal,
        address: AddressId(0),
        client_time: None,
        deadline: None,
    };
}

/// One command: who asks for what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Command {
    /// Who asks.
    pub envelope: Envelope,
    /// For what.
    pub action: Action,
}

/// Why the venue did not take a command. Nothing was recorded; asking again is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// The queue, or the user's share of it, is full.
    Overloaded,
    /// The disk has no room for more: only cancels are taken, or nothing at all.
    NoSpace,
    /// The event log cannot keep up.
    EventLogBehind,
    /// A follower is further behind than the logs may grow.
    FollowerBehind,
    /// The venue is going down.
    ShuttingDown,
}

/// An order by either of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderRef {
    /// The venue's.
    Id(OrderId),
    /// The caller's (among the caller's open orders).
    Client(ClientOrderId),
}

/// Everything that can be asked. Trading first; then what is administration, which always carries a [`RequestId`]; then what is
/// only recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// Place an order.
    PlaceOrder(place_order::PlaceOrder),
    /// Cancel an order.
    CancelOrder(cancel_order::CancelOrder),
    /// Reduce an order, keeping its place in the queue.
    AmendOrder(amend_order::AmendOrder),
    /// Cancel an order and place another, as one command.
    ReplaceOrder(Box<replace_order::ReplaceOrder>),
    /// Cancel all open orders of the caller.
    CancelAll(cancel_all::CancelAll),
    /// Administration and money: remembered by its request id.
    Request(Request),
    /// For the record: nothing changes.
    Note(Note),
}

/// What is recorded and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Note {
    /// What was tried or read at the door.
    Access(Box<note_access::NoteAccess>),
    /// How far the journal is.
    Head(note_head::NoteHead),
}

/// A command that moves money or administers the venue, with the caller's name for it.
///
/// Same caller, same id, same content: the first answer. Same caller, same id, other content: refused. A refused request keeps no id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// The caller's name for it, kept for ever.
    pub id: RequestId,
    /// What is asked.
    pub content: RequestContent,
}

/// What a [`Request`] asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RequestContent {
    /// List an asset.
    CreateAsset(create_asset::CreateAsset),
    /// List a symbol.
    CreateSymbol(Box<create_symbol::CreateSymbol>),
    /// Halt or resume a symbol.
    SetSymbolStatus(set_symbol_status::SetSymbolStatus),
    /// Change what a symbol's orders may be.
    SetSymbolLimits(Box<set_symbol_limits::SetSymbolLimits>),
    /// Change the fees of a symbol.
    SetSymbolFees(set_fees::SetSymbolFees),
    /// Change the fees of a user.
    SetUserFees(set_fees::SetUserFees),
    /// Open an account.
    CreateUser(create_user::CreateUser),
    /// Issue an API key.
    CreateApiKey(Box<create_api_key::CreateApiKey>),
    /// Revoke an API key.
    RevokeApiKey(revoke_api_key::RevokeApiKey),
    /// Credit a user.
    Deposit(deposit::Deposit),
    /// Lock money that is to leave.
    RequestWithdrawal(withdrawal::RequestWithdrawal),
    /// The money has left.
    SettleWithdrawal(withdrawal::SettleWithdrawal),
    /// The money stays.
    CancelWithdrawal(withdrawal::CancelWithdrawal),
    /// Let a user trade on credit.
    SetCreditLimit(set_credit_limit::SetCreditLimit),
    /// Stop (or allow again) all trading of a user or of the venue.
    SetKillSwitch(set_kill_switch::SetKillSwitch),
    /// Bring along a position.
    OpenPosition(open_position::OpenPosition),
    /// Bring along an open order.
    OpenOrder(open_order::OpenOrder),
    /// Add a shard.
    AddShard(add_shard::AddShard),
    /// Change a shard's weight and status.
    SetShard(set_shard::SetShard),
    /// Begin to move a symbol or a user to another shard.
    BeginMove(begin_move::BeginMove),
    /// The copy is made: the other shard owns it from now on.
    CommitMove(commit_move::CommitMove),
    /// It stays where it is.
    AbortMove(abort_move::AbortMove),
}
