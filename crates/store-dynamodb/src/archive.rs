//! The derived collections and the audit log, out of tables.
//!
//! What is derived is written over as long as its bucket lasts. Documents that are not later than the checkpoint which was read before
//! them are exactly what was so at that checkpoint. Some that are later belong to a commit under way, so it is waited for a little. A
//! writer that never rests, or was interrupted, is not: then each document is as of its own `seq`, by no more than a commit later than
//! the checkpoint.

use documents::collection::Collection;
use documents::reading::settled;
use documents::rows::derived::{bucket_prefix, subject_of_scope};
use domain::ids::{SymbolId, UserId};
use domain::units::UnixNanos;
use projector::archive::{ArchiveHistory, AuditQuery, BucketsQuery};
use projector::batch::Stream;
use projector::buckets::{Bucket, Interval, Scope};
use projector::history::{Page, ReadError, TimeRange};
use projector::rows::AuditRow;
use projector::rows::derived::{AnalyticsRow, KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow};
use projector::store::StoredRow;

use crate::fault::Fault;
use crate::history::{DynamoHistory, Reader, Stretch, strange};
use crate::item::{Item, Key, decode};
use crate::session::{Answer, Range};
use crate::span::{self, Span};

/// Buckets that are looked for at once.
const BUCKETS_AT_ONCE: usize = 100;

impl ArchiveHistory for DynamoHistory {
    fn klines(&self, query: &BucketsQuery<SymbolId>) -> Result<Page<KlineRow>, ReadError> {
        let series = Series { collection: Collection::Klines, subject: of_symbol(query.key) };
        let of = |row| if let StoredRow::Kline(row) = row { Ok(Some(row)) } else { Err(strange(&row)) };
        let rows = async |reader: &Reader<'_>| reader.series(query, &series, of).await;
        settled(|| self.read(Stream::Klines, &rows), |row| row.last_seq)
    }

    fn positions(&self, query: &BucketsQuery<(UserId, SymbolId)>) -> Result<Page<PositionHistoryRow>, ReadError> {
        let rows = async |reader: &Reader<'_>| reader.positions(query).await;
        settled(|| self.read(Stream::HistoricalPositions, &rows), |row| row.last_seq)
    }

    fn snapshots(&self, query: &BucketsQuery<SymbolId>, now: UnixNanos) -> Result<Page<MarketSnapshotRow>, ReadError> {
        let series = Series { collection: Collection::MarketSnapshots, subject: of_symbol(query.key) };
        // The service deletes late.
        let of = |row| {
            let StoredRow::MarketSnapshot(row) = row else { return Err(strange(&row)) };
            Ok(Some(row).filter(|row| row.expires_at > now))
        };
        let rows = async |reader: &Reader<'_>| reader.series(query, &series, of).await;
        settled(|| self.read(Stream::MarketSnapshots, &rows), |row| row.last_seq)
    }

    fn leaderboard(&self, scope: Scope, bucket: Bucket) -> Result<Page<LeaderboardRow>, ReadError> {
        let rows = async |reader: &Reader<'_>| reader.board(scope, bucket).await;
        settled(|| self.read(Stream::Leaderboards, &rows), |row| row.last_seq)
    }

    fn analytics(&self, query: &BucketsQuery<Scope>) -> Result<Page<AnalyticsRow>, ReadError> {
        let series = Series { collection: Collection::Analytics, subject: subject_of_scope(query.key) };
        let of = |row| if let StoredRow::Analytics(row) = row { Ok(Some(row)) } else { Err(strange(&row)) };
        let rows = async |reader: &Reader<'_>| reader.series(query, &series, of).await;
        settled(|| self.read(Stream::Analytics, &rows), |row| row.last_seq)
    }

    fn audit(&self, query: &AuditQuery) -> Result<Page<AuditRow>, ReadError> {
        let selection = &query.selection;
        let stretch = Stretch {
            collection: Collection::AuditLogs,
            partition: 0,
            from: selection.first.map_or(0, |first| first.0),
            time: selection.time,
            newest_first: selection.newest_first(),
        };
        self.read(Stream::Audit, &async |reader: &Reader<'_>| {
            let mut rows = Vec::new();
            let mut keep = |row| {
                let StoredRow::Audit(row) = row else { return Err(strange(&row)) };
                let wanted = query.user.is_none_or(|user| row.envelope.user == user)
                    && query.action.as_ref().is_none_or(|action| row.action == *action);
                if wanted {
                    rows.push(row);
                }
                Ok(rows.len() < selection.limit)
            };
            reader.each(&stretch, &mut keep).await?;
            Ok(oldest_first(rows, stretch.newest_first))
        })
    }
}

/// Documents of one subject, which are in one partition for each length of bucket.
#[derive(Debug)]
struct Series {
    collection: Collection,
    subject: String,
}

impl Reader<'_> {
    async fn series<K, T>(
        &self,
        query: &BucketsQuery<K>,
        series: &Series,
        of: impl Fn(StoredRow) -> Result<Option<T>, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let (table, newest_first) = (series.collection.name(), query.newest_first());
        let TimeRange { from, to } = query.time;
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            // The service takes it for a mistake.
            return Ok(Vec::new());
        }
        let prefix = |start| bucket_prefix(&Bucket { interval: query.interval, start });
        let any = Key::of_document(series.collection, &format!("{}{}", prefix(UnixNanos(0)), series.subject));
        let range = Range {
            from: from.map(prefix),
            to: to.map(|to| behind(&prefix(to))),
            backward: newest_first,
            limit: Some(query.limit),
        };
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let Answer { items, next } = self.session.query(table, &any.pk, &range, after.as_ref()).await?;
            for row in self.rows_of(series.collection, items).await? {
                rows.extend(of(row)?);
            }
            after = next;
            if rows.len() >= query.limit || after.is_none() {
                rows.truncate(query.limit);
                return Ok(oldest_first(rows, newest_first));
            }
            self.check_time()?;
        }
    }

    /// Each bucket of the span is looked for by its key.
    async fn positions(&self, query: &BucketsQuery<(UserId, SymbolId)>) -> Result<Vec<PositionHistoryRow>, Fault> {
        let (collection, interval, newest_first) =
            (Collection::HistoricalPositions, query.interval, query.newest_first());
        let Some(span) = span::read(self.session, collection, interval).await? else { return Ok(Vec::new()) };
        let (user, symbol) = query.key;
        let mut starts = Starts::of(interval, span, query.time, newest_first);
        let mut rows: Vec<PositionHistoryRow> = Vec::new();
        while rows.len() < query.limit {
            let some: Vec<UnixNanos> = starts.by_ref().take(BUCKETS_AT_ONCE).collect();
            if some.is_empty() {
                break;
            }
            self.check_time()?;
            let keys = some.into_iter().map(|start| {
                let prefix = bucket_prefix(&Bucket { interval, start });
                Key::of_document(collection, &format!("{prefix}{:010}.{:010}", user.0, symbol.0))
            });
            let items = self.session.get_all(keys).await?.into_iter().map(|(_, item)| item).collect();
            let mut found = Vec::new();
            for row in self.rows_of(collection, items).await? {
                let StoredRow::PositionHistory(row) = row else { return Err(strange(&row)) };
                found.push(row);
            }
            found.sort_by_key(|row| row.bucket.start);
            if newest_first {
                found.reverse();
            }
            rows.extend(found);
        }
        rows.truncate(query.limit);
        Ok(oldest_first(rows, newest_first))
    }

    /// Everybody on a board, out of the partitions of its bucket.
    async fn board(&self, scope: Scope, bucket: Bucket) -> Result<Vec<LeaderboardRow>, Fault> {
        let (collection, prefix) = (Collection::Leaderboards, bucket_prefix(&bucket));
        let board = format!("{prefix}{}.", subject_of_scope(scope));
        let range = Range { to: Some(behind(&board)), from: Some(board), ..Range::default() };
        let mut rows = Vec::new();
        for partition in Key::partitions_of_bucket(&prefix) {
            self.check_time()?;
            let items = self.session.query_all(collection.name(), &partition, &range).await?;
            for row in self.rows_of(collection, items).await? {
                let StoredRow::Leaderboard(row) = row else { return Err(strange(&row)) };
                rows.push(row);
            }
        }
        rows.sort_by_key(|row| row.user);
        Ok(rows)
    }

    async fn rows_of(&self, collection: Collection, items: Vec<Item>) -> Result<Vec<StoredRow>, Fault> {
        let documents = items.into_iter().map(decode).collect::<Result<Vec<_>, _>>()?;
        self.rows(collection, &documents).await
    }
}

/// Where the buckets of a span begin that are inside a range, in one order or the other.
#[derive(Debug)]
struct Starts {
    interval: Interval,
    /// The next; absent: there is none.
    next: Option<UnixNanos>,
    /// Not before, and not after.
    inside: (UnixNanos, UnixNanos),
    newest_first: bool,
}

impl Starts {
    fn of(interval: Interval, span: Span, time: TimeRange, newest_first: bool) -> Self {
        let first = time.from.map_or(span.first, |from| from.max(span.first));
        let last = time.to.map_or(span.last, |to| to.min(span.last));
        let next = Some(interval.bucket(if newest_first { last } else { first }).start);
        let mut starts = Self { interval, next, inside: (first, last), newest_first };
        // The range may begin inside a bucket.
        if starts.next.is_some_and(|next| next < first) && !newest_first {
            starts.step();
        }
        starts
    }

    fn step(&mut self) {
        let Some(start) = self.next else { return };
        let bucket = Bucket { interval: self.interval, start };
        self.next = if self.newest_first {
            start.0.checked_sub(1).map(|before| self.interval.bucket(UnixNanos(before)).start)
        } else {
            bucket.end().filter(|end| *end > start)
        };
    }
}

impl Iterator for Starts {
    type Item = UnixNanos;

    fn next(&mut self) -> Option<UnixNanos> {
        let (first, last) = self.inside;
        let start = self.next.filter(|start| (first..=last).contains(start))?;
        self.step();
        Some(start)
    }
}

fn of_symbol(symbol: SymbolId) -> String {
    format!("{:010}", symbol.0)
}

/// What comes after everything that begins with a prefix, which ends with a point.
fn behind(prefix: &str) -> String {
    format!("{}/", prefix.trim_end_matches('.'))
}

fn oldest_first<T>(mut rows: Vec<T>, newest_first: bool) -> Vec<T> {
    if newest_first {
        rows.reverse();
    }
    rows
}
