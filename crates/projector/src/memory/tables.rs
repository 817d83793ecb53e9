//! Tables whose rows are written one at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use domain::ids::{AssetId, EventId, KeyId, OrderId, SymbolId, UserId, WithdrawalId};
use domain::units::Seq;

use crate::buckets::{Bucket, Scope};
use crate::rows::derived::{
    ActiveUserRow, AnalyticsRow, KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow,
};
use crate::rows::{
    AssetRow, AuditRow, BalanceRow, CreditLimitRow, FillRow, KeyRow, LedgerRow, OrderRow, PositionRow, SymbolRow,
    SymbolTenureRow, TradeRow, UserRow, UserTenureRow, VenueRow, WithdrawalRow,
};

/// Why a row was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WriteError {
    /// The commit stops here.
    Interrupted,
    /// There is another row under this key.
    Other(String),
    /// There is no row under this key.
    Missing(String),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Tables {
    /// Writes of the current commit.
    pub(super) writes: u64,
    /// It stops after so many.
    pub(super) writes_max: Option<u64>,
    pub(super) venue: Table<(), VenueRow>,
    pub(super) assets: Table<AssetId, AssetRow>,
    pub(super) symbols: Table<SymbolId, SymbolRow>,
    pub(super) users: Table<UserId, UserRow>,
    pub(super) keys: Table<KeyId, KeyRow>,
    pub(super) orders: Table<OrderId, OrderRow>,
    pub(super) open_orders: BTreeSet<OrderId>,
    pub(super) fills: Table<EventId, FillRow>,
    pub(super) positions: Table<(UserId, SymbolId), PositionRow>,
    pub(super) symbol_tenures: Table<(SymbolId, Seq), SymbolTenureRow>,
    pub(super) balances: Table<(UserId, AssetId), BalanceRow>,
    pub(super) credit_limits: Table<(UserId, AssetId), CreditLimitRow>,
    pub(super) ledger: Table<(EventId, u8), LedgerRow>,
    pub(super) withdrawals: Table<WithdrawalId, WithdrawalRow>,
    pub(super) user_tenures: Table<(UserId, Seq), UserTenureRow>,
    pub(super) trades: Table<EventId, TradeRow>,
    pub(super) audit: Table<Seq, AuditRow>,
    pub(super) klines: Table<(SymbolId, Bucket), KlineRow>,
    pub(super) position_history: Table<(Bucket, UserId, SymbolId), PositionHistoryRow>,
    pub(super) market_snapshots: Table<(SymbolId, Bucket), MarketSnapshotRow>,
    pub(super) leaderboards: Table<(Scope, Bucket, UserId), LeaderboardRow>,
    pub(super) analytics: Table<(Scope, Bucket), AnalyticsRow>,
    pub(super) active_users: Table<(Scope, Bucket, UserId), ActiveUserRow>,
}

impl Tables {
    /// One write: what interruption falls between.
    pub(super) fn write(&mut self, write: impl FnOnce(&mut Self) -> Result<(), WriteError>) -> Result<(), WriteError> {
        if self.writes_max == Some(self.writes) {
            return Err(WriteError::Interrupted);
        }
        self.writes += 1;
        write(self)
    }

    /// Makes the table of open orders agree with the order as it is stored, which may be newer than the batch.
    pub(super) fn open_or_not(&mut self, order: OrderId) -> Result<(), WriteError> {
        let row = self.orders.rows.get(&order).ok_or_else(|| WriteError::Missing(format!("{order:?}")))?;
        if row.status.is_open() {
            self.open_orders.insert(order);
        } else {
            self.open_orders.remove(&order);
        }
        Ok(())
    }
}

#[derive(Debug, Clone)]
pub(super) struct Table<K, R> {
    rows: BTreeMap<K, R>,
}

impl<K, R> Default for Table<K, R> {
    fn default() -> Self {
        Self { rows: BTreeMap::new() }
    }
}

impl<K: Ord + Debug, R: Clone + PartialEq> Table<K, R> {
    pub(super) fn visit(&self, visit: impl FnMut(&R)) {
        self.rows.values().for_each(visit);
    }

    /// Takes out the rows that are wanted, by key.
    pub(super) fn take(&mut self, wanted: impl Fn(&R) -> bool, mut visit: impl FnMut(R)) {
        self.rows.extract_if(.., |_, row| wanted(row)).for_each(|(_, row)| visit(row));
    }

    /// A row that never changes.
    pub(super) fn add(&mut self, key: K, row: &R) -> Result<(), WriteError> {
        match self.rows.get(&key) {
            Some(stored) if stored != row => Err(WriteError::Other(format!("{key:?}"))),
            Some(_) => Ok(()),
            None => {
                self.rows.insert(key, row.clone());
                Ok(())
            }
        }
    }
}

impl<K: Ord + Debug, R: Clone + PartialEq + LastSeq> Table<K, R> {
    /// A state row, whole.
    pub(super) fn put(&mut self, key: K, row: &R) -> Result<(), WriteError> {
        match self.rows.get(&key) {
            Some(stored) if stored.last_seq() > row.last_seq() => Ok(()),
            Some(stored) if stored.last_seq() == row.last_seq() && stored != row => {
                Err(WriteError::Other(format!("{key:?}")))
            }
            Some(_) | None => {
                self.rows.insert(key, row.clone());
                Ok(())
            }
        }
    }

    /// Changed columns of a state row.
    pub(super) fn change(&mut self, key: &K, last_seq: Seq, change: impl FnOnce(&mut R)) -> Result<(), WriteError> {
        let Some(stored) = self.rows.get_mut(key) else {
            return Err(WriteError::Missing(format!("{key:?}")));
        };
        if stored.last_seq() > last_seq {
            return Ok(());
        }
        let mut changed = stored.clone();
        change(&mut changed);
        if stored.last_seq() == last_seq && *stored != changed {
            return Err(WriteError::Other(format!("{key:?}")));
        }
        *stored = changed;
        Ok(())
    }
}

/// A state row knows how new it is.
pub(super) trait LastSeq {
    fn last_seq(&self) -> Seq;
}

macro_rules! last_seq {
    ($($row:ident)+) => {$(
        impl LastSeq for $row {
            fn last_seq(&self) -> Seq {
                self.last_seq
            }
        }
    )+};
}

last_seq! {
    VenueRow AssetRow SymbolRow UserRow KeyRow OrderRow PositionRow BalanceRow CreditLimitRow WithdrawalRow
    KlineRow PositionHistoryRow MarketSnapshotRow LeaderboardRow AnalyticsRow
}
