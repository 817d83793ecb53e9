//! The derived collections and the audit log, out of the archive.

use domain::ids::{SymbolId, UserId};
use domain::units::UnixNanos;
use projector::archive::{ArchiveHistory, AuditQuery, BucketsQuery};
use projector::batch::Stream;
use projector::buckets::{Bucket, Scope};
use projector::history::{Page, ReadError};
use projector::rows::AuditRow;
use projector::rows::derived::{AnalyticsRow, KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::SqliteTrades;
use super::orders::limit_of;
use super::walk::{SEQ_RANGE_BITS, Span, all, bisect, direction, walk};
use crate::decode::{Scales, archive, derived};
use crate::fault::Fault;
use crate::write::int;

impl ArchiveHistory for SqliteTrades {
    fn klines(&self, query: &BucketsQuery<SymbolId>) -> Result<Page<KlineRow>, ReadError> {
        self.0.read(Stream::Klines, |scales| {
            let key = |from, to, limit| params_of_symbol(query, from, to, limit);
            by_bucket(scales, query, derived::KLINE, "symbol_id = ?5", key, derived::kline)
        })
    }

    fn positions(&self, query: &BucketsQuery<(UserId, SymbolId)>) -> Result<Page<PositionHistoryRow>, ReadError> {
        let (user, symbol) = query.key;
        self.0.read(Stream::HistoricalPositions, |scales| {
            let key = |from, to, limit| (query.interval.number(), from, to, limit, user.0, symbol.0);
            by_bucket(scales, query, derived::POSITION, "user_id = ?5 AND symbol_id = ?6", key, derived::position)
        })
    }

    fn snapshots(&self, query: &BucketsQuery<SymbolId>, now: UnixNanos) -> Result<Page<MarketSnapshotRow>, ReadError> {
        self.0.read(Stream::MarketSnapshots, |scales| {
            let key = |from, to, limit| (query.interval.number(), from, to, limit, query.key.0, int(now.0));
            let of = "symbol_id = ?5 AND expires_at > ?6";
            by_bucket(scales, query, derived::SNAPSHOT, of, key, derived::snapshot)
        })
    }

    fn leaderboard(&self, scope: Scope, bucket: Bucket) -> Result<Page<LeaderboardRow>, ReadError> {
        let ((word, id), seconds, start) = (scope.parts(), bucket.interval.number(), int(bucket.start.0));
        self.0.read(Stream::Leaderboards, |scales| {
            let sql = format!(
                "{} WHERE scope = ?1 AND scope_id = ?2 AND bucket_seconds = ?3 AND bucket_start = ?4 ORDER BY user_id",
                derived::LEADERBOARD
            );
            all(scales, &sql, params![word, id, seconds, start], derived::leaderboard)
        })
    }

    fn analytics(&self, query: &BucketsQuery<Scope>) -> Result<Page<AnalyticsRow>, ReadError> {
        let (word, id) = query.key.parts();
        self.0.read(Stream::Analytics, |scales| {
            let key = |from, to, limit| (query.interval.number(), from, to, limit, word, id);
            by_bucket(scales, query, derived::ANALYTICS, "scope = ?5 AND scope_id = ?6", key, derived::analytics)
        })
    }

    fn audit(&self, query: &AuditQuery) -> Result<Page<AuditRow>, ReadError> {
        self.0.read(Stream::Audit, |scales| audit(scales, query))
    }
}

fn params_of_symbol(query: &BucketsQuery<SymbolId>, from: i64, to: i64, limit: i64) -> (u32, i64, i64, i64, u32) {
    (query.interval.number(), from, to, limit, query.key.0)
}

fn by_bucket<K, P: Params, T>(
    scales: &mut Scales<'_>,
    query: &BucketsQuery<K>,
    select: &str,
    of: &str,
    key: impl Fn(i64, i64, i64) -> P,
    decode: impl Fn(&Row<'_>, &mut Scales<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    // No bucket begins past 2^63.
    let bound = |time: UnixNanos| i64::try_from(time.0).unwrap_or(i64::MAX);
    let (from, to) = (query.time.from.map_or(0, bound), query.time.to.map_or(i64::MAX, bound));
    let newest_first = query.newest_first();
    let sql = format!(
        "{select} WHERE {of} AND bucket_seconds = ?1 AND bucket_start >= ?2 AND bucket_start <= ?3
            ORDER BY bucket_start {} LIMIT ?4",
        direction(newest_first)
    );
    let mut rows = all(scales, &sql, key(from, to, limit_of(query.limit)), decode)?;
    if newest_first {
        rows.reverse();
    }
    Ok(rows)
}

fn audit(scales: &mut Scales<'_>, query: &AuditQuery) -> Result<Vec<AuditRow>, Fault> {
    let selection = &query.selection;
    let end = last_audit(scales.connection)?.map_or(0, |last| last + 1);
    let span = Span::of_times(&selection.time, |time| {
        bisect(end, |seq| audit_time(scales.connection, seq).map(|found| found.map(|(seq, at)| (seq, at >= time))))
    })?;
    let span = span.from(selection.first.map(|first| first.0));
    let to = span.to.min(end);
    if span.from >= to {
        return Ok(Vec::new());
    }
    let newest_first = selection.newest_first();
    let (oldest, newest) = (span.from >> SEQ_RANGE_BITS, (to - 1) >> SEQ_RANGE_BITS);
    let next = |range: Option<u64>| {
        Ok(match (range, newest_first) {
            (None, true) => Some(newest),
            (None, false) => Some(oldest),
            (Some(range), true) => (range > oldest).then(|| range - 1),
            (Some(range), false) => (range < newest).then(|| range + 1),
        })
    };
    // With a user, the index that begins with the range; else the sequence itself is the way.
    let of_user = if query.user.is_some() { "seq >> 20 = ?4 AND user_id = ?3" } else { "?3 IS NULL AND ?4 >= 0" };
    let sql = format!(
        "{} WHERE {of_user} AND seq >= ?1 AND seq < ?2 AND (?5 IS NULL OR action = ?5) ORDER BY seq {} LIMIT ?6",
        archive::AUDIT,
        direction(newest_first)
    );
    walk(newest_first, selection.limit, next, |range, limit| {
        let (low, high) = (range << SEQ_RANGE_BITS, (range + 1) << SEQ_RANGE_BITS);
        let (from, to) = (int(span.from.max(low)), int(to.min(high)));
        let user = query.user.map(|user| user.0);
        let of = params![from, to, user, int(range), query.action, limit_of(limit)];
        all(scales, &sql, of, |row, _| archive::audit(row))
    })
}

fn last_audit(connection: &Connection) -> Result<Option<u64>, Fault> {
    let last: Option<i64> =
        connection.prepare_cached("SELECT max(seq) FROM audit_logs")?.query_row([], |row| row.get(0))?;
    Ok(last.map(i64::cast_unsigned))
}

/// Sequence and time of the first row from a sequence on.
fn audit_time(connection: &Connection, seq: u64) -> Result<Option<(u64, u64)>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT seq, time FROM audit_logs WHERE seq >= ?1 ORDER BY seq LIMIT 1")?;
    let long = |row: &Row<'_>, column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    Ok(statement.query_row([int(seq)], |row| Ok((long(row, 0)?, long(row, 1)?))).optional()?)
}
