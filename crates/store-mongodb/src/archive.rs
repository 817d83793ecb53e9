//! The derived collections and the audit log, out of a database.
//!
//! What is derived is written over as long as its bucket lasts, so a document can be newer than the checkpoint that was read before it;
//! what it says is true all the same.

use documents::collection::Collection;
use documents::rows::derived::board_prefix;
use domain::ids::{SymbolId, UserId};
use domain::units::UnixNanos;
use mongodb::bson::raw::{RawDocumentBuf, cstr};
use mongodb::bson::rawdoc;
use projector::archive::{ArchiveHistory, AuditQuery, BucketsQuery};
use projector::batch::Stream;
use projector::buckets::{Bucket, Scope};
use projector::history::{Page, ReadError};
use projector::rows::AuditRow;
use projector::rows::derived::{AnalyticsRow, KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow};
use projector::store::StoredRow;

use crate::fault::Fault;
use crate::history::{MongoTrades, Reader, clamp, newest_first, range_of};
use crate::session::Find;

impl ArchiveHistory for MongoTrades {
    fn klines(&self, query: &BucketsQuery<SymbolId>) -> Result<Page<KlineRow>, ReadError> {
        self.by_bucket(Stream::Klines, Collection::Klines, query, of_symbol(query.key), |row| match row {
            StoredRow::Kline(row) => Some(row),
            _ => None,
        })
    }

    fn positions(&self, query: &BucketsQuery<(UserId, SymbolId)>) -> Result<Page<PositionHistoryRow>, ReadError> {
        let (user, symbol) = query.key;
        let key = rawdoc! { "user_id": i64::from(user.0), "symbol_id": i64::from(symbol.0) };
        let (stream, collection) = (Stream::HistoricalPositions, Collection::HistoricalPositions);
        self.by_bucket(stream, collection, query, key, |row| match row {
            StoredRow::PositionHistory(row) => Some(row),
            _ => None,
        })
    }

    fn snapshots(&self, query: &BucketsQuery<SymbolId>, now: UnixNanos) -> Result<Page<MarketSnapshotRow>, ReadError> {
        let mut key = of_symbol(query.key);
        // The server deletes late.
        key.append(cstr!("expires_time"), rawdoc! { "$gt": clamp(now) });
        self.by_bucket(Stream::MarketSnapshots, Collection::MarketSnapshots, query, key, |row| match row {
            StoredRow::MarketSnapshot(row) => Some(row),
            _ => None,
        })
    }

    fn leaderboard(&self, scope: Scope, bucket: Bucket) -> Result<Page<LeaderboardRow>, ReadError> {
        let prefix = board_prefix(&bucket, scope);
        self.read(Stream::Leaderboards, async |reader| {
            let mut rows = Vec::new();
            let mut after = prefix.clone();
            loop {
                let find = Find::after(&after, reader.session.documents_max);
                let found = reader.rows(Collection::Leaderboards, find).await?;
                let Some((last, _)) = found.last() else { return Ok(rows) };
                last.clone_into(&mut after);
                for (id, row) in found {
                    match row {
                        StoredRow::Leaderboard(row) if id.starts_with(&prefix) => rows.push(row),
                        _ => return Ok(rows),
                    }
                }
            }
        })
    }

    fn analytics(&self, query: &BucketsQuery<Scope>) -> Result<Page<AnalyticsRow>, ReadError> {
        let (word, id) = query.key.parts();
        let key = rawdoc! { "scope": word, "scope_id": i64::from(id) };
        self.by_bucket(Stream::Analytics, Collection::Analytics, query, key, |row| match row {
            StoredRow::Analytics(row) => Some(row),
            _ => None,
        })
    }

    fn audit(&self, query: &AuditQuery) -> Result<Page<AuditRow>, ReadError> {
        let selection = &query.selection;
        let newest_first = newest_first(selection);
        let direction = if newest_first { -1 } else { 1 };
        self.read(Stream::Audit, async |reader| {
            let mut seqs = rawdoc! { "$lte": reader.through.0.cast_signed() };
            if let Some(first) = selection.first {
                seqs.append(cstr!("$gte"), first.0.cast_signed());
            }
            let mut filter = RawDocumentBuf::new();
            let mut sort = RawDocumentBuf::new();
            if let Some(user) = query.user {
                filter.append(cstr!("user_id"), i64::from(user.0));
                sort.append(cstr!("user_id"), direction);
            }
            filter.append(cstr!("seq"), seqs);
            sort.append(cstr!("seq"), direction);
            if let Some(action) = &query.action {
                filter.append(cstr!("action"), action.as_str());
            }
            let times = range_of(&selection.time);
            if !times.is_empty() {
                filter.append(cstr!("time"), times);
            }
            let find = Find { filter, sort, limit: selection.limit };
            let rows = reader.rows(Collection::AuditLogs, find).await?;
            let audit = |(_, row)| if let StoredRow::Audit(row) = row { Some(row) } else { None };
            Ok(oldest_first(rows.into_iter().filter_map(audit).collect(), newest_first))
        })
    }
}

impl MongoTrades {
    /// Documents of a key by bucket. `key`: what every one of them says, in the order of the index.
    fn by_bucket<K, T>(
        &self,
        stream: Stream,
        collection: Collection,
        query: &BucketsQuery<K>,
        key: RawDocumentBuf,
        of: impl Fn(StoredRow) -> Option<T>,
    ) -> Result<Page<T>, ReadError> {
        let newest_first = query.newest_first();
        let mut filter = key;
        filter.append(cstr!("bucket_seconds"), i64::from(query.interval.number()));
        let times = range_of(&query.time);
        if !times.is_empty() {
            filter.append(cstr!("bucket_start"), times);
        }
        let sort = rawdoc! { "bucket_start": if newest_first { -1 } else { 1 } };
        let find = Find { filter, sort, limit: query.limit };
        self.read(stream, async |reader| {
            let rows = reader.rows(collection, find).await?;
            Ok(oldest_first(rows.into_iter().filter_map(|(_, row)| of(row)).collect(), newest_first))
        })
    }
}

fn of_symbol(symbol: SymbolId) -> RawDocumentBuf {
    rawdoc! { "symbol_id": i64::from(symbol.0) }
}

fn oldest_first<T>(mut rows: Vec<T>, newest_first: bool) -> Vec<T> {
    if newest_first {
        rows.reverse();
    }
    rows
}
