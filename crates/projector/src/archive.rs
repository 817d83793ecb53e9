//! What can be read back from the derived collections and the audit log. Every answer says through which sequence the store was
//! complete. Rows may be newer than that, where a store has no transactions; they are true all the same.

use std::fmt;

use domain::ids::{SymbolId, UserId};
use domain::units::{Seq, UnixNanos};

use crate::buckets::{Bucket, Interval, Scope};
use crate::candle::Candle;
use crate::history::{Page, ReadError, Selection, TimeRange};
use crate::rows::AuditRow;
use crate::rows::derived::{AnalyticsRow, KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow};

/// Rows of one key, by bucket: those that begin inside the times; the oldest of them where the range has a beginning, else the newest.
/// Rows always come oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BucketsQuery<K> {
    /// Whose.
    pub key: K,
    /// Of buckets of this length.
    pub interval: Interval,
    /// When they begin.
    pub time: TimeRange,
    /// At most so many; at least 1.
    pub limit: usize,
}

/// Audit rows: those from a sequence on, or the oldest of a time range that has a beginning, or else the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only commands of this user.
    pub user: Option<UserId>,
    /// Only commands of this name.
    pub action: Option<String>,
    /// Which of them.
    pub selection: Selection<Seq>,
}

/// The derived collections and the audit log of an archive. Calls block; they may come from many threads at once.
pub trait ArchiveHistory: Send + Sync + fmt::Debug {
    /// Klines of a symbol.
    fn klines(&self, query: &BucketsQuery<SymbolId>) -> Result<Page<KlineRow>, ReadError>;
    /// Positions of a user in a symbol.
    fn positions(&self, query: &BucketsQuery<(UserId, SymbolId)>) -> Result<Page<PositionHistoryRow>, ReadError>;
    /// Snapshots of a symbol that have not expired at `now`.
    fn snapshots(&self, query: &BucketsQuery<SymbolId>, now: UnixNanos) -> Result<Page<MarketSnapshotRow>, ReadError>;
    /// Everybody on a board, by user.
    fn leaderboard(&self, scope: Scope, bucket: Bucket) -> Result<Page<LeaderboardRow>, ReadError>;
    /// What was traded.
    fn analytics(&self, query: &BucketsQuery<Scope>) -> Result<Page<AnalyticsRow>, ReadError>;
    /// Commands, by sequence.
    fn audit(&self, query: &AuditQuery) -> Result<Page<AuditRow>, ReadError>;
}

/// Candles of a symbol that are over, out of the stored ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settled {
    /// They are complete as of this sequence.
    pub through: Seq,
    /// Oldest first.
    pub candles: Vec<Candle>,
    /// Trades that may not be in them are not earlier than this; absent: no candle is stored in that time.
    pub next: Option<UnixNanos>,
}

impl Settled {
    /// Reads them, of times that have a beginning. The last one that the archive has up to its checkpoint may still change, and a store
    /// may have newer ones, too: they are left out.
    pub fn read(archive: &dyn ArchiveHistory, query: &BucketsQuery<SymbolId>) -> Result<Self, ReadError> {
        let page = archive.klines(query)?;
        let stored = page.rows.iter().take_while(|row| row.last_seq <= page.through);
        let mut candles: Vec<Candle> = stored.map(|row| row.candle).collect();
        let next = candles.pop().map(|last| last.open_time);
        Ok(Self { through: page.through, candles, next })
    }
}

impl<K> BucketsQuery<K> {
    /// Whether the newest of the matching rows are asked for.
    pub const fn newest_first(&self) -> bool {
        self.time.from.is_none()
    }
}
