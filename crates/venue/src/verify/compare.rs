//! Two sets of rows, in both directions.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;

use domain::units::{Seq, UnixNanos};
use projector::store::StoredRow;

use super::key::RowKey;
use super::spool::Print;
use super::words;

/// What came of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Rows that are equal.
    pub(crate) equal: u64,
    /// Rows from before the logs begin, which no log can explain.
    pub(crate) before: u64,
    /// Rows that say they were last changed later than they were: a rewind rewrote them, at these sequences.
    pub(crate) rewritten: BTreeMap<Seq, u64>,
    /// Rows of a commit that was under way when the store was read.
    pub(crate) unfinished: u64,
    /// How many rows are missing, different, or orphans.
    pub(crate) differences: u64,
    /// The first of them.
    pub(crate) shown: Vec<Difference>,
}

/// A row that is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Difference {
    /// The store does not have it.
    Missing(RowKey),
    /// The store has another.
    Different(RowKey),
    /// There should be none.
    Orphan(RowKey),
}

impl Difference {
    pub(crate) const fn key(self) -> RowKey {
        match self {
            Self::Missing(key) | Self::Different(key) | Self::Orphan(key) => key,
        }
    }
}

/// Compares what a store has with what it should have, both by key. Rows last written up to `base` come from before the logs begin:
/// those that the state of the snapshot explains are compared but for their times, the others (closed orders, fills, …) are counted.
/// Rows last written by one of `unfinished` are counted too, whatever they are.
pub(crate) fn compare(
    mut expected: impl FnMut() -> io::Result<Option<Print>>,
    mut stored: impl FnMut() -> io::Result<Option<Print>>,
    base: Seq,
    unfinished: &RangeInclusive<Seq>,
    shown_max: usize,
) -> io::Result<Found> {
    let mut found = Found::default();
    let differs = |found: &mut Found, difference| {
        found.differences += 1;
        if found.shown.len() < shown_max {
            found.shown.push(difference);
        }
    };
    let is_unfinished = |print: &Print| print.last_seq.is_some_and(|seq| unfinished.contains(&seq));
    let (mut should, mut is) = (expected()?, stored()?);
    loop {
        let order = match (&should, &is) {
            (None, None) => return Ok(found),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(should), Some(is)) => should.key.cmp(&is.key),
        };
        match order {
            Ordering::Less => {
                let print = should.expect("there is one");
                differs(&mut found, Difference::Missing(print.key));
            }
            Ordering::Greater => {
                let print = is.expect("there is one");
                if is_unfinished(&print) {
                    found.unfinished += 1;
                // A row that only a closed past explains may stay; one that says it is current may not.
                } else if is_before(&print, base) && !print.key.0.is_current() {
                    found.before += 1;
                } else {
                    differs(&mut found, Difference::Orphan(print.key));
                }
            }
            Ordering::Equal => {
                let (should, is) = (should.expect("there is one"), is.expect("there is one"));
                if should.whole == is.whole {
                    found.equal += 1;
                } else if is_unfinished(&is) {
                    found.unfinished += 1;
                } else if is_later(&is, &should) && should.untimed == is.untimed {
                    *found.rewritten.entry(is.last_seq.unwrap_or_default()).or_default() += 1;
                } else if is_before(&is, base) && should.untimed == is.untimed {
                    found.equal += 1;
                } else {
                    differs(&mut found, Difference::Different(is.key));
                }
            }
        }
        if order.is_le() {
            should = expected()?;
        }
        if order.is_ge() {
            is = stored()?;
        }
    }
}

fn is_later(stored: &Print, expected: &Print) -> bool {
    stored.last_seq > expected.last_seq && expected.last_seq > Some(Seq::ZERO)
}

fn is_before(print: &Print, base: Seq) -> bool {
    print.last_seq.is_some_and(|seq| seq <= base)
}

/// The row without what a state does not say: when it was last written.
pub(crate) fn untimed(mut row: StoredRow) -> StoredRow {
    match &mut row {
        StoredRow::Venue(row) => row.last_seq = Seq::ZERO,
        StoredRow::Asset(row) => row.last_seq = Seq::ZERO,
        StoredRow::Symbol(row) => row.last_seq = Seq::ZERO,
        StoredRow::User(row) => (row.last_seq, row.created_time) = (Seq::ZERO, None),
        StoredRow::Key(row) => row.last_seq = Seq::ZERO,
        StoredRow::Order(row) => (row.last_seq, row.updated_time) = (Seq::ZERO, UnixNanos(0)),
        StoredRow::Position(row) => row.last_seq = Seq::ZERO,
        StoredRow::Balance(row) => row.last_seq = Seq::ZERO,
        StoredRow::CreditLimit(row) => row.last_seq = Seq::ZERO,
        StoredRow::Withdrawal(row) => (row.last_seq, row.updated_time) = (Seq::ZERO, UnixNanos(0)),
        StoredRow::OpenOrder(_)
        | StoredRow::Fill(_)
        | StoredRow::Ledger(_)
        | StoredRow::Trade(_)
        | StoredRow::Audit(_)
        | StoredRow::SymbolTenure(_)
        | StoredRow::UserTenure(_)
        | StoredRow::Kline(_)
        | StoredRow::PositionHistory(_)
        | StoredRow::MarketSnapshot(_)
        | StoredRow::Leaderboard(_)
        | StoredRow::Analytics(_)
        | StoredRow::ActiveUser(_) => {}
    }
    row
}

/// Rows that disagree with those written straight from the engine's state, in both directions; what a state does not keep
/// (closed orders, fills, ended withdrawals, balances of nothing) is left out.
pub(crate) fn differs_from_state(
    rows: &BTreeMap<RowKey, StoredRow>,
    state: &BTreeMap<RowKey, StoredRow>,
) -> Vec<String> {
    let mut different = Vec::new();
    for (key, row) in state {
        if rows.get(key).cloned().map(untimed) != Some(untimed(row.clone())) {
            let is = rows.get(key).map_or_else(|| "nothing".to_owned(), words::row);
            different.push(format!("{is} should be {}", words::row(row)));
        }
    }
    for (_, row) in rows.iter().filter(|(key, row)| key.0.is_current() && !is_nothing(row) && !state.contains_key(*key))
    {
        different.push(format!("{} is not in the state", words::row(row)));
    }
    different
}

/// A balance or limit of nothing, which a state need not have.
fn is_nothing(row: &StoredRow) -> bool {
    matches!(row, StoredRow::Balance(row) if row.free.is_zero() && row.locked.is_zero())
        || matches!(row, StoredRow::CreditLimit(row) if row.limit.is_zero())
}
