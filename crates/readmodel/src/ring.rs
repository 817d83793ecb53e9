//! Rows in the order they came, dropped from the front, chained by owner. Grows by chunks, so no push ever moves old rows.

use std::collections::VecDeque;

const CHUNK_ROWS: usize = 256;
/// Empty chunks kept for the next rows: the memory is there and has been written to before.
const SPARE_CHUNKS_MAX: usize = 4;

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
    spare: Vec<Vec<Entry<T>>>,
}

impl<T: Copy> Ring<T> {
    /// Empty; the first row will be at `first`.
    pub(crate) fn beginning_at(first: Place) -> Self {
        let (chunks, spare) = (VecDeque::new(), Vec::new());
        Self { origin: first.0, front: first.0, end: first.0, chunks_gone: 0, chunks, spare }
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
            self.chunks.push_back(self.spare.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK_ROWS)));
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

    /// The row that is so many places behind the oldest.
    pub(crate) fn nth(&self, rows: usize) -> Option<&T> {
        let place = Place(self.front.checked_add(u64::try_from(rows).ok()?)?);
        self.get(place).map(|(row, _)| row)
    }

    /// The rows, oldest first.
    pub(crate) fn oldest(&self) -> impl Iterator<Item = &T> {
        (self.front..self.end).map_while(|place| self.get(Place(place))).map(|(row, _)| row)
    }

    /// Drops so many of the oldest rows.
    pub(crate) fn drop_front(&mut self, rows: usize) {
        assert!(rows <= self.len(), "only rows that are there are dropped");
        self.front += u64::try_from(rows).expect("rows in memory are counted by u64");
        let (chunks, _) = self.position(Place(self.front));
        for mut chunk in self.chunks.drain(..chunks) {
            chunk.clear();
            if self.spare.len() < SPARE_CHUNKS_MAX {
                self.spare.push(chunk);
            }
        }
        self.chunks_gone += chunks;
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
                assert_eq!(ring.nth(0), Some(&(number - 300)));
                ring.drop_front(1);
            }
        }
        assert_eq!((ring.len(), ring.front(), ring.end()), (300, Place(707), Place(1_007)));
        assert_eq!(ring.get(Place(706)), None);
        assert_eq!(ring.get(Place(1_007)), None);
        assert_eq!(ring.get(Place(1_006)), Some((&999, Some(Place(1_005)))));
        assert!(ring.chunks.len() <= 3, "chunks are dropped with their rows");
        ring.drop_front(300);
        assert_eq!((ring.len(), ring.nth(0)), (0, None));
        assert_eq!(ring.push(1, None), Place(1_007));
    }
}
