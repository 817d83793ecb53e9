//! Why the engine says no.

use crate::instrument::InstrumentError;

/// A refusal: nothing changed, the command is journaled and audited.
///
/// The order of the variants is the order of the checks: a command that breaks several rules is refused for the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    // Every command.
    /// The block time is past the command's deadline.
    DeadlinePassed,
    /// The acting user does not exist.
    UnknownUser,

    // Requests (administration and money), in the order of each request's own checks.
    /// The request id was used with other content.
    RequestIdReused,
    /// The user named in the request does not exist.
    UnknownTargetUser,
    /// The asset does not exist.
    UnknownAsset,
    /// The symbol does not exist.
    UnknownSymbol,
    /// The asset or symbol code is in use.
    CodeInUse,
    /// A scale is over `SCALE_MAX`.
    ScaleTooLarge,
    /// The symbol cannot be.
    InvalidInstrument(InstrumentError),
    /// A range of the symbol's limits is empty or outside what the types allow.
    InvalidLimits,
    /// A fee rate is over `FEE_PPM_MAX`.
    FeeTooHigh,
    /// There are as many users, assets, symbols or keys as the venue can have.
    CapacityReached,
    /// The API key text is in use.
    ApiKeyInUse,
    /// The sealed secret is empty or longer than 255 bytes.
    InvalidCredential,
    /// The API key does not exist or is revoked.
    UnknownKey,
    /// The withdrawal does not exist or is no longer pending.
    UnknownWithdrawal,
    /// The amount is not positive (a credit limit: negative).
    AmountNotPositive,
    /// The total of the asset plus all credit limits would pass `AMOUNT_MAX`.
    TotalTooLarge,
    /// Open position: a cost without a quantity, or of the other sign.
    InvalidPosition,
    /// Open position: the user has one in that symbol, or has made profit or loss there.
    PositionExists,
    /// The shard does not exist.
    UnknownShard,
    /// Begin move: the symbol or user lives on that shard.
    SameShard,
    /// Begin move: that shard is draining and gets nothing new.
    ShardDraining,
    /// Begin move: the symbol or user is moving.
    AlreadyMoving,
    /// Begin move: `OPEN_MOVES_MAX` moves are open, or the symbol or user has had `TENURES_MAX` tenures.
    TooManyMoves,
    /// Commit or abort a move: the symbol or user is not moving.
    NotMoving,
    /// The name is that of another shard.
    ShardNameInUse,
    /// The weight of a shard is zero or over `SHARD_WEIGHT_MAX`.
    WeightOutOfRange,
    /// Without this shard there would be none that takes what is new.
    LastActiveShard,

    // Orders; the symbol is looked up first of all.
    /// The client order id belongs to an open order with other content.
    ClientOrderIdInUse,
    /// The venue's kill switch is engaged.
    VenueKilled,
    /// The user's kill switch is engaged.
    UserKilled,
    /// The symbol is halted.
    SymbolHalted,
    /// The counter of order ids is at its end.
    OrderIdsExhausted,
    /// Cancel, amend, replace: the caller has no such open order on that symbol.
    UnknownOrder,
    /// Replace: the old order is not in the state asked for.
    OrderStateMismatch,
    /// Cancel all: there is nothing to cancel.
    NothingToCancel,
    /// The quantity is under the symbol's minimum (zero included).
    QuantityTooSmall,
    /// The quantity is over the symbol's maximum.
    QuantityTooLarge,
    /// Amend: the quantity is not less than now.
    QuantityNotReduced,
    /// Amend: the quantity is not more than what is filled.
    QuantityAlreadyFilled,
    /// The price is under the symbol's minimum (zero included).
    PriceTooLow,
    /// The price is over the symbol's maximum.
    PriceTooHigh,
    /// Price × quantity passes `AMOUNT_MAX`.
    NotionalOverflow,
    /// Price × quantity, or the quote amount, is under the symbol's minimum, or not positive.
    NotionalTooSmall,
    /// Price × quantity, or the quote amount, is over the symbol's maximum.
    NotionalTooLarge,
    /// The price is outside the band around the last trade.
    PriceOutsideBand,
    /// The user has `OPEN_ORDERS_PER_USER_MAX` open orders.
    TooManyOpenOrders,
    /// Post-only: the order would trade at once.
    WouldTrade,
    /// The free balance plus credit does not cover the hold (market: not even one lot at the best price).
    InsufficientFunds,
}
