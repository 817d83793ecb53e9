//! Rows that are added to as long as their bucket is open.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use domain::units::{Seq, UnixNanos};

use crate::buckets::Bucket;

/// A row that is added to.
pub(super) trait Sum: Clone {
    fn bucket(&self) -> Bucket;
    fn last_seq(&self) -> Seq;
    fn set_last_seq(&mut self, seq: Seq);
}

macro_rules! sums {
    ($($row:ident)+) => {$(
        impl super::sums::Sum for $row {
            fn bucket(&self) -> crate::buckets::Bucket {
                self.bucket
            }
            fn last_seq(&self) -> domain::units::Seq {
                self.last_seq
            }
            fn set_last_seq(&mut self, seq: domain::units::Seq) {
                self.last_seq = seq;
            }
        }
    )+};
}
pub(super) use sums;

/// The rows of open buckets, and those that changed since they were last taken. The map is never iterated where the order shows.
#[derive(Debug)]
pub(super) struct Sums<K, R> {
    open: HashMap<K, Open<R>>,
    changed: Vec<K>,
    /// The latest time of any command.
    now: UnixNanos,
    /// Some bucket has ended since rows were last taken.
    ended: bool,
}

#[derive(Debug)]
struct Open<R> {
    row: R,
    /// Commands up to here were in the row when it was read from the store.
    through: Seq,
    is_changed: bool,
}

impl<K, R> Default for Sums<K, R> {
    fn default() -> Self {
        Self { open: HashMap::new(), changed: Vec::new(), now: UnixNanos(0), ended: false }
    }
}

impl<K: Copy + Ord + Hash, R: Sum> Sums<K, R> {
    /// Goes on from these rows alone.
    pub(super) fn remember(&mut self, rows: impl IntoIterator<Item = (K, R)>) {
        self.changed.clear();
        let open = |(key, row): (K, R)| (key, Open { through: row.last_seq(), row, is_changed: false });
        self.open = rows.into_iter().map(open).collect();
    }

    /// A command of this time is next.
    pub(super) fn pass(&mut self, time: UnixNanos) {
        // The finest buckets are whole seconds.
        self.ended |= time.0 / 1_000_000_000 != self.now.0 / 1_000_000_000;
        self.now = time;
    }

    /// The row that a command adds to; absent where it is in it already.
    pub(super) fn row(&mut self, key: K, seq: Seq, begin: impl FnOnce() -> R) -> Option<&mut R> {
        let open = match self.open.entry(key) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(place) => place.insert(Open { row: begin(), through: Seq::ZERO, is_changed: false }),
        };
        if seq <= open.through {
            return None;
        }
        if !open.is_changed {
            open.is_changed = true;
            self.changed.push(key);
        }
        open.row.set_last_seq(seq);
        Some(&mut open.row)
    }

    /// Each row that changed since rows were last taken.
    pub(super) fn each_changed(&mut self, mut visit: impl FnMut(&mut R)) {
        for key in &self.changed {
            visit(&mut self.open.get_mut(key).expect("what has changed is open").row);
        }
    }

    pub(super) fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The rows that changed, by key. Those whose bucket is over are forgotten.
    pub(super) fn take(&mut self) -> Vec<R> {
        let mut keys = std::mem::take(&mut self.changed);
        keys.sort_unstable();
        let mut rows = Vec::with_capacity(keys.len());
        for key in keys {
            let open = self.open.get_mut(&key).expect("what has changed is open");
            open.is_changed = false;
            rows.push(open.row.clone());
        }
        if std::mem::take(&mut self.ended) {
            let now = self.now;
            self.open.retain(|_, open| open.row.bucket().contains(now));
        }
        rows
    }
}
