//! Rows in the order they came, dropped from the front, chained by owner. Grows by chunks, so no push ever moves old rows.

use std::collections::VecDeque;

const CHUNK_ROWS: usize = 256;

/// Where a row is: counts up from the ring's beginning and is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(pub(crate) u64);

#[derive(Debug)]
struct Entry<T> {
    row: T,
    older: Option<Place>,
}

#[derive(Debug)]
pub(crate) struct Ring<T> {
    /// Place of the first row ever; chunks are counted from it.
    origin: u64,
    /// Place of the oldest row kept.
    front: u64,
    /// Place of the next row.
    end: u64,
    /// Chunks dropped from the front.
    chunks_gone: usize,
    chunks: VecDeque<Vec<Entry<T>>>,
}

impl<T: Copy> Ring<T> {
    /// Empty; the first row will be at `first`.
    pub(crate) fn beginning_at(first: Place) -> Self {
        Self { origin: first.0, front: first.0, end: first.0, chunks_gone: 0, chunks: VecDeque::new() }
    }

    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.end - self.front).expect("rows in memory are counted by usize")
    }

    /// Place of the oldest row kept, or of the next one.
    pub(crate) fn front(&self) -> Place {
        Place(self.front)
    }

    /// Place of the next row.
    pub(crate) fn end(&self) -> Place {
        Place(self.end)
    }

    pub(crate) fn push(&mut self, row: T, older: Option<Place>) -> Place {
        let place = Place(self.end);
        let (chunk, _) = self.position(place);
        if chunk == self.chunks.len() {
            self.chunks.push_back(Vec::with_capacity(CHUNK_ROWS));
        }
        self.chunks[chunk].push(Entry { row, older });
        self.end += 1;
        place
    }

    /// The row at `place` and the place of the older one of the same owner; absent once dropped.
    pub(crate) fn get(&self, place: Place) -> Option<(&T, Option<Place>)> {
        if place.0 < self.front || place.0 >= self.end {
            return None;
        }
        let (chunk, offset) = self.position(place);
        let entry = &self.chunks[chunk][offset];
        Some((&entry.row, entry.older))
    }

    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let (row, _) = self.get(Place(self.front))?;
        let row = *row;
        self.front += 1;
        let (chunk, _) = self.position(Place(self.front));
        if chunk > 0 {
            self.chunks.pop_front();
            self.chunks_gone += 1;
        }
        Some(row)
    }

    /// Chunk among those kept, and the row's offset in it.
    fn position(&self, place: Place) -> (usize, usize) {
        let index = usize::try_from(place.0 - self.origin).expect("rows in memory are counted by usize");
        (index / CHUNK_ROWS - self.chunks_gone, index % CHUNK_ROWS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_places_while_the_front_goes() {
        let mut ring = Ring::beginning_at(Place(7));
        let mut older = None;
        for number in 0..1_000_u64 {
            older = Some(ring.push(number, older));
            if number >= 300 {
                assert_eq!(ring.pop_front(), Some(number - 300));
            }
        }
        assert_eq!((ring.len(), ring.front(), ring.end()), (300, Place(707), Place(1_007)));
        assert_eq!(ring.get(Place(706)), None);
        assert_eq!(ring.get(Place(1_007)), None);
        assert_eq!(ring.get(Place(1_006)), Some((&999, Some(Place(1_005)))));
        assert!(ring.chunks.len() <= 3, "chunks are dropped with their rows");
        while ring.pop_front().is_some() {}
        assert_eq!(ring.len(), 0);
        assert_eq!(ring.push(1, None), Place(1_007));
    }
}
