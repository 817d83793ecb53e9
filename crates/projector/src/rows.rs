//! The records the venue keeps outside the engine: one struct per table or collection. Stores write them, readers return
//! them, the read model holds those that no store has yet.

pub mod derived;

use std::borrow::Cow;

use domain::command::Envelope;
use domain::command::create_api_key::{Credential, Roles};
use domain::ids::{
    AssetId, EventId, ExecutionNumber, Hash256, KeyId, OrderId, ShardId, SymbolId, TradeId, UserId, WithdrawalId,
};
use domain::instrument::{Asset, Fees, Instrument, SymbolLimits, SymbolStatus};
use domain::order::{CloseReason, Liquidity, MarketSize, OrderKind, Side, TimeInForce};
use domain::state::OrderState;
use domain::text::{ApiKeyText, ClientOrderId};
use domain::units::{Amount, Lots, Seq, Ticks, UnixNanos};

use crate::words::Word as _;

/// Where an order is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderStatus {
    /// Open, nothing filled.
    New,
    /// Open, partly filled.
    PartiallyFilled,
    /// Filled.
    Filled,
    /// Closed by its owner, a replacement or the kill switch; perhaps partly filled.
    Canceled(CloseReason),
    /// Closed by the rules; perhaps partly filled.
    Expired(CloseReason),
}

impl OrderStatus {
    /// Whether the order is in the book.
    pub const fn is_open(self) -> bool {
        match self {
            Self::New | Self::PartiallyFilled => true,
            Self::Filled | Self::Canceled(_) | Self::Expired(_) => false,
        }
    }

    /// As stores have it: a word, and why it is closed.
    pub fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::New => ("new", None),
            Self::PartiallyFilled => ("partially_filled", None),
            Self::Filled => ("filled", None),
            Self::Canceled(reason) => ("canceled", Some(reason.word())),
            Self::Expired(reason) => ("expired", Some(reason.word())),
        }
    }

    /// What such words say; absent: nothing.
    pub fn of_words(word: &str, reason: Option<CloseReason>) -> Option<Self> {
        match (word, reason) {
            ("new", None) => Some(Self::New),
            ("partially_filled", None) => Some(Self::PartiallyFilled),
            ("filled", None) => Some(Self::Filled),
            ("canceled", Some(reason)) => Some(Self::Canceled(reason)),
            ("expired", Some(reason)) => Some(Self::Expired(reason)),
            _ => None,
        }
    }

    /// How an order ends that is closed for this reason.
    pub const fn closed(reason: CloseReason) -> Self {
        match reason {
            CloseReason::Canceled | CloseReason::Replaced | CloseReason::KillSwitch => Self::Canceled(reason),
            CloseReason::NoLiquidity | CloseReason::NoFunds | CloseReason::FillLimit => Self::Expired(reason),
        }
    }
}

/// How an order was placed, as stores have it: columns of which each kind fills its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Placed {
    /// Of a limit order.
    pub price: Option<Ticks>,
    /// Of a limit order.
    pub time_in_force: Option<TimeInForce>,
    /// Of all but a market order by quote.
    pub quantity: Option<Lots>,
    /// Of a market order by quote.
    pub quote: Option<Amount>,
}

impl Placed {
    /// The kind of order that fills these columns; absent: none does.
    pub const fn kind(self) -> Option<OrderKind> {
        let Self { price, time_in_force, quantity, quote } = self;
        match (price, time_in_force, quantity, quote) {
            (Some(price), Some(time_in_force), Some(quantity), None) => {
                Some(OrderKind::Limit { price, quantity, time_in_force })
            }
            (None, None, Some(quantity), None) => Some(OrderKind::Market { size: MarketSize::Quantity(quantity) }),
            (None, None, None, Some(quote)) => Some(OrderKind::Market { size: MarketSize::Quote(quote) }),
            _ => None,
        }
    }
}

impl From<OrderKind> for Placed {
    fn from(kind: OrderKind) -> Self {
        match kind {
            OrderKind::Limit { price, quantity, time_in_force } => {
                Self { price: Some(price), time_in_force: Some(time_in_force), quantity: Some(quantity), quote: None }
            }
            OrderKind::Market { size: MarketSize::Quantity(quantity) } => {
                Self { quantity: Some(quantity), ..Self::default() }
            }
            OrderKind::Market { size: MarketSize::Quote(quote) } => Self { quote: Some(quote), ..Self::default() },
        }
    }
}

/// Table `orders`: an order as it is after `last_seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderRow {
    /// Key.
    pub order: OrderId,
    /// Whose.
    pub user: UserId,
    /// What it trades.
    pub symbol: SymbolId,
    /// Which way.
    pub side: Side,
    /// As it was placed.
    pub kind: OrderKind,
    /// The caller's name for it now.
    pub client_order_id: ClientOrderId,
    /// Its whole quantity now; absent for a market order by quote.
    pub quantity: Option<Lots>,
    /// How much of it is filled.
    pub executed: Lots,
    /// What its fills cost, in quote minor units.
    pub executed_quote: Amount,
    /// Where it is in its life.
    pub status: OrderStatus,
    /// Its fee rates.
    pub fees: Fees,
    /// Sequence of the command that placed it.
    pub placed: Seq,
    /// Block time of its placement.
    pub placed_time: UnixNanos,
    /// Sequence of the last command that changed it.
    pub last_seq: Seq,
    /// Block time of that command.
    pub updated_time: UnixNanos,
}

impl OrderRow {
    /// Of orders with the same client order id, the one that had it last is the greatest. A command that closes one and places
    /// another changes both.
    pub fn held_name(&self) -> (bool, Seq, OrderId) {
        (self.status.is_open(), self.last_seq, self.order)
    }

    /// The row of an open order, as far as a state knows it: not when it last changed.
    pub fn open(order: &OrderState, last_seq: Seq, updated_time: UnixNanos) -> Self {
        Self {
            order: order.order,
            user: order.user,
            symbol: order.symbol,
            side: order.side,
            kind: order.kind,
            client_order_id: order.client_order_id,
            quantity: Some(order.quantity),
            executed: order.executed,
            executed_quote: order.executed_quote,
            status: if order.executed.is_zero() { OrderStatus::New } else { OrderStatus::PartiallyFilled },
            fees: order.fees,
            placed: order.placed,
            placed_time: order.placed_time,
            last_seq,
            updated_time,
        }
    }
}

/// Table `order_fills`: one order's side of one trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillRow {
    /// Key: the `OrderFilled` event.
    pub id: EventId,
    /// Block time.
    pub time: UnixNanos,
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
    /// How much.
    pub quantity: Lots,
    /// What it cost, in quote minor units.
    pub quote: Amount,
    /// The fee.
    pub fee: Amount,
    /// In what.
    pub fee_asset: AssetId,
}

/// Collection `completed_trades`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradeRow {
    /// Key: the `Trade` event.
    pub id: EventId,
    /// Block time.
    pub time: UnixNanos,
    /// What was traded.
    pub symbol: SymbolId,
    /// The trade: dense per symbol.
    pub trade: TradeId,
    /// At which price.
    pub price: Ticks,
    /// How much.
    pub quantity: Lots,
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

/// Why money moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Movement {
    /// It came in from outside.
    Deposit,
    /// It left.
    Withdrawal(WithdrawalId),
    /// It was traded.
    Trade(TradeId),
    /// It paid for a trade.
    Fee(TradeId),
}

/// Table `ledger`: one account's side of one movement of money. The rows of one event in one asset sum to zero, the world outside
/// (no user) included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerRow {
    /// Key, with `leg`: the event.
    pub id: EventId,
    /// Key: the side of the movement, from 0 within the event.
    pub leg: u8,
    /// Block time.
    pub time: UnixNanos,
    /// Whose; absent: the world outside.
    pub user: Option<UserId>,
    /// In what.
    pub asset: AssetId,
    /// How much came (positive) or went (negative).
    pub change: Amount,
    /// Why.
    pub movement: Movement,
}

/// Table `balances`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BalanceRow {
    /// Key, with `asset`.
    pub user: UserId,
    /// Key.
    pub asset: AssetId,
    /// Free; negative where credit is drawn.
    pub free: Amount,
    /// Held by open orders and pending withdrawals.
    pub locked: Amount,
    /// Sequence of the last command that changed it.
    pub last_seq: Seq,
}

/// Table `credit_limits`: how far below zero a user's orders may draw an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreditLimitRow {
    /// Key, with `asset`.
    pub user: UserId,
    /// Key.
    pub asset: AssetId,
    /// How far.
    pub limit: Amount,
    /// Sequence of the last command that changed it.
    pub last_seq: Seq,
}

/// Where a withdrawal is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WithdrawalStatus {
    /// The money is locked.
    Pending,
    /// The money has left.
    Settled,
    /// The money stayed.
    Canceled,
}

/// Table `withdrawals`. The events name everything at every step, so there is no partial change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithdrawalRow {
    /// Key.
    pub withdrawal: WithdrawalId,
    /// Whose.
    pub user: UserId,
    /// In what.
    pub asset: AssetId,
    /// How much.
    pub amount: Amount,
    /// Where it is in its life.
    pub status: WithdrawalStatus,
    /// Sequence of the last command that changed it.
    pub last_seq: Seq,
    /// Block time of that command.
    pub updated_time: UnixNanos,
}

/// Table `positions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionRow {
    /// Key, with `symbol`.
    pub user: UserId,
    /// Key.
    pub symbol: SymbolId,
    /// In base minor units; negative: short.
    pub quantity: Amount,
    /// What the open quantity cost, with the sign of the quantity.
    pub cost: Amount,
    /// Profit of what was closed so far.
    pub realised: Amount,
    /// Sequence of the last command that changed it.
    pub last_seq: Seq,
}

/// Table `symbol_tenures`: who owns a symbol since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolTenureRow {
    /// Key, with `from`.
    pub symbol: SymbolId,
    /// Key: of every event after this sequence, up to and with that of the next tenure.
    pub from: Seq,
    /// The owner.
    pub shard: ShardId,
}

/// Table `user_tenures`: who owns a user's money since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserTenureRow {
    /// Key, with `from`.
    pub user: UserId,
    /// Key: of every event after this sequence, up to and with that of the next tenure.
    pub from: Seq,
    /// The owner.
    pub shard: ShardId,
}

/// Table `assets`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssetRow {
    /// The asset.
    pub asset: Asset,
    /// Sequence of the command that listed it.
    pub last_seq: Seq,
}

/// Table `symbols`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolRow {
    /// The symbol.
    pub instrument: Instrument,
    /// Whether it takes orders.
    pub status: SymbolStatus,
    /// What its orders may be.
    pub limits: SymbolLimits,
    /// Its fees.
    pub fees: Fees,
    /// Sequence of the last command that changed it.
    pub last_seq: Seq,
}

/// Table `users`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserRow {
    /// Key.
    pub user: UserId,
    /// Their own fees, if any.
    pub fees: Option<Fees>,
    /// Whether their kill switch is engaged.
    pub killed: bool,
    /// Block time of the opening; absent for the venue itself.
    pub created_time: Option<UnixNanos>,
    /// Sequence of the last command that changed it.
    pub last_seq: Seq,
}

/// Table `venue`: what holds for all symbols. One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VenueRow {
    /// Whether the kill switch of the venue is engaged.
    pub killed: bool,
    /// Sequence of the last command that changed it.
    pub last_seq: Seq,
}

/// Table `api_keys`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Key.
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
    /// Sequence of the last command that changed it.
    pub last_seq: Seq,
}

/// Collection `audit_logs`: one command, whoever sent it, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Key.
    pub seq: Seq,
    /// Block time.
    pub time: UnixNanos,
    /// Who asked, from where, until when.
    pub envelope: Envelope,
    /// What was asked: the command's name.
    pub action: Cow<'static, str>,
    /// What was asked, as JSON text; see [`crate::audit`].
    pub content: String,
    /// `accepted`, `repeated`, or `refused` with part and reason.
    pub outcome: Cow<'static, str>,
    /// Hash of the journal block that holds the command: the audit chain.
    pub block: Hash256,
}
