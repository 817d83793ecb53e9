//! The orders of one shard of users: open ones, and closed ones that a store may not have yet.

use std::hash::{BuildHasher, Hash, Hasher};

use domain::ids::{OrderId, UserId};
use domain::text::ClientOrderId;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use projector::rows::OrderRow;

const CHUNK_ROWS: usize = 256;

/// Where an order is kept. Used again once the order is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl Slot {
    fn index(self) -> usize {
        usize::try_from(self.0).expect("a slot is an index")
    }
}

#[derive(Debug, Default)]
pub(crate) struct Orders {
    /// Chunks, so that growing never moves an order.
    chunks: Vec<Vec<OrderRow>>,
    free: Vec<Slot>,
    by_id: HashTable<(OrderId, Slot)>,
    /// More than one order may have had the same client order id.
    by_client: HashTable<Slot>,
    /// Seeded: the ids come from outside.
    hash: RandomState,
}

impl Orders {
    pub(crate) fn row(&self, slot: Slot) -> &OrderRow {
        &self.chunks[slot.index() / CHUNK_ROWS][slot.index() % CHUNK_ROWS]
    }

    /// To change anything but the order's ids.
    pub(crate) fn row_mut(&mut self, slot: Slot) -> &mut OrderRow {
        &mut self.chunks[slot.index() / CHUNK_ROWS][slot.index() % CHUNK_ROWS]
    }

    pub(crate) fn find(&self, order: OrderId) -> Option<Slot> {
        let hash = self.hash.hash_one(order);
        self.by_id.find(hash, |(id, _)| *id == order).map(|(_, slot)| *slot)
    }

    /// The latest placed that has this client order id now.
    pub(crate) fn find_by_client(&self, user: UserId, client_order_id: &ClientOrderId) -> Option<Slot> {
        self.by_client
            .iter_hash(self.client_hash(user, client_order_id))
            .filter(|slot| self.row(**slot).user == user && self.row(**slot).client_order_id == *client_order_id)
            .max_by_key(|slot| self.row(**slot).order)
            .copied()
    }

    pub(crate) fn insert(&mut self, row: OrderRow) -> Slot {
        let slot = self.place(row);
        let hash = &self.hash;
        self.by_id.insert_unique(hash.hash_one(row.order), (row.order, slot), |(order, _)| hash.hash_one(order));
        self.insert_client(slot);
        slot
    }

    pub(crate) fn remove(&mut self, slot: Slot) {
        let order = self.row(slot).order;
        self.remove_client(slot);
        self.by_id
            .find_entry(self.hash.hash_one(order), |(id, _)| *id == order)
            .expect("an order kept is found by its id")
            .remove();
        self.free.push(slot);
    }

    pub(crate) fn rename(&mut self, slot: Slot, client_order_id: ClientOrderId) {
        if self.row(slot).client_order_id == client_order_id {
            return;
        }
        self.remove_client(slot);
        self.row_mut(slot).client_order_id = client_order_id;
        self.insert_client(slot);
    }

    fn place(&mut self, row: OrderRow) -> Slot {
        if let Some(slot) = self.free.pop() {
            *self.row_mut(slot) = row;
            return slot;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK_ROWS) {
            self.chunks.push(Vec::with_capacity(CHUNK_ROWS));
        }
        let before = (self.chunks.len() - 1) * CHUNK_ROWS;
        let chunk = self.chunks.last_mut().expect("a chunk with room is last");
        chunk.push(row);
        Slot(u32::try_from(before + chunk.len() - 1).expect("orders in memory are counted by u32"))
    }

    fn insert_client(&mut self, slot: Slot) {
        let row = self.row(slot);
        let hash = self.client_hash(row.user, &row.client_order_id);
        let mut table = std::mem::take(&mut self.by_client);
        table.insert_unique(hash, slot, |slot| {
            let row = self.row(*slot);
            self.client_hash(row.user, &row.client_order_id)
        });
        self.by_client = table;
    }

    fn remove_client(&mut self, slot: Slot) {
        let row = self.row(slot);
        let hash = self.client_hash(row.user, &row.client_order_id);
        self.by_client
            .find_entry(hash, |other| *other == slot)
            .expect("an order kept is found by its client order id")
            .remove();
    }

    /// Hashes the id's own bytes, not the padding behind them.
    fn client_hash(&self, user: UserId, client_order_id: &ClientOrderId) -> u64 {
        let mut hasher = self.hash.build_hasher();
        user.hash(&mut hasher);
        hasher.write(client_order_id.as_bytes());
        hasher.finish()
    }
}
