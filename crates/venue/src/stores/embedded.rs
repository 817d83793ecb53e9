//! Reads of derived collections and the audit log where they are in the embedded archive.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::ids::{SymbolId, UserId};
use domain::units::UnixNanos;
use projector::archive::{ArchiveHistory, AuditQuery, BucketsQuery};
use projector::batch::Stream;
use projector::buckets::{Bucket, Scope};
use projector::history::{Page, ReadError};
use projector::rows::AuditRow;
use projector::rows::derived::{AnalyticsRow, KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow};
use store_sqlite::history::SqliteTrades;

/// The embedded archive, which may have some of the collections only.
#[derive(Debug)]
pub(crate) struct Embedded {
    /// Absent: it has none.
    pub(crate) store: Option<Arc<SqliteTrades>>,
    /// The archives that the others are in.
    pub(crate) elsewhere: BTreeMap<Stream, String>,
}

impl Embedded {
    fn of(&self, stream: Stream) -> Result<&SqliteTrades, ReadError> {
        match (self.elsewhere.get(&stream), &self.store) {
            (None, Some(store)) => Ok(store),
            (Some(archive), _) => Err(ReadError::Elsewhere(archive.clone())),
            (None, None) => Err(ReadError::Failed("there is no embedded archive".into())),
        }
    }
}

impl ArchiveHistory for Embedded {
    fn klines(&self, query: &BucketsQuery<SymbolId>) -> Result<Page<KlineRow>, ReadError> {
        self.of(Stream::Klines)?.klines(query)
    }

    fn positions(&self, query: &BucketsQuery<(UserId, SymbolId)>) -> Result<Page<PositionHistoryRow>, ReadError> {
        self.of(Stream::HistoricalPositions)?.positions(query)
    }

    fn snapshots(&self, query: &BucketsQuery<SymbolId>, now: UnixNanos) -> Result<Page<MarketSnapshotRow>, ReadError> {
        self.of(Stream::MarketSnapshots)?.snapshots(query, now)
    }

    fn leaderboard(&self, scope: Scope, bucket: Bucket) -> Result<Page<LeaderboardRow>, ReadError> {
        self.of(Stream::Leaderboards)?.leaderboard(scope, bucket)
    }

    fn analytics(&self, query: &BucketsQuery<Scope>) -> Result<Page<AnalyticsRow>, ReadError> {
        self.of(Stream::Analytics)?.analytics(query)
    }

    fn audit(&self, query: &AuditQuery) -> Result<Page<AuditRow>, ReadError> {
        self.of(Stream::Audit)?.audit(query)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::units::UnixNanos;
    use projector::archive::ArchiveHistory as _;
    use projector::batch::Stream;
    use projector::buckets::{Interval, Scope};
    use projector::history::ReadError;

    use super::Embedded;

    #[test]
    fn a_collection_in_another_archive_is_said_to_be_there() {
        let elsewhere = BTreeMap::from([(Stream::Leaderboards, "mongo".to_owned())]);
        let embedded = Embedded { store: None, elsewhere };
        let board = embedded.leaderboard(Scope::Venue, Interval::DAY.bucket(UnixNanos(0)));
        assert_eq!(board.unwrap_err(), ReadError::Elsewhere("mongo".into()));
    }
}
