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

    /// Drops the oldest row.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let row = self.rows.pop_front()?;
        self.floor = self.floor.max(row.seq());
        Some(row)
    }

    /// Drops the oldest row if the store has it.
    pub(crate) fn pop_stored(&mut self, stored: Seq) -> Option<T> {
        let (row, _) = self.rows.get(self.rows.front())?;
        if row.seq() <= stored { self.pop() } else { None }
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

    /// One row more; true: one too many, so the tail it went to drops its oldest.
    pub(crate) fn take(&self) -> bool {
        let taken = self.taken.load(Ordering::Relaxed) + 1;
        self.taken.store(taken, Ordering::Relaxed);
        // Another thread may give back what it dropped before this one sees that it was taken.
        taken.saturating_sub(self.given_back.load(Ordering::Relaxed)) > self.rows_max
    }

    pub(crate) fn give_back(&self, rows: usize) {
        self.given_back.fetch_add(rows, Ordering::Relaxed);
    }
}
