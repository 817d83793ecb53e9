//! A list that grows by chunks: growing never moves a value, so no command pays for copying the others.

use prefetch::prefetch;

/// Largest size of a chunk: some huge pages, so that an allocator which asks for them gets them, and so that little is lost
/// where a chunk does not end with a page.
const CHUNK_BYTES: usize = 8 << 20;

/// Values at stable places, 0, 1, 2, …
#[derive(Debug)]
pub(crate) struct Chunks<T> {
    chunks: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T> Chunks<T> {
    /// Values in a chunk: a power of two, so that a place splits by shift and mask.
    const CHUNK_BITS: u32 = match CHUNK_BYTES.checked_div(size_of::<T>()) {
        Some(values) => values.ilog2(),
        None => panic!("a value has a size"),
    };

    fn split(index: usize) -> (usize, usize) {
        (index >> Self::CHUNK_BITS, index & !(usize::MAX << Self::CHUNK_BITS))
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds a value at place `len`.
    pub(crate) fn push(&mut self, value: T) {
        let (chunk, _) = Self::split(self.len);
        if chunk == self.chunks.len() {
            self.chunks.push(Vec::with_capacity(1 << Self::CHUNK_BITS));
        }
        self.chunks[chunk].push(value);
        self.len = self.len.saturating_add(1);
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        let (chunk, place) = Self::split(index);
        self.chunks.get(chunk)?.get(place)
    }

    /// Fetches the value ahead of use, if there is one.
    pub(crate) fn prefetch(&self, index: usize) {
        if let Some(value) = self.get(index) {
            prefetch(value);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }
}

impl<T> std::ops::Index<usize> for Chunks<T> {
    type Output = T;
    fn index(&self, index: usize) -> &T {
        let (chunk, place) = Self::split(index);
        &self.chunks[chunk][place]
    }
}

impl<T> std::ops::IndexMut<usize> for Chunks<T> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        let (chunk, place) = Self::split(index);
        &mut self.chunks[chunk][place]
    }
}
