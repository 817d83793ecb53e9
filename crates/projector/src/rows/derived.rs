//! Rows of the derived collections: functions of the log, cut by block time, which can be dropped and made again.
//!
//! Each row is of one [`Bucket`]; bucket and key make its id. As long as the bucket lasts the row is written again with every change
//! (`last_seq` is the command that made it so), so a store always holds the sums of everything up to its checkpoint. A fold that
//! goes on from a store reads the rows of the buckets that are open there ([`crate::store::Store::recall`]) and adds a command to a
//! row only if it is newer than the row.

use domain::ids::{SymbolId, UserId};
use domain::units::{Amount, Seq, Ticks, UnixNanos};

use crate::book::Level;
use crate::buckets::{Bucket, Scope};
use crate::candle::Candle;

/// Collection `klines`. Only buckets with trades have a row. Intervals stored: see [`crate::settings::KLINES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KlineRow {
    /// Key, with `symbol`.
    pub bucket: Bucket,
    /// Key.
    pub symbol: SymbolId,
    /// Its trades; `open_time` is the bucket's start.
    pub candle: Candle,
    /// Sequence of the last command that changed it.
    pub last_seq: Seq,
}

/// Collection `historical_positions`: a position as it was at the end of a bucket, for each position that was open then or changed
/// during the bucket. A stretch of time without any command has no rows: what the rows before it say holds on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionHistoryRow {
    /// Key, with `user` and `symbol`.
    pub bucket: Bucket,
    /// Key.
    pub user: UserId,
    /// Key.
    pub symbol: SymbolId,
    /// In base minor units; negative: short.
    pub quantity: Amount,
    /// What the open quantity cost, in quote minor units, with the sign of the quantity.
    pub cost: Amount,
    /// Profit of what was closed so far.
    pub realised: Amount,
    /// Price of the last trade of the symbol in or before the bucket.
    pub mark: Option<Ticks>,
    /// What the quantity is worth at the mark, less its cost; absent without a mark, or where it passes the range of amounts.
    pub unrealised: Option<Amount>,
    /// Whether the bucket is over: until then the row is as of the last change of the position.
    pub closed: bool,
    /// Sequence of the command that last changed it; of a closed row: the first command after the bucket.
    pub last_seq: Seq,
}

/// Collection `market_snapshots`: a symbol as its last change in a bucket left it. Only buckets in which it changed have a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketSnapshotRow {
    /// Key, with `symbol`.
    pub bucket: Bucket,
    /// Key.
    pub symbol: SymbolId,
    /// Block time of the last change.
    pub time: UnixNanos,
    /// Price of the last trade ever.
    pub last_price: Option<Ticks>,
    /// Best prices of buyers, best first.
    pub bids: Vec<Level>,
    /// Best prices of sellers, best first.
    pub asks: Vec<Level>,
    /// Number of trades in the bucket.
    pub trades: u64,
    /// Lots traded in the bucket.
    pub volume: u128,
    /// What they cost, in quote minor units.
    pub quote_volume: Amount,
    /// When it may be removed; readers leave it out from then on.
    pub expires_at: UnixNanos,
    /// Sequence of the last command that changed it.
    pub last_seq: Seq,
}

/// Collection `leaderboards`: what one user did on one board. Boards: each symbol, and all symbols of one quote asset together; by
/// day, by week, and ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaderboardRow {
    /// Key, with `scope` and `user`.
    pub bucket: Bucket,
    /// Key: a symbol, or a quote asset.
    pub scope: Scope,
    /// Key.
    pub user: UserId,
    /// What their fills cost, in quote minor units.
    pub volume: Amount,
    /// Profit of the positions closed, in quote minor units.
    pub realised: Amount,
    /// Number of their fills.
    pub fills: u64,
    /// Sequence of the last command that changed it.
    pub last_seq: Seq,
}

/// Collection `analytics`: everything traded in a bucket (a minute, a day).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnalyticsRow {
    /// Key, with `scope`.
    pub bucket: Bucket,
    /// Key: the venue, a quote asset, a symbol.
    pub scope: Scope,
    /// Number of trades; of an asset: of the symbols paid in it.
    pub trades: u64,
    /// Users with a fill, each counted once.
    pub active_users: u64,
    /// Lots traded; only of a symbol, else 0.
    pub volume: u128,
    /// What they cost, in quote minor units; of the venue 0, for there are several assets.
    pub quote_volume: Amount,
    /// Fees taken in the base asset, in its minor units; only of a symbol, else 0.
    pub base_fees: Amount,
    /// Fees taken in the asset, or in the quote asset of the symbol, in its minor units; of the venue 0.
    pub fees: Amount,
    /// Sequence of the last command that changed it.
    pub last_seq: Seq,
}

/// Collection `active_users`, of the stream `analytics`: whom [`AnalyticsRow::active_users`] has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveUserRow {
    /// Key, with `scope` and `user`.
    pub bucket: Bucket,
    /// Key.
    pub scope: Scope,
    /// Key.
    pub user: UserId,
    /// Sequence of their first fill in the bucket.
    pub first: Seq,
}
