//! What came of a command. Events carry resulting state, so that a follower writes rows without knowing a rule.
//!
//! A command yields at least one event. First its facts, in the order they happened; then one [`BalanceChanged`] for
//! each balance it touched, in the order first touched; then likewise one [`PositionChanged`] for each position.

use crate::command::create_api_key::{Credential, Roles};
use crate::ids::{AssetId, ExecutionNumber, KeyId, OrderId, ShardId, SymbolId, TradeId, UserId, WithdrawalId};
use crate::instrument::{Asset, Fees, Instrument, SymbolLimits, SymbolStatus};
use crate::order::{CloseReason, Liquidity, OrderKind, Side};
use crate::reject::RejectReason;
use crate::shards::{Shard, Subject};
use crate::text::{ApiKeyText, ClientOrderId};
use crate::units::{Amount, Lots, Seq, Ticks, UnixNanos};

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The command, or one half of a replacement, was refused; that part changed nothing.
    Refused(Refused),
    /// An order was accepted.
    OrderPlaced(OrderPlaced),
    /// The order was placed before, with the same client order id and content: nothing changed, that answer stands.
    OrderRepeated(OrderRepeated),
    /// An order was reduced.
    OrderAmended(OrderAmended),
    /// Two orders traded. Followed by an [`OrderFilled`] for the maker, then one for the taker.
    Trade(Trade),
    /// One order's side of the trade before it.
    OrderFilled(OrderFilled),
    /// An order left the book, or never entered it, other than by being filled.
    OrderClosed(OrderClosed),
    /// A balance as it is after the command.
    BalanceChanged(BalanceChanged),
    /// A position as it is after the command.
    PositionChanged(PositionChanged),
    /// The request was made before, with the same content: nothing changed, that answer stands.
    RequestRepeated(RequestRepeated),
    /// Money came in.
    Deposited(Deposited),
    /// Money was locked that is to leave.
    WithdrawalRequested(WithdrawalRequested),
    /// The money has left.
    WithdrawalSettled(WithdrawalEnded),
    /// The money stayed.
    WithdrawalCanceled(WithdrawalEnded),
    /// A credit limit changed.
    CreditLimitChanged(CreditLimitChanged),
    /// Something that is listed, or may trade, changed.
    Reference(ReferenceEvent),
    /// The shard map changed.
    ShardMap(ShardMapEvent),
    /// The command was a note: it is recorded, and nothing changed.
    Noted(Noted),
}

/// What is listed and who may trade: assets, symbols, users, keys, switches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceEvent {
    /// An asset was listed.
    AssetCreated(Asset),
    /// A symbol was listed.
    SymbolCreated(Box<SymbolCreated>),
    /// A symbol was halted or resumed.
    SymbolStatusChanged(SymbolStatusChanged),
    /// A symbol's limits changed.
    SymbolLimitsChanged(Box<SymbolLimitsChanged>),
    /// A symbol's fees changed.
    SymbolFeesChanged(SymbolFeesChanged),
    /// A user's own fees changed.
    UserFeesChanged(UserFeesChanged),
    /// An account was opened.
    UserCreated(UserCreated),
    /// An API key was issued.
    ApiKeyCreated(Box<ApiKeyCreated>),
    /// An API key was revoked.
    ApiKeyRevoked(ApiKeyRevoked),
    /// The venue's kill switch changed.
    VenueKillSwitchChanged(VenueKillSwitchChanged),
    /// A user's kill switch changed.
    UserKillSwitchChanged(UserKillSwitchChanged),
}

/// Which shard has what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardMapEvent {
    /// A shard was added.
    ShardAdded(ShardAdded),
    /// A shard's weight or status changed.
    ShardChanged(Shard),
    /// A symbol was placed on a shard. Follows its [`ReferenceEvent::SymbolCreated`] where there are shards.
    SymbolPlaced(SymbolPlaced),
    /// A user was placed on a shard. Follows its [`ReferenceEvent::UserCreated`] where there are shards.
    UserPlaced(UserPlaced),
    /// A symbol or a user begins to move.
    MoveBegun(Moving),
    /// It lives on the other shard: that owns all of its events that come after this one.
    MoveCommitted(Moving),
    /// It stays where it is.
    MoveAborted(Moving),
}

impl From<ReferenceEvent> for Event {
    fn from(event: ReferenceEvent) -> Self {
        Self::Reference(event)
    }
}

impl From<ShardMapEvent> for Event {
    fn from(event: ShardMapEvent) -> Self {
        Self::ShardMap(event)
    }
}

/// Which part of a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusedPart {
    /// All of it.
    Whole,
    /// The cancel of a replacement.
    ReplaceCancel,
    /// The new order of a replacement.
    ReplacePlace,
}

/// See [`Event::Refused`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Which part.
    pub part: RefusedPart,
    /// Why.
    pub reason: RejectReason,
}

/// See [`Event::OrderPlaced`]. Its time is the block time of its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderPlaced {
    /// The order.
    pub order: OrderId,
    /// Whose.
    pub user: UserId,
    /// Number in the user's life.
    pub execution: ExecutionNumber,
    /// What it trades.
    pub symbol: SymbolId,
    /// Which way.
    pub side: Side,
    /// How.
    pub kind: OrderKind,
    /// The caller's name for it.
    pub client_order_id: ClientOrderId,
    /// Its fee rates, fixed now.
    pub fees: Fees,
}

/// See [`Event::OrderRepeated`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderRepeated {
    /// The order placed then.
    pub order: OrderId,
    /// Sequence of the command that placed it.
    pub first: Seq,
}

/// See [`Event::OrderAmended`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderAmended {
    /// The order.
    pub order: OrderId,
    /// Whose.
    pub user: UserId,
    /// Number in the user's life.
    pub execution: ExecutionNumber,
    /// What it trades.
    pub symbol: SymbolId,
    /// Which way.
    pub side: Side,
    /// Its price.
    pub price: Ticks,
    /// Its whole quantity from now on.
    pub quantity: Lots,
    /// What is left to trade.
    pub remaining: Lots,
    /// Its client order id from now on.
    pub client_order_id: ClientOrderId,
    /// Its client order id until now.
    pub previous_client_order_id: ClientOrderId,
}

/// See [`Event::Trade`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade {
    /// The trade: dense per symbol.
    pub trade: TradeId,
    /// What was traded.
    pub symbol: SymbolId,
    /// At which price: the maker's.
    pub price: Ticks,
    /// How much.
    pub quantity: Lots,
    /// How much, in base minor units.
    pub base: Amount,
    /// What it cost, in quote minor units.
    pub quote: Amount,
    /// Which way the taker traded.
    pub taker_side: Side,
    /// The order that rested.
    pub maker_order: OrderId,
    /// Whose it is.
    pub maker_user: UserId,
    /// The order that came.
    pub taker_order: OrderId,
    /// Whose it is.
    pub taker_user: UserId,
}

/// See [`Event::OrderFilled`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderFilled {
    /// The order.
    pub order: OrderId,
    /// Whose.
    pub user: UserId,
    /// Number in the user's life.
    pub execution: ExecutionNumber,
    /// What was traded.
    pub symbol: SymbolId,
    /// The trade.
    pub trade: TradeId,
    /// Which way the order trades.
    pub side: Side,
    /// Whether it rested or came.
    pub liquidity: Liquidity,
    /// At which price.
    pub price: Ticks,
    /// How much, this time.
    pub quantity: Lots,
    /// What it cost, in quote minor units.
    pub quote: Amount,
    /// The fee, in `fee_asset`; already taken off what was received.
    pub fee: Amount,
    /// The asset received.
    pub fee_asset: AssetId,
    /// How much of the order is filled by now.
    pub executed: Lots,
    /// What all its fills cost by now, in quote minor units.
    pub executed_quote: Amount,
    /// Whether the order is done with this fill.
    pub filled: bool,
}

/// See [`Event::OrderClosed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderClosed {
    /// The order.
    pub order: OrderId,
    /// Whose.
    pub user: UserId,
    /// Number in the user's life.
    pub execution: ExecutionNumber,
    /// What it traded.
    pub symbol: SymbolId,
    /// Which way.
    pub side: Side,
    /// Why.
    pub reason: CloseReason,
    /// The part that was resting in the book at `price`; absent for an order that never rested.
    pub rested: Option<RestedPart>,
}

/// What leaves the book with a closing order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestedPart {
    /// At which price.
    pub price: Ticks,
    /// How much.
    pub quantity: Lots,
}

/// See [`Event::BalanceChanged`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BalanceChanged {
    /// Whose.
    pub user: UserId,
    /// In what.
    pub asset: AssetId,
    /// Free; negative where credit is drawn.
    pub free: Amount,
    /// Held by open orders and pending withdrawals.
    pub locked: Amount,
}

/// See [`Event::PositionChanged`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionChanged {
    /// Whose.
    pub user: UserId,
    /// In which symbol.
    pub symbol: SymbolId,
    /// In base minor units; negative: short.
    pub quantity: Amount,
    /// What the open quantity cost, in quote minor units, with the sign of the quantity.
    pub cost: Amount,
    /// Profit of what was closed so far, in quote minor units.
    pub realised: Amount,
}

/// See [`Event::RequestRepeated`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRepeated {
    /// Sequence of the first request.
    pub first: Seq,
    /// Block time of the first request.
    pub first_time: UnixNanos,
    /// What it created.
    pub created: Created,
}

/// See [`Event::Noted`]. The command says all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Noted;

/// What a request created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Created {
    /// Nothing with an id.
    Nothing,
    /// An asset.
    Asset(AssetId),
    /// A symbol.
    Symbol(SymbolId),
    /// A user.
    User(UserId),
    /// An API key.
    Key(KeyId),
    /// A withdrawal.
    Withdrawal(WithdrawalId),
    /// A shard.
    Shard(ShardId),
}

/// See [`ReferenceEvent::SymbolCreated`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolCreated {
    /// The symbol.
    pub instrument: Instrument,
    /// What its orders may be.
    pub limits: SymbolLimits,
    /// Its fees.
    pub fees: Fees,
}

/// See [`ReferenceEvent::SymbolStatusChanged`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolStatusChanged {
    /// The symbol.
    pub symbol: SymbolId,
    /// Its status now.
    pub status: SymbolStatus,
}

/// See [`ReferenceEvent::SymbolLimitsChanged`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolLimitsChanged {
    /// The symbol.
    pub symbol: SymbolId,
    /// Its limits now.
    pub limits: SymbolLimits,
}

/// See [`ReferenceEvent::SymbolFeesChanged`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolFeesChanged {
    /// The symbol.
    pub symbol: SymbolId,
    /// Its fees now.
    pub fees: Fees,
}

/// See [`ReferenceEvent::UserFeesChanged`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserFeesChanged {
    /// The user.
    pub user: UserId,
    /// Their own fees now, if any.
    pub fees: Option<Fees>,
}

/// See [`ReferenceEvent::UserCreated`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserCreated {
    /// The user.
    pub user: UserId,
}

/// See [`ReferenceEvent::ApiKeyCreated`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyCreated {
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
}

/// See [`ReferenceEvent::ApiKeyRevoked`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiKeyRevoked {
    /// The key.
    pub key: KeyId,
    /// Whose it was.
    pub user: UserId,
}

/// See [`Event::Deposited`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deposited {
    /// Whom.
    pub user: UserId,
    /// Number in the user's life.
    pub execution: ExecutionNumber,
    /// In what.
    pub asset: AssetId,
    /// How much.
    pub amount: Amount,
}

/// See [`Event::WithdrawalRequested`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithdrawalRequested {
    /// The withdrawal.
    pub withdrawal: WithdrawalId,
    /// Whose.
    pub user: UserId,
    /// Number in the user's life.
    pub execution: ExecutionNumber,
    /// In what.
    pub asset: AssetId,
    /// How much.
    pub amount: Amount,
}

/// See [`Event::WithdrawalSettled`] and [`Event::WithdrawalCanceled`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithdrawalEnded {
    /// The withdrawal.
    pub withdrawal: WithdrawalId,
    /// Whose.
    pub user: UserId,
    /// Number in the user's life.
    pub execution: ExecutionNumber,
    /// In what.
    pub asset: AssetId,
    /// How much.
    pub amount: Amount,
}

/// See [`Event::CreditLimitChanged`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreditLimitChanged {
    /// Whose.
    pub user: UserId,
    /// In what.
    pub asset: AssetId,
    /// How far below zero orders may draw now.
    pub limit: Amount,
}

/// See [`ReferenceEvent::VenueKillSwitchChanged`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VenueKillSwitchChanged {
    /// Whether it is engaged now.
    pub engaged: bool,
}

/// See [`ReferenceEvent::UserKillSwitchChanged`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserKillSwitchChanged {
    /// Whose.
    pub user: UserId,
    /// Whether it is engaged now.
    pub engaged: bool,
}

/// See [`ShardMapEvent::ShardAdded`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardAdded {
    /// The shard.
    pub shard: Shard,
    /// The first of all shards takes everything that is there: the symbols with ids below this, since the beginning. Else 0.
    pub symbols_placed: u32,
    /// Likewise the users.
    pub users_placed: u32,
}

/// See [`ShardMapEvent::SymbolPlaced`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolPlaced {
    /// The symbol.
    pub symbol: SymbolId,
    /// Where all of its events belong until it moves.
    pub shard: ShardId,
}

/// See [`ShardMapEvent::UserPlaced`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserPlaced {
    /// The user.
    pub user: UserId,
    /// Where all of their events belong until they move.
    pub shard: ShardId,
}

/// See [`ShardMapEvent::MoveBegun`], [`ShardMapEvent::MoveCommitted`] and [`ShardMapEvent::MoveAborted`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moving {
    /// What moves.
    pub subject: Subject,
    /// Where it lived when the move began.
    pub from: ShardId,
    /// Where to.
    pub to: ShardId,
}
