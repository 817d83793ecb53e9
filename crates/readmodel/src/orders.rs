//! The orders of one shard of users: open ones, and closed ones that a store may not have yet.

use std::hash::{BuildHasher, Hasher};

use domain::ids::{OrderId, UserId};
use domain::text::ClientOrderId;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use projector::rows::OrderRow;

const CHUNK_ROWS: usize = 256;

// With its places in the tables below and in its account (about 60 bytes together), an open order takes about 240 bytes.
const _: () = assert!(size_of::<OrderRow>() <= 176, "a million open orders fit 256 MiB");

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
    /// With its hash, so that growing does not look at every order. More than one order may have had the same client order id.
    by_client: HashTable<(u32, Slot)>,
    /// Seeded: client order ids come from outside.
    client_hash: RandomState,
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
        self.by_id.find(id_hash(order), |(id, _)| *id == order).map(|(_, slot)| *slot)
    }

    /// The latest placed that has this client order id now.
    pub(crate) fn find_by_client(&self, user: UserId, client_order_id: &ClientOrderId) -> Option<Slot> {
        let hash = self.client_hash(user, client_order_id);
        self.by_client
            .iter_hash(spread(hash))
            .filter(|(other, _)| *other == hash)
            .map(|(_, slot)| *slot)
            .filter(|slot| self.row(*slot).user == user && self.row(*slot).client_order_id == *client_order_id)
            .max_by_key(|slot| self.row(*slot).order)
    }

    pub(crate) fn insert(&mut self, row: OrderRow) -> Slot {
        let slot = self.place(row);
        self.by_id.insert_unique(id_hash(row.order), (row.order, slot), |(order, _)| id_hash(*order));
        self.insert_client(slot);
        slot
    }

    pub(crate) fn remove(&mut self, slot: Slot) {
        let order = self.row(slot).order;
        self.remove_client(slot);
        self.by_id
            .find_entry(id_hash(order), |(id, _)| *id == order)
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
        let hash = self.hash_of(slot);
        self.by_client.insert_unique(spread(hash), (hash, slot), |(hash, _)| spread(*hash));
    }

    fn remove_client(&mut self, slot: Slot) {
        let hash = self.hash_of(slot);
        self.by_client
            .find_entry(spread(hash), |(_, other)| *other == slot)
            .expect("an order kept is found by its client order id")
            .remove();
    }

    fn hash_of(&self, slot: Slot) -> u32 {
        let row = self.row(slot);
        self.client_hash(row.user, &row.client_order_id)
    }

    /// Hashes the id's own bytes, not the padding behind them.
    fn client_hash(&self, user: UserId, client_order_id: &ClientOrderId) -> u32 {
        let mut hasher = self.client_hash.build_hasher();
        hasher.write_u32(user.0);
        hasher.write(client_order_id.as_bytes());
        let high = hasher.finish() >> 32;
        u32::try_from(high).expect("half of 64 bits")
    }
}

/// Order ids are dense and ours: nobody can make them collide.
fn id_hash(order: OrderId) -> u64 {
    let spread = order.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    spread ^ (spread >> 32)
}

/// All bits of a hash from half of them: the table looks at both ends.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
