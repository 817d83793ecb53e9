//! The rows that some store may not have yet, in the order they came.

use std::sync::atomic::{AtomicUsize, Ordering};

use domain::units::Seq;
use projector::rows::{FillRow, LedgerRow, TradeRow};

use crate::ring::{Place, Ring};

/// A row of a command.
pub(crate) trait Dated {
    fn seq(&self) -> Seq;
}

impl Dated for FillRow {
    fn seq(&self) -> Seq {
        self.id.seq
    }
}

impl Dated for LedgerRow {
    fn seq(&self) -> Seq {
        self.id.seq
    }
}

impl Dated for TradeRow {
    fn seq(&self) -> Seq {
        self.id.seq
    }
}

#[derive(Debug)]
pub(crate) struct Tail<T> {
    rows: Ring<T>,
    /// Every row later than this is here.
    floor: Seq,
}

impl<T: Dated + Copy> Tail<T> {
    pub(crate) fn beginning_at(first: Place, floor: Seq) -> Self {
        Self { rows: Ring::beginning_at(first), floor }
    }

    pub(crate) fn rows(&self) -> &Ring<T> {
        &self.rows
    }

    pub(crate) fn floor(&self) -> Seq {
        self.floor
    }

    /// Rows later than `floor` are about to be pushed.
    pub(crate) fn begin_after(&mut self, floor: Seq) {
        assert_eq!(self.rows.len(), 0, "the floor is lowered only before the rows come");
        self.floor = floor;
    }

    pub(crate) fn push(&mut self, row: T, older: Option<Place>) -> Place {
        self.rows.push(row, older)
    }

    /// Drops the oldest rows, at most so many; returns how many.
    pub(crate) fn drop_front(&mut self, rows_max: usize) -> usize {
        let dropped = rows_max.min(self.rows.len());
        if let Some(row) = dropped.checked_sub(1).and_then(|last| self.rows.nth(last)) {
            self.floor = self.floor.max(row.seq());
            self.rows.drop_front(dropped);
        }
        dropped
    }

    /// How many of the oldest rows the store has, counted up to `rows_max`.
    pub(crate) fn stored_rows(&self, stored: Seq, rows_max: usize) -> usize {
        let has = |nth: usize| self.rows.nth(nth).is_some_and(|row| row.seq() <= stored);
        // Mostly none or all of them.
        if rows_max == 0 || !has(0) {
            return 0;
        }
        let (mut first, mut end) = (1, rows_max.min(self.rows.len()));
        if has(end - 1) {
            return end;
        }
        while first < end {
            let middle = first.midpoint(end);
            if has(middle) { first = middle + 1 } else { end = middle }
        }
        first
    }
}

/// How many rows of one kind there may be, over all tails. One thread takes; any may give back.
#[derive(Debug)]
pub(crate) struct Allowance {
    rows_max: usize,
    /// Rows ever taken: written by one thread, so it needs no atomic addition.
    taken: AtomicUsize,
    /// Rows ever given back.
    given_back: AtomicUsize,
}

impl Allowance {
    pub(crate) fn new(rows_max: usize) -> Self {
        Self { rows_max, taken: AtomicUsize::new(0), given_back: AtomicUsize::new(0) }
    }

    /// So many rows more; returns how many of them are too many, so that the tail they went to drops as many of its oldest.
    pub(crate) fn take(&self, rows: usize) -> usize {
        let taken = self.taken.load(Ordering::Relaxed) + rows;
        self.taken.store(taken, Ordering::Relaxed);
        // Another thread may give back what it dropped before this one sees that it was taken.
        let kept = taken.saturating_sub(self.given_back.load(Ordering::Relaxed));
        kept.saturating_sub(self.rows_max).min(rows)
    }

    pub(crate) fn give_back(&self, rows: usize) {
        if rows > 0 {
            self.given_back.fetch_add(rows, Ordering::Relaxed);
        }
    }
}
