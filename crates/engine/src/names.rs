//! Orders by owner and client order id: open addressing, an entry in eight bytes, so that a look-up is one cache line.

use domain::ids::UserId;
use domain::text::ClientOrderId;

use crate::hash::hash32;
use crate::prefetch::prefetch;
use crate::slab::Slot;

/// Parts that grow on their own: growing one of them is short enough to happen inside a command.
const SHARD_BITS: u32 = 8;

/// What a client order id is looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct NameHash(u32);

impl NameHash {
    pub(crate) fn of(user: UserId, name: &ClientOrderId) -> Self {
        Self(hash32(&(user.0, name.as_bytes())))
    }

    fn shard(self) -> usize {
        crate::apply::index_of(self.0 >> (u32::BITS.wrapping_sub(SHARD_BITS)))
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: NameHash,
    order: Slot,
}

/// A table of slots; the names themselves are in the orders.
#[derive(Debug)]
pub(crate) struct Names {
    shards: Vec<Shard>,
}

/// Entries at the place their hash says or soon behind it, around the end; never more than three quarters full.
#[derive(Debug, Default)]
struct Shard {
    entries: Box<[Option<Entry>]>,
    used: usize,
}

impl Default for Names {
    fn default() -> Self {
        Self { shards: std::iter::repeat_with(Shard::default).take(1 << SHARD_BITS).collect() }
    }
}

impl Names {
    /// The order among the candidates with this hash that `is_it`.
    pub(crate) fn find(&self, hash: NameHash, is_it: impl FnMut(Slot) -> bool) -> Option<Slot> {
        let shard = &self.shards[hash.shard()];
        let index = shard.find(hash, is_it)?;
        shard.entries[index].map(|entry| entry.order)
    }

    /// Makes `order` the one its name stands for, instead of the one that `is_same` name.
    pub(crate) fn set(&mut self, hash: NameHash, order: Slot, is_same: impl FnMut(Slot) -> bool) {
        let shard = &mut self.shards[hash.shard()];
        match shard.find(hash, is_same) {
            Some(index) => shard.entries[index] = Some(Entry { hash, order }),
            None => shard.insert(Entry { hash, order }),
        }
    }

    /// Forgets the name of `order`, unless it stands for another by now.
    pub(crate) fn remove(&mut self, hash: NameHash, order: Slot) {
        let shard = &mut self.shards[hash.shard()];
        if let Some(index) = shard.find(hash, |slot| slot == order) {
            shard.remove(index);
        }
    }

    /// Fetches a name's entry ahead of use.
    pub(crate) fn prefetch(&self, hash: NameHash) {
        let shard = &self.shards[hash.shard()];
        if let Some(entry) = shard.entries.get(shard.home(hash)) {
            prefetch(entry);
        }
    }
}

impl Shard {
    fn mask(&self) -> usize {
        self.entries.len().wrapping_sub(1)
    }

    fn home(&self, hash: NameHash) -> usize {
        crate::apply::index_of(hash.0) & self.mask()
    }

    fn find(&self, hash: NameHash, mut is_it: impl FnMut(Slot) -> bool) -> Option<usize> {
        if self.entries.is_empty() {
            return None;
        }
        let mut index = self.home(hash);
        while let Some(entry) = self.entries[index] {
            if entry.hash == hash && is_it(entry.order) {
                return Some(index);
            }
            index = index.wrapping_add(1) & self.mask();
        }
        None
    }

    fn insert(&mut self, entry: Entry) {
        let full = self.entries.len().wrapping_sub(self.entries.len() >> 2);
        if self.used == full {
            self.grow();
        }
        self.put(entry);
        self.used = self.used.saturating_add(1);
    }

    fn put(&mut self, entry: Entry) {
        let mut index = self.home(entry.hash);
        while self.entries[index].is_some() {
            index = index.wrapping_add(1) & self.mask();
        }
        self.entries[index] = Some(entry);
    }

    fn grow(&mut self) {
        let len = self.entries.len().saturating_mul(2).max(16);
        let before = std::mem::replace(&mut self.entries, vec![None; len].into_boxed_slice());
        for entry in before.into_iter().flatten() {
            self.put(entry);
        }
    }

    /// Takes an entry out and moves those behind it up, so that none is cut off from its place.
    fn remove(&mut self, index: usize) {
        let mask = self.mask();
        let (mut hole, mut index) = (index, index);
        loop {
            index = index.wrapping_add(1) & mask;
            let Some(entry) = self.entries[index] else { break };
            let from_home = index.wrapping_sub(self.home(entry.hash)) & mask;
            let from_hole = index.wrapping_sub(hole) & mask;
            if from_home >= from_hole {
                self.entries[hole] = Some(entry);
                hole = index;
            }
        }
        self.entries[hole] = None;
        self.used = self.used.saturating_sub(1);
    }
}
