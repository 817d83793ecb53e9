//! Values at stable places that are used again.

use std::num::NonZeroU32;

use crate::chunks::Chunks;

/// Place of a value in a slab, stable for the value's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(NonZeroU32);

impl Slot {
    fn from_index(index: usize) -> Self {
        let number = u32::try_from(index).ok().and_then(|index| index.checked_add(1)).and_then(NonZeroU32::new);
        Self(number.expect("a slab holds less than 2^32 values"))
    }

    /// The place as a number, from 0.
    pub(crate) fn index(self) -> usize {
        crate::apply::index_of(self.0.get().wrapping_sub(1))
    }
}

/// Values at stable places; freed places are used again, the last freed first.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    values: Chunks<T>,
    free: Vec<Slot>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { values: Chunks::default(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Puts a value somewhere.
    pub(crate) fn insert(&mut self, value: T) -> Slot {
        if let Some(slot) = self.free.pop() {
            self[slot] = value;
            return slot;
        }
        let slot = Slot::from_index(self.values.len());
        self.values.push(value);
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
        &self.values[slot.index()]
    }
}

impl<T> std::ops::IndexMut<Slot> for Slab<T> {
    fn index_mut(&mut self, slot: Slot) -> &mut T {
        &mut self.values[slot.index()]
    }
}
