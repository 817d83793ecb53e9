//! The derived collections and the audit log, out of a database.
//!
//! What is derived is written over as long as its bucket lasts. Documents that are not later than the checkpoint which was read before
//! them are exactly what was so at that checkpoint. Some that are later belong to a commit under way, so it is waited for a little. A
//! writer that never rests, or was interrupted, is not: then each document is as of its own `seq`, by no more than a commit later than
//! the checkpoint.

use documents::collection::Collection;
use documents::reading::settled;
use documents::rows::derived::board_prefix;
use documents::rows::id_of_command;
use domain::ids::{SymbolId, UserId};
use domain::units::{Seq, UnixNanos};
use mongodb::bson::raw::{RawDocumentBuf, cstr};
use mongodb::bson::{Bson, rawdoc};
use projector::archive::{ArchiveHistory, AuditQuery, BucketsQuery};
use projector::batch::Stream;
use projector::buckets::{Bucket, Scope};
use projector::history::{Page, ReadError};
use projector::rows::AuditRow;
use projector::rows::derived::{AnalyticsRow, KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow};
use projector::store::StoredRow;

use crate::encode::number;
use crate::fault::Fault;
use crate::history::{MongoHistory, Reader, clamp, strange, times_of};
use crate::session::Find;

impl ArchiveHistory for MongoHistory {
    fn klines(&self, query: &BucketsQuery<SymbolId>) -> Result<Page<KlineRow>, ReadError> {
        let asked = Asked { stream: Stream::Klines, collection: Collection::Klines, key: of_symbol(query.key) };
        let of = |row| if let StoredRow::Kline(row) = row { Ok(row) } else { Err(strange(&row)) };
        self.buckets(query, &asked, of, |row| row.last_seq)
    }

    fn positions(&self, query: &BucketsQuery<(UserId, SymbolId)>) -> Result<Page<PositionHistoryRow>, ReadError> {
        let (user, symbol) = query.key;
        let key = rawdoc! { "user_id": i64::from(user.0), "symbol_id": i64::from(symbol.0) };
        let asked = Asked { stream: Stream::HistoricalPositions, collection: Collection::HistoricalPositions, key };
        let of = |row| if let StoredRow::PositionHistory(row) = row { Ok(row) } else { Err(strange(&row)) };
        self.buckets(query, &asked, of, |row| row.last_seq)
    }

    fn snapshots(&self, query: &BucketsQuery<SymbolId>, now: UnixNanos) -> Result<Page<MarketSnapshotRow>, ReadError> {
        let mut key = of_symbol(query.key);
        // The server deletes late.
        key.append(cstr!("expires_time"), rawdoc! { "$gt": clamp(now) });
        let asked = Asked { stream: Stream::MarketSnapshots, collection: Collection::MarketSnapshots, key };
        let of = |row| if let StoredRow::MarketSnapshot(row) = row { Ok(row) } else { Err(strange(&row)) };
        self.buckets(query, &asked, of, |row| row.last_seq)
    }

    fn leaderboard(&self, scope: Scope, bucket: Bucket) -> Result<Page<LeaderboardRow>, ReadError> {
        let prefix = board_prefix(&bucket, scope);
        let rows = async |reader: &Reader<'_>| reader.board(&prefix).await;
        settled(|| self.read(Stream::Leaderboards, &rows), |row| row.last_seq)
    }

    fn analytics(&self, query: &BucketsQuery<Scope>) -> Result<Page<AnalyticsRow>, ReadError> {
        let (word, id) = query.key.parts();
        let key = rawdoc! { "scope": word, "scope_id": i64::from(id) };
        let asked = Asked { stream: Stream::Analytics, collection: Collection::Analytics, key };
        let of = |row| if let StoredRow::Analytics(row) = row { Ok(row) } else { Err(strange(&row)) };
        self.buckets(query, &asked, of, |row| row.last_seq)
    }

    fn audit(&self, query: &AuditQuery) -> Result<Page<AuditRow>, ReadError> {
        self.read(Stream::Audit, &async |reader: &Reader<'_>| reader.audit(query).await)
    }
}

/// Documents of one key.
#[derive(Debug)]
struct Asked {
    stream: Stream,
    collection: Collection,
    /// What each of them says; begins as the index does.
    key: RawDocumentBuf,
}

impl MongoHistory {
    /// Documents of a key by bucket.
    fn buckets<K, T>(
        &self,
        query: &BucketsQuery<K>,
        asked: &Asked,
        of: impl Fn(StoredRow) -> Result<T, Fault>,
        last_seq: impl Fn(&T) -> Seq,
    ) -> Result<Page<T>, ReadError> {
        let (interval, newest_first) = (query.interval.number(), query.newest_first());
        let rows = async |reader: &Reader<'_>| {
            let (mut time, mut rows) = (query.time, Vec::new());
            while rows.len() < query.limit {
                let mut filter = asked.key.clone();
                filter.append(cstr!("bucket_seconds"), i64::from(interval));
                let times = times_of(&time);
                if !times.is_empty() {
                    filter.append(cstr!("bucket_start"), times);
                }
                let limit = (query.limit - rows.len()).min(reader.session.documents_max);
                let find = Find { filter, sort: rawdoc! { "bucket_start": direction(newest_first) }, limit };
                let found = reader.find(asked.collection, find).await?;
                let Some(last) = found.last() else { break };
                let last = last.get("bucket_start").and_then(number).unwrap_or_default().cast_unsigned();
                for document in found {
                    rows.push(of(reader.row(asked.collection, document).await?.1)?);
                }
                // One key has one document to a bucket.
                if !newest_first {
                    time.from = Some(UnixNanos(last).plus(1));
                } else if let Some(before) = last.checked_sub(1) {
                    time.to = Some(UnixNanos(before));
                } else {
                    break;
                }
            }
            Ok(oldest_first(rows, newest_first))
        };
        settled(|| self.read(asked.stream, &rows), last_seq)
    }
}

impl Reader<'_> {
    /// Everybody on a board.
    async fn board(&self, prefix: &str) -> Result<Vec<LeaderboardRow>, Fault> {
        let end = format!("{}/", prefix.trim_end_matches('.'));
        let (mut after, mut rows) = (prefix.to_owned(), Vec::new());
        loop {
            let filter = rawdoc! { "_id": { "$gt": after.as_str(), "$lt": end.as_str() } };
            let find = Find { filter, sort: rawdoc! { "_id": 1 }, limit: self.session.documents_max };
            let found = self.find(Collection::Leaderboards, find).await?;
            if found.is_empty() {
                return Ok(rows);
            }
            for document in found {
                let (id, row) = self.row(Collection::Leaderboards, document).await?;
                let StoredRow::Leaderboard(row) = row else { return Err(strange(&row)) };
                rows.push(row);
                after = id;
            }
        }
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRow>, Fault> {
        let selection = &query.selection;
        let newest_first = selection.newest_first();
        let (mut from, mut to) = (Seq::ZERO, self.through.next());
        if let Some(time) = selection.time.from {
            from = self.first_at(time).await?;
        }
        if let Some(time) = selection.time.to {
            to = to.min(self.first_at(time.plus(1)).await?);
        }
        from = from.max(selection.first.unwrap_or(Seq::ZERO));
        let mut rows: Vec<AuditRow> = Vec::new();
        while from < to && rows.len() < selection.limit {
            let limit = (selection.limit - rows.len()).min(self.session.documents_max);
            let find = Find { filter: audit_filter(query, from, to), sort: audit_sort(query, newest_first), limit };
            let found = self.find(Collection::AuditLogs, find).await?;
            if found.is_empty() {
                break;
            }
            for document in found {
                let (_, row) = self.row(Collection::AuditLogs, document).await?;
                let StoredRow::Audit(row) = row else { return Err(strange(&row)) };
                if newest_first {
                    to = row.seq;
                } else {
                    from = row.seq.next();
                }
                rows.push(row);
            }
        }
        Ok(oldest_first(rows, newest_first))
    }

    /// The first command at or after a time, which does not go back with the sequence; what comes after the checkpoint where there is none.
    async fn first_at(&self, time: UnixNanos) -> Result<Seq, Fault> {
        let (mut low, mut high) = (0, self.through.next().0);
        while low < high {
            let middle = low + (high - low) / 2;
            let filter = rawdoc! { "_id": { "$gte": id_of_command(Seq(middle)) } };
            let find = Find { filter, sort: rawdoc! { "_id": 1 }, limit: 1 };
            let found = self.find(Collection::AuditLogs, find).await?.pop();
            let long = |name: &str| {
                let value: Option<&Bson> = found.as_ref().and_then(|found| found.get(name));
                value.and_then(number).map(i64::cast_unsigned)
            };
            match (long("seq"), long("time")) {
                (Some(seq), Some(at)) if at < time.0 => low = seq.saturating_add(1),
                _ => high = middle,
            }
        }
        Ok(Seq(low.min(self.through.next().0)))
    }
}

/// Commands `from .. to`; those of one user by the index, all others by id.
fn audit_filter(query: &AuditQuery, from: Seq, to: Seq) -> RawDocumentBuf {
    let mut filter = if let Some(user) = query.user {
        let seqs = rawdoc! { "$gte": from.0.cast_signed(), "$lt": to.0.cast_signed() };
        rawdoc! { "user_id": i64::from(user.0), "seq": seqs }
    } else {
        rawdoc! { "_id": { "$gte": id_of_command(from), "$lt": id_of_command(to) } }
    };
    if let Some(action) = &query.action {
        filter.append(cstr!("action"), action.as_str());
    }
    filter
}

fn audit_sort(query: &AuditQuery, newest_first: bool) -> RawDocumentBuf {
    let direction = direction(newest_first);
    if query.user.is_some() {
        rawdoc! { "user_id": direction, "seq": direction }
    } else {
        rawdoc! { "_id": direction }
    }
}

fn of_symbol(symbol: SymbolId) -> RawDocumentBuf {
    rawdoc! { "symbol_id": i64::from(symbol.0) }
}

const fn direction(newest_first: bool) -> i32 {
    if newest_first { -1 } else { 1 }
}

fn oldest_first<T>(mut rows: Vec<T>, newest_first: bool) -> Vec<T> {
    if newest_first {
        rows.reverse();
    }
    rows
}
