//! Stores that have nothing to say: for whoever must do without them.

use domain::ids::{OrderId, SymbolId, UserId};
use domain::units::{Seq, UnixNanos};

use crate::archive::{ArchiveHistory, AuditQuery, BucketsQuery};
use crate::buckets::{Bucket, Scope};
use crate::candle::Candle;
use crate::history::{
    FillsQuery, LedgerQuery, MinutesQuery, OrderHistory, OrderKey, OrdersQuery, Page, ReadError, TradeHistory,
    TradesQuery,
};
use crate::rows::derived::{AnalyticsRow, KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow};
use crate::rows::{AuditRow, FillRow, LedgerRow, OrderRow, TradeRow};

/// A store without rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// Nothing is stored yet.
    Empty,
    /// Nothing can be read.
    Away,
}

impl Absent {
    fn page<T>(self) -> Result<Page<T>, ReadError> {
        match self {
            Self::Empty => Ok(Page { through: Seq::ZERO, rows: Vec::new() }),
            Self::Away => Err(ReadError::Failed("it is away".to_owned())),
        }
    }
}

impl OrderHistory for Absent {
    fn order(&self, _: OrderKey) -> Result<Page<OrderRow>, ReadError> {
        self.page()
    }
    fn orders(&self, _: &OrdersQuery) -> Result<Page<OrderRow>, ReadError> {
        self.page()
    }
    fn fills(&self, _: &FillsQuery) -> Result<Page<FillRow>, ReadError> {
        self.page()
    }
    fn fills_of_order(&self, _: OrderId) -> Result<Page<FillRow>, ReadError> {
        self.page()
    }
    fn ledger(&self, _: &LedgerQuery) -> Result<Page<LedgerRow>, ReadError> {
        self.page()
    }
}

impl TradeHistory for Absent {
    fn trades(&self, _: &TradesQuery) -> Result<Page<TradeRow>, ReadError> {
        self.page()
    }
    fn minutes(&self, _: &MinutesQuery) -> Result<Page<Candle>, ReadError> {
        self.page()
    }
}

impl ArchiveHistory for Absent {
    fn klines(&self, _: &BucketsQuery<SymbolId>) -> Result<Page<KlineRow>, ReadError> {
        self.page()
    }
    fn positions(&self, _: &BucketsQuery<(UserId, SymbolId)>) -> Result<Page<PositionHistoryRow>, ReadError> {
        self.page()
    }
    fn snapshots(&self, _: &BucketsQuery<SymbolId>, _: UnixNanos) -> Result<Page<MarketSnapshotRow>, ReadError> {
        self.page()
    }
    fn leaderboard(&self, _: Scope, _: Bucket) -> Result<Page<LeaderboardRow>, ReadError> {
        self.page()
    }
    fn analytics(&self, _: &BucketsQuery<Scope>) -> Result<Page<AnalyticsRow>, ReadError> {
        self.page()
    }
    fn audit(&self, _: &AuditQuery) -> Result<Page<AuditRow>, ReadError> {
        self.page()
    }
}
