//! Finding rows without an index for each question: what is added in order can be bisected, and an index that begins with a
//! range of ids is walked range by range.

use projector::history::TimeRange;
use rusqlite::{Connection, OptionalExtension, Params, Row};

use crate::decode::Scales;
use crate::fault::Fault;
use crate::write::asked;

/// Commands in a range of the indexes of `order_fills` and `ledger`; see `schema/hot_1.sql`.
pub(super) const SEQ_RANGE_BITS: u32 = 20;

/// Ids `from .. to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Span {
    /// The ids inside the times, where `first_at` finds the first id at or after a time.
    pub(super) fn of_times(
        times: &TimeRange,
        mut first_at: impl FnMut(u64) -> Result<u64, Fault>,
    ) -> Result<Self, Fault> {
        let from = times.from.map_or(Ok(0), |from| first_at(from.0))?;
        let to = times.to.map_or(Ok(u64::MAX >> 1), |to| first_at(to.0.saturating_add(1)))?;
        Ok(Self { from, to })
    }

    pub(super) fn from(self, first: Option<u64>) -> Self {
        Self { from: self.from.max(first.unwrap_or(0)), to: self.to }
    }

    pub(super) const fn is_empty(self) -> bool {
        self.from >= self.to
    }
}

/// How SQL says it.
pub(super) const fn direction(newest_first: bool) -> &'static str {
    if newest_first { "DESC" } else { "ASC" }
}

/// The first id whose row satisfies a condition that, once true, stays true; the end where none does. `probe` gives the first row
/// at or after an id: its id, and whether it does.
pub(super) fn bisect(end: u64, mut probe: impl FnMut(u64) -> Result<Option<(u64, bool)>, Fault>) -> Result<u64, Fault> {
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low + (high - low) / 2;
        match probe(middle)? {
            Some((id, false)) => low = id + 1,
            Some((_, true)) | None => high = middle,
        }
    }
    Ok(low)
}

/// Collects rows range by range until there are enough, oldest first in the end. `next` gives the range after the one given.
pub(super) fn walk<T>(
    newest_first: bool,
    limit: usize,
    mut next: impl FnMut(Option<u64>) -> Result<Option<u64>, Fault>,
    mut query: impl FnMut(u64, usize) -> Result<Vec<T>, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut rows = Vec::new();
    let mut range = next(None)?;
    while let Some(current) = range.filter(|_| rows.len() < limit) {
        rows.extend(query(current, limit - rows.len())?);
        range = next(Some(current))?;
    }
    if newest_first {
        rows.reverse();
    }
    Ok(rows)
}

/// Runs a query and decodes its rows.
pub(super) fn all<T>(
    scales: &mut Scales<'_>,
    sql: &str,
    params: impl Params,
    decode: impl Fn(&Row<'_>, &mut Scales<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = scales.connection.prepare_cached(sql)?;
    let mut found = statement.query(params)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(decode(row, scales)?);
    }
    Ok(rows)
}

/// A table that is only added to, in the order of events: its row numbers follow sequence and time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Appended<'a> {
    connection: &'a Connection,
    from_row: &'static str,
    last_row: &'static str,
}

/// What [`Appended`] knows of a row.
#[derive(Debug, Clone, Copy)]
struct Place {
    row: u64,
    seq: u64,
    time: u64,
}

impl<'a> Appended<'a> {
    pub(super) const fn ledger(connection: &'a Connection) -> Self {
        let from_row = "SELECT rowid, seq, time FROM ledger WHERE rowid >= ?1 ORDER BY rowid LIMIT 1";
        let last_row = "SELECT rowid, seq, time FROM ledger WHERE rowid < ?1 ORDER BY rowid DESC LIMIT 1";
        Self { connection, from_row, last_row }
    }

    pub(super) const fn fills(connection: &'a Connection) -> Self {
        let from_row = "SELECT rowid, seq, time FROM order_fills WHERE rowid >= ?1 ORDER BY rowid LIMIT 1";
        let last_row = "SELECT rowid, seq, time FROM order_fills WHERE rowid < ?1 ORDER BY rowid DESC LIMIT 1";
        Self { connection, from_row, last_row }
    }

    /// Row numbers of the times.
    pub(super) fn rows_of(&self, times: &TimeRange) -> Result<Span, Fault> {
        Span::of_times(times, |time| self.first(|place| place.time >= time))
    }

    /// Number of the first row at or after a sequence.
    pub(super) fn row_of(&self, seq: u64) -> Result<u64, Fault> {
        self.first(|place| place.seq >= seq)
    }

    /// Collects rows of a span, range of sequences by range of sequences.
    pub(super) fn walk<T>(
        &self,
        span: Span,
        newest_first: bool,
        limit: usize,
        query: impl FnMut(u64, usize) -> Result<Vec<T>, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let (oldest, newest) = (self.place(self.from_row, span.from)?, self.place(self.last_row, span.to)?);
        let (Some(oldest), Some(newest)) = (oldest, newest) else {
            return Ok(Vec::new());
        };
        if oldest.row > newest.row {
            return Ok(Vec::new());
        }
        let (oldest, newest) = (oldest.seq >> SEQ_RANGE_BITS, newest.seq >> SEQ_RANGE_BITS);
        let next = |range: Option<u64>| {
            Ok(match (range, newest_first) {
                (None, true) => Some(newest),
                (None, false) => Some(oldest),
                (Some(range), true) => (range > oldest).then(|| range - 1),
                (Some(range), false) => (range < newest).then(|| range + 1),
            })
        };
        walk(newest_first, limit, next, query)
    }

    fn first(&self, satisfies: impl Fn(Place) -> bool) -> Result<u64, Fault> {
        let end = self.place(self.last_row, u64::MAX >> 1)?.map_or(0, |last| last.row + 1);
        bisect(end, |row| Ok(self.place(self.from_row, row)?.map(|place| (place.row, satisfies(place)))))
    }

    fn place(&self, sql: &str, row: u64) -> Result<Option<Place>, Fault> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let long = |row: &Row<'_>, column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        let found = statement
            .query_row([asked(row)], |row| Ok(Place { row: long(row, 0)?, seq: long(row, 1)?, time: long(row, 2)? }));
        Ok(found.optional()?)
    }
}
