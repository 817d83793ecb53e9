//! What a store writes at once.

use domain::ids::Checkpoint;

use crate::changes::{KeyRevoked, OrderChange, SymbolChange, UserChange};
use crate::rows::derived::{
    ActiveUserRow, AnalyticsRow, KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow,
};
use crate::rows::{
    AssetRow, AuditRow, BalanceRow, CreditLimitRow, FillRow, KeyRow, LedgerRow, OrderRow, PositionRow, SymbolRow,
    SymbolTenureRow, TradeRow, UserRow, UserTenureRow, VenueRow, WithdrawalRow,
};
use crate::share::HoldChange;

/// Rows that are followed together, with one checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Assets, symbols, users, API keys, the venue's switch. Every store that holds amounts follows it.
    Reference,
    /// Orders, open orders, fills, positions; of a shard: tenures of symbols.
    Symbols,
    /// Balances, credit limits, ledger, withdrawals; of a shard: tenures of users.
    Users,
    /// Completed trades.
    Trades,
    /// Audit logs.
    Audit,
    /// Candles of each symbol. Derived, as are those that follow: see [`crate::rows::derived`].
    Klines,
    /// Positions at the end of each stretch of time.
    HistoricalPositions,
    /// Markets at the end of each stretch of time; they expire.
    MarketSnapshots,
    /// What each user traded and earned.
    Leaderboards,
    /// What was traded, by how many.
    Analytics,
}

impl Stream {
    /// All of them, in the order in which a store that holds several should be fed.
    pub const ALL: [Self; 10] = [
        Self::Reference,
        Self::Symbols,
        Self::Users,
        Self::Trades,
        Self::Audit,
        Self::Klines,
        Self::HistoricalPositions,
        Self::MarketSnapshots,
        Self::Leaderboards,
        Self::Analytics,
    ];

    /// Whether its rows are sums that a fold goes on from: dropped, they can be made again from the logs alone.
    pub const fn is_derived(self) -> bool {
        match self {
            Self::Reference | Self::Symbols | Self::Users | Self::Trades | Self::Audit => false,
            Self::Klines | Self::HistoricalPositions | Self::MarketSnapshots | Self::Leaderboards | Self::Analytics => {
                true
            }
        }
    }

    /// Whether its fold must also know a state of the venue: books, positions, what was earned so far.
    pub const fn needs_state(self) -> bool {
        match self {
            Self::HistoricalPositions | Self::MarketSnapshots | Self::Leaderboards => true,
            Self::Reference
            | Self::Symbols
            | Self::Users
            | Self::Trades
            | Self::Audit
            | Self::Klines
            | Self::Analytics => false,
        }
    }
}

/// Everything of one stream between two checkpoints. State rows are as they are at the end; each key occurs once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Where the store must be for this batch to fit.
    pub from: Checkpoint,
    /// Where the store is once it has the batch.
    pub to: Checkpoint,
    /// The rows.
    pub rows: Rows,
}

impl Batch {
    /// The stream this is of.
    pub const fn stream(&self) -> Stream {
        match self.rows {
            Rows::Reference(_) => Stream::Reference,
            Rows::Symbols(_) => Stream::Symbols,
            Rows::Users(_) => Stream::Users,
            Rows::Trades(_) => Stream::Trades,
            Rows::Audit(_) => Stream::Audit,
            Rows::Klines(_) => Stream::Klines,
            Rows::HistoricalPositions(_) => Stream::HistoricalPositions,
            Rows::MarketSnapshots(_) => Stream::MarketSnapshots,
            Rows::Leaderboards(_) => Stream::Leaderboards,
            Rows::Analytics(_) => Stream::Analytics,
        }
    }
}

/// Rows, by stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// See [`Stream::Reference`].
    Reference(ReferenceRows),
    /// See [`Stream::Symbols`].
    Symbols(SymbolsRows),
    /// See [`Stream::Users`].
    Users(UsersRows),
    /// See [`Stream::Trades`]; by event.
    Trades(Vec<TradeRow>),
    /// See [`Stream::Audit`]; by sequence.
    Audit(Vec<AuditRow>),
    /// See [`Stream::Klines`]; by symbol and bucket.
    Klines(Vec<KlineRow>),
    /// See [`Stream::HistoricalPositions`]; by bucket, user and symbol.
    HistoricalPositions(Vec<PositionHistoryRow>),
    /// See [`Stream::MarketSnapshots`]; by symbol and bucket.
    MarketSnapshots(Vec<MarketSnapshotRow>),
    /// See [`Stream::Leaderboards`]; by scope, bucket and user.
    Leaderboards(Vec<LeaderboardRow>),
    /// See [`Stream::Analytics`].
    Analytics(AnalyticsRows),
}

impl Rows {
    /// How many rows are written or changed.
    pub fn count(&self) -> usize {
        match self {
            Self::Reference(rows) => rows.count(),
            Self::Symbols(rows) => rows.count(),
            Self::Users(rows) => rows.count(),
            Self::Trades(rows) => rows.len(),
            Self::Audit(rows) => rows.len(),
            Self::Klines(rows) => rows.len(),
            Self::HistoricalPositions(rows) => rows.len(),
            Self::MarketSnapshots(rows) => rows.len(),
            Self::Leaderboards(rows) => rows.len(),
            Self::Analytics(rows) => rows.analytics.len() + rows.active_users.len(),
        }
    }
}

/// See [`Stream::Reference`]. Each list is by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReferenceRows {
    /// The venue's switch, if it changed.
    pub venue: Option<VenueRow>,
    /// Listed since.
    pub assets: Vec<AssetRow>,
    /// Listed since.
    pub symbols: Vec<SymbolRow>,
    /// Listed before, changed since.
    pub symbols_changed: Vec<SymbolChange>,
    /// Opened since.
    pub users: Vec<UserRow>,
    /// Opened before, changed since.
    pub users_changed: Vec<UserChange>,
    /// Issued since.
    pub keys: Vec<KeyRow>,
    /// Issued before, revoked since.
    pub keys_revoked: Vec<KeyRevoked>,
}

impl ReferenceRows {
    pub(crate) fn count(&self) -> usize {
        let listed = self.assets.len() + self.symbols.len() + self.users.len() + self.keys.len();
        let changed = self.symbols_changed.len() + self.users_changed.len() + self.keys_revoked.len();
        usize::from(self.venue.is_some()) + listed + changed
    }
}

/// See [`Stream::Symbols`]. Which orders are open follows from their status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SymbolsRows {
    /// Orders placed since, by id.
    pub placed: Vec<OrderRow>,
    /// Orders placed before and changed since, by id.
    pub changed: Vec<OrderChange>,
    /// Fills since, by event.
    pub fills: Vec<FillRow>,
    /// Positions that changed, by user and symbol.
    pub positions: Vec<PositionRow>,
    /// Tenures that began since, whoever's; only where the store is a shard.
    pub tenures: Vec<SymbolTenureRow>,
    /// What a shard lets go, or goes on with.
    pub holds: Vec<HoldChange>,
}

impl SymbolsRows {
    pub(crate) fn count(&self) -> usize {
        self.placed.len()
            + self.changed.len()
            + self.fills.len()
            + self.positions.len()
            + self.tenures.len()
            + self.holds.len()
    }
}

/// See [`Stream::Users`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsersRows {
    /// Balances that changed, by user and asset.
    pub balances: Vec<BalanceRow>,
    /// Credit limits that changed, by user and asset.
    pub credit_limits: Vec<CreditLimitRow>,
    /// Movements since, by event and leg.
    pub ledger: Vec<LedgerRow>,
    /// Withdrawals that changed, by id.
    pub withdrawals: Vec<WithdrawalRow>,
    /// Tenures that began since, whoever's; only where the store is a shard.
    pub tenures: Vec<UserTenureRow>,
    /// What a shard lets go, or goes on with.
    pub holds: Vec<HoldChange>,
}

impl UsersRows {
    pub(crate) fn count(&self) -> usize {
        let money = self.balances.len() + self.credit_limits.len() + self.ledger.len();
        money + self.withdrawals.len() + self.tenures.len() + self.holds.len()
    }
}

/// See [`Stream::Analytics`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnalyticsRows {
    /// Sums that changed, by scope and bucket.
    pub analytics: Vec<AnalyticsRow>,
    /// Users newly counted, by scope, bucket and user. Never change.
    pub active_users: Vec<ActiveUserRow>,
}
