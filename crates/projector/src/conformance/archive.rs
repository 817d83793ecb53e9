//! What every archive answers that is asked about derived collections and the audit log: what a slow reader of the same rows answers.

use std::collections::BTreeSet;
use std::fmt::Debug;

use domain::ids::{SymbolId, UserId};
use domain::units::{Seq, UnixNanos};

use super::Dice;
use crate::archive::{ArchiveHistory, AuditQuery, BucketsQuery};
use crate::batch::Stream;
use crate::buckets::{Bucket, Interval, Scope};
use crate::history::{Page, ReadError, Selection, TimeRange};
use crate::rows::AuditRow;
use crate::rows::derived::{AnalyticsRow, KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow};
use crate::store::StoredRow;

/// Queries of each kind.
const ROUNDS: usize = 100;
/// More than any key has.
const LIMIT_MAX: usize = 10_000;

/// All rows, looked through one by one.
#[derive(Debug, Default)]
pub struct SlowArchive {
    klines: Vec<KlineRow>,
    positions: Vec<PositionHistoryRow>,
    snapshots: Vec<MarketSnapshotRow>,
    boards: Vec<LeaderboardRow>,
    analytics: Vec<AnalyticsRow>,
    audit: Vec<AuditRow>,
}

impl SlowArchive {
    /// Of these rows.
    pub fn of(rows: impl IntoIterator<Item = StoredRow>) -> Self {
        let mut slow = Self::default();
        for row in rows {
            match row {
                StoredRow::Kline(row) => slow.klines.push(row),
                StoredRow::PositionHistory(row) => slow.positions.push(row),
                StoredRow::MarketSnapshot(row) => slow.snapshots.push(row),
                StoredRow::Leaderboard(row) => slow.boards.push(row),
                StoredRow::Analytics(row) => slow.analytics.push(row),
                StoredRow::Audit(row) => slow.audit.push(row),
                StoredRow::Venue(_)
                | StoredRow::Asset(_)
                | StoredRow::Symbol(_)
                | StoredRow::User(_)
                | StoredRow::Key(_)
                | StoredRow::Order(_)
                | StoredRow::OpenOrder(_)
                | StoredRow::Fill(_)
                | StoredRow::Position(_)
                | StoredRow::SymbolTenure(_)
                | StoredRow::Balance(_)
                | StoredRow::CreditLimit(_)
                | StoredRow::Ledger(_)
                | StoredRow::Withdrawal(_)
                | StoredRow::UserTenure(_)
                | StoredRow::Trade(_)
                | StoredRow::ActiveUser(_) => {}
            }
        }
        slow
    }
}

/// Derived collections of an archive that has these rows, of which none is later than `through`.
pub fn derived_are_those_of_a_slow_reader(
    history: &dyn ArchiveHistory,
    slow: &SlowArchive,
    through: impl Fn(Stream) -> Seq,
    seed: u64,
) {
    let mut dice = Dice(seed);
    let check = Check { rows: &slow.klines, place: |row: &KlineRow| (row.symbol, row.bucket) };
    check.all(&mut dice, through(Stream::Klines), SymbolId(u32::MAX), |query| history.klines(query));
    let place = |row: &PositionHistoryRow| ((row.user, row.symbol), row.bucket);
    let (check, nobody) = (Check { rows: &slow.positions, place }, (UserId(u32::MAX), SymbolId(0)));
    check.all(&mut dice, through(Stream::HistoricalPositions), nobody, |query| history.positions(query));
    let check = Check { rows: &slow.analytics, place: |row: &AnalyticsRow| (row.scope, row.bucket) };
    let nothing = Scope::Symbol(SymbolId(u32::MAX));
    check.all(&mut dice, through(Stream::Analytics), nothing, |query| history.analytics(query));

    // What expires at this moment has expired.
    let mut ends: Vec<UnixNanos> = slow.snapshots.iter().map(|row| row.expires_at).collect();
    ends.sort_unstable();
    for now in [UnixNanos(0), ends[ends.len() / 3], ends[ends.len() - 1]] {
        let alive: Vec<_> = slow.snapshots.iter().filter(|row| row.expires_at > now).cloned().collect();
        let check = Check { rows: &alive, place: |row: &MarketSnapshotRow| (row.symbol, row.bucket) };
        let through = through(Stream::MarketSnapshots);
        check.all(&mut dice, through, SymbolId(u32::MAX), |query| history.snapshots(query, now));
    }
    boards(history, slow, through(Stream::Leaderboards));
}

/// An archive without rows has nothing through nothing.
pub fn an_empty_archive_has_nothing(history: &dyn ArchiveHistory) {
    fn is_empty<T: PartialEq + Debug>(page: &Result<Page<T>, ReadError>) {
        assert_eq!(*page, Ok(Page { through: Seq::ZERO, rows: Vec::new() }));
    }
    let time = TimeRange { from: Some(UnixNanos(5)), to: Some(UnixNanos(9)) };
    let of_symbol = BucketsQuery { key: SymbolId(0), interval: Interval::DAY, time, limit: 5 };
    is_empty(&history.klines(&of_symbol));
    is_empty(&history.snapshots(&of_symbol, UnixNanos(0)));
    let key = (UserId(1), SymbolId(0));
    is_empty(&history.positions(&BucketsQuery { key, interval: Interval::DAY, time, limit: 5 }));
    is_empty(&history.analytics(&BucketsQuery { key: Scope::Venue, interval: Interval::DAY, time, limit: 5 }));
    is_empty(&history.leaderboard(Scope::Symbol(SymbolId(0)), Interval::Ever.bucket(UnixNanos(0))));
    let selection = Selection { first: None, time, limit: 5 };
    is_empty(&history.audit(&AuditQuery { user: None, action: None, selection }));
}

/// Rows of one collection, and where each belongs.
struct Check<'a, T, F> {
    rows: &'a [T],
    place: F,
}

impl<T: Clone + PartialEq + Debug, F> Check<'_, T, F> {
    /// Every key, one that there is not, and at random.
    fn all<K: Ord + Copy + Debug>(
        &self,
        dice: &mut Dice,
        through: Seq,
        nobody: K,
        read: impl Fn(&BucketsQuery<K>) -> Result<Page<T>, ReadError>,
    ) where
        F: Fn(&T) -> (K, Bucket),
    {
        let places: BTreeSet<(K, Interval)> = self.rows.iter().map(|row| self.key(row)).collect();
        let times: Vec<UnixNanos> = self.rows.iter().map(|row| (self.place)(row).1.start).collect();
        let check = |query: &BucketsQuery<K>| {
            let page = read(query).expect("the store answers");
            let mut expected: Vec<T> = self.rows.iter().filter(|row| self.matches(row, query)).cloned().collect();
            expected.sort_by_key(|row| (self.place)(row).1.start);
            if query.newest_first() {
                expected.drain(..expected.len().saturating_sub(query.limit));
            } else {
                expected.truncate(query.limit);
            }
            assert_eq!(page, Page { through, rows: expected }, "{query:?}");
            page.rows
        };
        for &(key, interval) in &places {
            let query = |time, limit| BucketsQuery { key, interval, time, limit };
            let all = check(&query(TimeRange::default(), LIMIT_MAX));
            assert!(!all.is_empty());
            // Pages of five are all rows.
            let (mut paged, mut from) = (Vec::new(), Some(UnixNanos(0)));
            while from.is_some() {
                let page = check(&query(TimeRange { from, to: None }, 5));
                from = page.last().map(|row| (self.place)(row).1.start.plus(1));
                paged.extend(page);
            }
            assert_eq!(paged, all, "{key:?} {interval:?}");
        }
        let places: Vec<(K, Interval)> = places.into_iter().collect();
        for _ in 0..ROUNDS.min(times.len()) {
            let mut time = || match dice.below(8) {
                0..3 => None,
                // Whoever asks may name any time.
                3 => Some(UnixNanos(u64::MAX)),
                _ => Some(UnixNanos(times[dice.at(times.len())].0 + dice.below(3) - 1)),
            };
            let time = TimeRange { from: time(), to: time() };
            let (key, interval) = places[dice.at(places.len())];
            let key = if dice.below(16) == 0 { nobody } else { key };
            check(&BucketsQuery { key, interval, time, limit: 1 + dice.at(9) });
        }
    }

    fn key<K>(&self, row: &T) -> (K, Interval)
    where
        F: Fn(&T) -> (K, Bucket),
    {
        let (key, bucket) = (self.place)(row);
        (key, bucket.interval)
    }

    fn matches<K: PartialEq>(&self, row: &T, query: &BucketsQuery<K>) -> bool
    where
        F: Fn(&T) -> (K, Bucket),
    {
        let (key, bucket) = (self.place)(row);
        key == query.key && bucket.interval == query.interval && query.time.contains(bucket.start)
    }
}

/// Every board, one that there is not, and neighbours that must not be on it.
fn boards(history: &dyn ArchiveHistory, slow: &SlowArchive, through: Seq) {
    let mut boards: BTreeSet<(Scope, Bucket)> = slow.boards.iter().map(|row| (row.scope, row.bucket)).collect();
    assert!(boards.len() > 3, "there is something to read");
    boards.insert((Scope::Symbol(SymbolId(u32::MAX)), Interval::Ever.bucket(UnixNanos(0))));
    for (scope, bucket) in boards {
        let on_it = slow.boards.iter().filter(|row| row.scope == scope && row.bucket == bucket);
        let mut rows: Vec<LeaderboardRow> = on_it.copied().collect();
        rows.sort_by_key(|row| row.user);
        assert_eq!(history.leaderboard(scope, bucket), Ok(Page { through, rows }), "{scope:?} {bucket:?}");
    }
}

/// The audit log of an archive that has these rows, of which none is later than `through`: each way to ask.
pub fn audit_is_that_of_a_slow_reader(history: &dyn ArchiveHistory, slow: &SlowArchive, through: Seq) {
    let mut all: Vec<&AuditRow> = slow.audit.iter().collect();
    all.sort_by_key(|row| row.seq);
    let (one, other) = (all[all.len() / 3], all[2 * all.len() / 3]);
    let times = [
        TimeRange::default(),
        TimeRange { from: Some(one.time), to: None },
        TimeRange { from: None, to: Some(other.time) },
        TimeRange { from: Some(one.time), to: Some(other.time) },
        TimeRange { from: Some(UnixNanos(u64::MAX)), to: None },
    ];
    let mut found_some = 0;
    for user in [None, Some(one.envelope.user), Some(UserId(u32::MAX))] {
        for action in [None, Some(other.action.to_string()), Some("nothing".to_owned())] {
            for first in [None, Some(Seq(0)), Some(one.seq), Some(other.seq), Some(Seq(u64::MAX))] {
                for (time, limit) in times.iter().flat_map(|time| [(*time, 7), (*time, LIMIT_MAX)]) {
                    let mut rows: Vec<AuditRow> = all
                        .iter()
                        .filter(|row| user.is_none_or(|user| row.envelope.user == user))
                        .filter(|row| action.as_deref().is_none_or(|action| *row.action == *action))
                        .filter(|row| first.is_none_or(|first| row.seq >= first) && time.contains(row.time))
                        .map(|row| (*row).clone())
                        .collect();
                    if first.is_some() || time.from.is_some() {
                        rows.truncate(limit);
                    } else {
                        rows.drain(..rows.len().saturating_sub(limit));
                    }
                    found_some += usize::from(!rows.is_empty());
                    let selection = Selection { first, time, limit };
                    let query = AuditQuery { user, action: action.clone(), selection };
                    assert_eq!(history.audit(&query), Ok(Page { through, rows }), "{query:?}");
                }
            }
        }
    }
    assert!(found_some > 50, "{found_some}");
}
