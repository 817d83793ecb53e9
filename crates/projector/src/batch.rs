//! What a store writes at once.

use domain::ids::Checkpoint;

use crate::changes::{KeyRevoked, OrderChange, SymbolChange, UserChange};
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
}

impl Stream {
    /// All of them, in the order in which a store that holds several should be fed.
    pub const ALL: [Self; 5] = [Self::Reference, Self::Symbols, Self::Users, Self::Trades, Self::Audit];
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
