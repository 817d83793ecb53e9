//! The whole state of the venue as plain data: what a snapshot holds, what a hash is taken of, and what two engines are
//! compared by. Every list has one canonical order, so equal states are equal values.

use crate::command::Request;
use crate::command::create_api_key::{Credential, Roles};
use crate::event::Created;
use crate::ids::{
    AssetId, ExecutionNumber, KeyId, OrderId, SessionId, ShardId, SymbolId, TradeId, UserId, WithdrawalId,
};
use crate::instrument::{Asset, Fees, Instrument, SymbolLimits, SymbolStatus};
use crate::order::{OrderKind, Side};
use crate::shards::{Move, Shard, Subject};
use crate::text::{ApiKeyText, ClientOrderId};
use crate::units::{Amount, Lots, Seq, Ticks, UnixNanos};

/// Everything the engine knows after the command `seq`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Last command applied.
    pub seq: Seq,
    /// Its block time.
    pub time: UnixNanos,
    /// Cell of the order ids given out.
    pub cell: u64,
    /// Counter of the last order id given out; 0: none yet.
    pub last_order: u64,
    /// Last withdrawal id given out; 0: none yet.
    pub last_withdrawal: u64,
    /// Whether the venue's kill switch is engaged.
    pub killed: bool,
    /// By id.
    pub assets: Vec<AssetState>,
    /// By id.
    pub symbols: Vec<SymbolState>,
    /// By id; the first is the venue.
    pub users: Vec<UserState>,
    /// By id; key 0 (the venue's own) is not among them, so the first is key 1.
    pub keys: Vec<KeyState>,
    /// By (user, asset); only those ever touched.
    pub balances: Vec<BalanceState>,
    /// By (user, symbol); only those ever touched.
    pub positions: Vec<PositionState>,
    /// By symbol, side (buys first), best price first, then time priority.
    pub orders: Vec<OrderState>,
    /// In the order of closing, oldest first.
    pub closed_ids: Vec<ClosedIdState>,
    /// Pending ones, by id.
    pub withdrawals: Vec<WithdrawalState>,
    /// By sequence.
    pub requests: Vec<RequestState>,
    /// Which shard has what.
    pub shards: ShardMapState,
}

/// An asset and how much of it there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssetState {
    /// The asset.
    pub asset: Asset,
    /// Deposits minus settled withdrawals: what all balances (free + locked) add up to.
    pub total: Amount,
    /// All credit limits together.
    pub credit: Amount,
}

/// A symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolState {
    /// The symbol.
    pub instrument: Instrument,
    /// Whether it takes orders.
    pub status: SymbolStatus,
    /// What its orders may be.
    pub limits: SymbolLimits,
    /// Its fees.
    pub fees: Fees,
    /// Price of the last trade.
    pub last_price: Option<Ticks>,
    /// The last trade; 0: none yet.
    pub last_trade: TradeId,
}

/// A user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserState {
    /// Their own fees, if any.
    pub fees: Option<Fees>,
    /// Whether their kill switch is engaged.
    pub killed: bool,
    /// Their last event; 0: none yet.
    pub last_execution: ExecutionNumber,
}

/// An API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyState {
    /// The key.
    pub key: KeyId,
    /// Whose.
    pub user: UserId,
    /// What it may do.
    pub roles: Roles,
    /// Its public part.
    pub api_key: ApiKeyText,
    /// What its signatures are checked with.
    pub credential: Credential,
    /// Whether it is no longer valid.
    pub revoked: bool,
}

/// A balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BalanceState {
    /// Whose.
    pub user: UserId,
    /// In what.
    pub asset: AssetId,
    /// Free; negative where credit is drawn.
    pub free: Amount,
    /// Held by open orders and pending withdrawals.
    pub locked: Amount,
    /// How far below zero orders may draw.
    pub credit_limit: Amount,
}

/// A position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionState {
    /// Whose.
    pub user: UserId,
    /// In which symbol.
    pub symbol: SymbolId,
    /// In base minor units; negative: short.
    pub quantity: Amount,
    /// What the open quantity cost, with the sign of the quantity.
    pub cost: Amount,
    /// Profit of what was closed so far.
    pub realised: Amount,
}

/// An open order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderState {
    /// The order.
    pub order: OrderId,
    /// Whose.
    pub user: UserId,
    /// The session that placed it.
    pub session: SessionId,
    /// What it trades.
    pub symbol: SymbolId,
    /// Which way.
    pub side: Side,
    /// As it was placed.
    pub kind: OrderKind,
    /// The caller's name for it now.
    pub client_order_id: ClientOrderId,
    /// Its limit price.
    pub price: Ticks,
    /// Its whole quantity now.
    pub quantity: Lots,
    /// How much of it is filled.
    pub executed: Lots,
    /// What its fills cost.
    pub executed_quote: Amount,
    /// Its fee rates, fixed at placement.
    pub fees: Fees,
    /// Sequence of the command that placed it.
    pub placed: Seq,
    /// Block time of its placement.
    pub placed_time: UnixNanos,
}

/// The client order id of a closed order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedIdState {
    /// Whose.
    pub user: UserId,
    /// The id.
    pub client_order_id: ClientOrderId,
    /// The order that had it.
    pub order: OrderId,
    /// The order's symbol.
    pub symbol: SymbolId,
    /// The order's side.
    pub side: Side,
    /// The order as it was placed.
    pub kind: OrderKind,
    /// Sequence of the command that placed it.
    pub placed: Seq,
    /// Block time at which it closed, or lost the id by an amendment.
    pub closed_time: UnixNanos,
}

/// A pending withdrawal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithdrawalState {
    /// The withdrawal.
    pub withdrawal: WithdrawalId,
    /// Whose.
    pub user: UserId,
    /// In what.
    pub asset: AssetId,
    /// How much.
    pub amount: Amount,
}

/// A request that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestState {
    /// Who asked.
    pub user: UserId,
    /// What, under which id.
    pub request: Request,
    /// Its sequence.
    pub seq: Seq,
    /// Its block time.
    pub time: UnixNanos,
    /// What it created.
    pub created: Created,
}

/// The shard map. As long as there is no shard, all of it is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShardMapState {
    /// By id.
    pub shards: Vec<Shard>,
    /// By symbol: the first shard it was placed on.
    pub symbols: Vec<ShardId>,
    /// By user: the first shard they were placed on.
    pub users: Vec<ShardId>,
    /// Every move ever committed, by sequence.
    pub moved: Vec<MovedState>,
    /// Open moves, by subject.
    pub moves: Vec<Move>,
}

/// A committed move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MovedState {
    /// What moved.
    pub subject: Subject,
    /// Where to.
    pub to: ShardId,
    /// Sequence of the commitment: events after it are the new shard's.
    pub seq: Seq,
}
