//! Open orders by their owner and client order id.

use domain::ids::UserId;
use domain::text::ClientOrderId;
use hashbrown::HashTable;

use crate::hash::{hash32, spread};
use crate::slab::Slot;

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    order: Slot,
}

/// A table of slots; the names themselves are in the orders.
#[derive(Debug, Default)]
pub(crate) struct ClientIds {
    table: HashTable<Entry>,
}

/// What a name is looked up by.
pub(crate) fn name_hash(user: UserId, name: &ClientOrderId) -> u32 {
    hash32(&(user.0, name.as_bytes()))
}

impl ClientIds {
    /// The order among the candidates with this hash that `is_it`.
    pub(crate) fn find(&self, hash: u32, mut is_it: impl FnMut(Slot) -> bool) -> Option<Slot> {
        self.table.find(spread(hash), |entry| entry.hash == hash && is_it(entry.order)).map(|entry| entry.order)
    }

    pub(crate) fn insert(&mut self, hash: u32, order: Slot) {
        self.table.insert_unique(spread(hash), Entry { hash, order }, |entry| spread(entry.hash));
    }

    pub(crate) fn remove(&mut self, hash: u32, order: Slot) {
        let entry = self.table.find_entry(spread(hash), |entry| entry.order == order);
        entry.expect("every open order has its name in the table").remove();
    }
}
