//! Client order ids of orders that closed a short while ago, so that a repeated request gets the first answer.

use std::collections::VecDeque;

use domain::ids::UserId;
use domain::limits::{CLOSED_ID_AGE_NS, CLOSED_IDS_MAX};
use domain::state::ClosedIdState;
use domain::text::ClientOrderId;
use domain::units::UnixNanos;
use hashbrown::HashTable;

use crate::client_ids::name_hash;
use crate::hash::spread;

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    /// How many had been remembered before it, ever.
    number: u64,
}

/// The remembered ids, oldest first, and a table of the latest with each name.
#[derive(Debug, Default)]
pub(crate) struct ClosedIds {
    list: VecDeque<ClosedIdState>,
    table: HashTable<Entry>,
    /// Number of the first in `list`.
    first: u64,
}

impl ClosedIds {
    /// Forgets those that closed `CLOSED_ID_AGE_NS` or longer before `now`.
    pub(crate) fn forget_until(&mut self, now: UnixNanos) {
        while self.list.front().is_some_and(|id| now.since(id.closed_time) >= CLOSED_ID_AGE_NS) {
            self.forget_first();
        }
    }

    /// Remembers an id; the oldest is forgotten where there are too many.
    pub(crate) fn remember(&mut self, id: ClosedIdState) {
        if self.list.len() == CLOSED_IDS_MAX {
            self.forget_first();
        }
        let hash = name_hash(id.user, &id.client_order_id);
        let number = self.first.saturating_add(u64::try_from(self.list.len()).expect("bounded by the limit"));
        self.list.push_back(id);
        let (list, first) = (&self.list, self.first);
        let same = |entry: &Entry| entry.hash == hash && is_same(&list[place(entry.number, first)], &id);
        match self.table.find_mut(spread(hash), same) {
            Some(entry) => entry.number = number,
            None => {
                self.table.insert_unique(spread(hash), Entry { hash, number }, |entry| spread(entry.hash));
            }
        }
    }

    /// The latest with this name.
    pub(crate) fn find(&self, user: UserId, name: &ClientOrderId) -> Option<&ClosedIdState> {
        let hash = name_hash(user, name);
        let get = |entry: &Entry| &self.list[place(entry.number, self.first)];
        self.table
            .find(spread(hash), |entry| {
                entry.hash == hash && get(entry).user == user && get(entry).client_order_id == *name
            })
            .map(get)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &ClosedIdState> {
        self.list.iter()
    }

    fn forget_first(&mut self) {
        let Some(id) = self.list.pop_front() else { return };
        let number = self.first;
        self.first = self.first.saturating_add(1);
        let hash = name_hash(id.user, &id.client_order_id);
        // Absent where a later one has the same name.
        if let Ok(entry) = self.table.find_entry(spread(hash), |entry| entry.number == number) {
            entry.remove();
        }
    }
}

fn place(number: u64, first: u64) -> usize {
    usize::try_from(number.saturating_sub(first)).expect("bounded by the limit")
}

fn is_same(a: &ClosedIdState, b: &ClosedIdState) -> bool {
    a.user == b.user && a.client_order_id == b.client_order_id
}
