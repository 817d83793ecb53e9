//! Values at stable places, in chunks: growing never moves a value, so no command pays for copying the others.

use std::num::NonZeroU32;

const CHUNK_BITS: u32 = 12;
const CHUNK_LEN: usize = 1 << CHUNK_BITS;

/// Place of a value in a [`Slab`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(NonZeroU32);

impl Slot {
    fn from_index(index: usize) -> Self {
        let number = u32::try_from(index).ok().and_then(|index| index.checked_add(1)).and_then(NonZeroU32::new);
        Self(number.expect("a slab holds less than 2^32 values"))
    }

    /// The place as a number, from 0.
    pub(crate) fn index(self) -> usize {
        crate::apply::index_of(self.0.get().wrapping_sub(1))
    }

    /// Chunk and place inside it.
    fn split(self) -> (usize, usize) {
        let index = self.index();
        (index >> CHUNK_BITS, index & (CHUNK_LEN.wrapping_sub(1)))
    }
}

/// Values at stable places; freed places are used again, the last freed first.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    chunks: Vec<Vec<T>>,
    free: Vec<Slot>,
    used: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), used: 0 }
    }
}

impl<T> Slab<T> {
    /// Puts a value somewhere.
    pub(crate) fn insert(&mut self, value: T) -> Slot {
        if let Some(slot) = self.free.pop() {
            self[slot] = value;
            return slot;
        }
        let slot = Slot::from_index(self.used);
        let (chunk, _) = slot.split();
        if chunk == self.chunks.len() {
            self.chunks.push(Vec::with_capacity(CHUNK_LEN));
        }
        self.chunks[chunk].push(value);
        self.used = self.used.saturating_add(1);
        slot
    }

    /// Gives the place free. The value stays until the place is used again; the caller must hold no copy of `slot`.
    pub(crate) fn free(&mut self, slot: Slot) {
        self.free.push(slot);
    }
}

impl<T> std::ops::Index<Slot> for Slab<T> {
    type Output = T;
    fn index(&self, slot: Slot) -> &T {
        let (chunk, place) = slot.split();
        &self.chunks[chunk][place]
    }
}

impl<T> std::ops::IndexMut<Slot> for Slab<T> {
    fn index_mut(&mut self, slot: Slot) -> &mut T {
        let (chunk, place) = slot.split();
        &mut self.chunks[chunk][place]
    }
}
