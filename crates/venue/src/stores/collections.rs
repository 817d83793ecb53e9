//! Who reads each collection of the archive: the reader of the place that it is routed to.

use std::sync::Arc;

use domain::ids::{SymbolId, UserId};
use domain::units::UnixNanos;
use projector::archive::{ArchiveHistory, AuditQuery, BucketsQuery};
use projector::batch::Stream;
use projector::buckets::{Bucket, Scope};
use projector::history::{Page, ReadError, TradeHistory, check_series};
use projector::rows::AuditRow;
use projector::rows::derived::{AnalyticsRow, KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow};

/// Reads everything that is in one place.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    trades: Arc<dyn TradeHistory>,
    others: Arc<dyn ArchiveHistory>,
}

impl Reader {
    pub(crate) fn new<T: TradeHistory + ArchiveHistory + 'static>(reader: T) -> Self {
        let reader = Arc::new(reader);
        Self { trades: Arc::<T>::clone(&reader), others: reader }
    }
}

/// The derived collections and the audit log, each out of its place.
#[derive(Debug)]
pub(crate) struct Collections {
    klines: Arc<dyn ArchiveHistory>,
    positions: Arc<dyn ArchiveHistory>,
    snapshots: Arc<dyn ArchiveHistory>,
    leaderboards: Arc<dyn ArchiveHistory>,
    analytics: Arc<dyn ArchiveHistory>,
    audit: Arc<dyn ArchiveHistory>,
}

impl Collections {
    /// Trades, and all others, read by the reader of the place that each is in.
    pub(crate) fn routed(reader: impl Fn(Stream) -> Option<Reader>) -> Option<(Arc<dyn TradeHistory>, Self)> {
        let others = |stream| Some(reader(stream)?.others);
        let collections = Self {
            klines: others(Stream::Klines)?,
            positions: others(Stream::HistoricalPositions)?,
            snapshots: others(Stream::MarketSnapshots)?,
            leaderboards: others(Stream::Leaderboards)?,
            analytics: others(Stream::Analytics)?,
            audit: others(Stream::Audit)?,
        };
        Some((reader(Stream::Trades)?.trades, collections))
    }
}

impl ArchiveHistory for Collections {
    fn klines(&self, query: &BucketsQuery<SymbolId>) -> Result<Page<KlineRow>, ReadError> {
        self.klines.klines(query)
    }

    fn positions(&self, query: &BucketsQuery<(UserId, SymbolId)>) -> Result<Page<PositionHistoryRow>, ReadError> {
        self.positions.positions(query)
    }

    fn snapshots(&self, query: &BucketsQuery<SymbolId>, now: UnixNanos) -> Result<Page<MarketSnapshotRow>, ReadError> {
        self.snapshots.snapshots(query, now)
    }

    fn leaderboard(&self, scope: Scope, bucket: Bucket) -> Result<Page<LeaderboardRow>, ReadError> {
        self.leaderboards.leaderboard(scope, bucket)
    }

    fn analytics(&self, query: &BucketsQuery<Scope>) -> Result<Page<AnalyticsRow>, ReadError> {
        self.analytics.analytics(query)
    }

    fn audit(&self, query: &AuditQuery) -> Result<Page<AuditRow>, ReadError> {
        let page = self.audit.audit(query)?;
        // Every command is audited.
        if query.user.is_none() && query.action.is_none() {
            let numbers = page.rows.iter().map(|row| row.seq.0);
            check_series("audit record", query.selection.map(|first| first.0), numbers, page.through.0)?;
        }
        Ok(page)
    }
}
