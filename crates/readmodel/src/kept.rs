//! Where the orders of a shard are kept: at stable places, each with its links into the tables that find it.

use std::num::NonZeroU32;

use prefetch::prefetch;
use projector::rows::OrderRow;

const CHUNK_ROWS: usize = 256;

/// Where an order is kept. Used again once the order is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(NonZeroU32);

impl Slot {
    fn at(index: usize) -> Self {
        let number = u32::try_from(index + 1).expect("orders in memory are counted by u32");
        Self(NonZeroU32::new(number).expect("one more than an index"))
    }

    fn index(self) -> usize {
        usize::try_from(self.0.get()).expect("a slot is an index") - 1
    }
}

/// An order and what is needed to find it, in three cache lines.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Kept {
    /// Hash of user and client order id.
    pub(crate) client_hash: u32,
    pub(crate) next_by_id: Option<Slot>,
    pub(crate) next_by_client: Option<Slot>,
    /// Its place in its owner's list of open orders, unless that has become shorter since: then it is before that.
    pub(crate) listed: u32,
    pub(crate) row: OrderRow,
}

// With its places in the tables and in its account (about 30 bytes together), an open order takes about 230 bytes.
const _: () = assert!(size_of::<Kept>() <= 192, "a million open orders fit 256 MiB");

#[derive(Debug, Default)]
pub(crate) struct KeptOrders {
    /// Chunks, so that growing never moves an order.
    chunks: Vec<Vec<Kept>>,
    free: Vec<Slot>,
}

impl KeptOrders {
    pub(crate) fn get(&self, slot: Slot) -> &Kept {
        &self.chunks[slot.index() / CHUNK_ROWS][slot.index() % CHUNK_ROWS]
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> &mut Kept {
        &mut self.chunks[slot.index() / CHUNK_ROWS][slot.index() % CHUNK_ROWS]
    }

    pub(crate) fn prefetch(&self, slot: Slot) {
        prefetch(self.get(slot));
    }

    /// Fetches the place that the `nth` of the next orders will take, if it was another's before.
    pub(crate) fn prefetch_free(&self, nth: usize) {
        let slot = self.free.len().checked_sub(nth + 1).map(|index| self.free[index]);
        if let Some(slot) = slot {
            self.prefetch(slot);
        }
    }

    pub(crate) fn place(&mut self, kept: Kept) -> Slot {
        if let Some(slot) = self.free.pop() {
            *self.get_mut(slot) = kept;
            return slot;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK_ROWS) {
            self.chunks.push(Vec::with_capacity(CHUNK_ROWS));
        }
        let before = (self.chunks.len() - 1) * CHUNK_ROWS;
        let chunk = self.chunks.last_mut().expect("a chunk with room is last");
        chunk.push(kept);
        Slot::at(before + chunk.len() - 1)
    }

    /// The order there is in no table any more.
    pub(crate) fn free(&mut self, slot: Slot) {
        self.free.push(slot);
    }
}
