//! Values of one user by a 32-bit id: one cache line each, found in one step, since the ids are dense.

use prefetch::prefetch;

use crate::apply::index_of;

/// Values at the place their id says or soon behind it, around the end.
#[derive(Debug)]
pub(crate) struct Entries<T> {
    places: Box<[Option<Entry<T>>]>,
}

#[derive(Debug)]
#[repr(align(64))]
struct Entry<T> {
    value: T,
    id: u32,
    /// Whether the current command has touched it.
    touched: bool,
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self { places: Box::default() }
    }
}

impl<T: Default> Entries<T> {
    fn home(&self, id: u32) -> usize {
        index_of(id) & self.places.len().wrapping_sub(1)
    }

    /// Place of the value with this id, or of the gap where it would be; absent where there is neither.
    fn find(&self, id: u32) -> Option<usize> {
        let mut index = self.home(id);
        for _ in 0..self.places.len() {
            if self.places[index].as_ref().is_none_or(|entry| entry.id == id) {
                return Some(index);
            }
            index = index.wrapping_add(1) & self.places.len().wrapping_sub(1);
        }
        None
    }

    fn find_or_new(&mut self, id: u32) -> &mut Entry<T> {
        let mut index = self.home(id);
        let at_home = |entry: &Option<Entry<T>>| entry.as_ref().is_some_and(|entry| entry.id == id);
        if !self.places.get(index).is_some_and(at_home) {
            index = self.find_or_make(id);
        }
        self.places[index].as_mut().expect("found or made")
    }

    #[cold]
    fn find_or_make(&mut self, id: u32) -> usize {
        let index = match self.find(id) {
            Some(index) if self.places[index].is_some() => index,
            Some(_) | None => self.room_for(id),
        };
        self.places[index].get_or_insert_with(|| Entry { value: T::default(), id, touched: false });
        index
    }

    /// The gap for a new id: its own place, or the next one, after growing where seven eighths would be passed (small tables: all).
    fn room_for(&mut self, id: u32) -> usize {
        let home = self.home(id);
        if self.places.get(home).is_some_and(Option::is_none) {
            return home;
        }
        let used = self.places.iter().flatten().count();
        let full = self.places.len().wrapping_sub(self.places.len() >> 3);
        if used >= full {
            let len = self.places.len().saturating_mul(2).max(1);
            let grown = std::iter::repeat_with(|| None).take(len).collect();
            let before = std::mem::replace(&mut self.places, grown);
            for entry in before.into_iter().flatten() {
                let index = self.find(entry.id).expect("the grown table has gaps");
                self.places[index] = Some(entry);
            }
        }
        self.find(id).expect("there is a gap")
    }

    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        self.places[self.find(id)?].as_ref().map(|entry| &entry.value)
    }

    /// The value with this id, made where there is none.
    pub(crate) fn entry(&mut self, id: u32) -> &mut T {
        &mut self.find_or_new(id).value
    }

    /// As [`Entries::entry`], and whether this is the first time since [`Entries::untouch`].
    pub(crate) fn touch(&mut self, id: u32) -> (&mut T, bool) {
        let entry = self.find_or_new(id);
        let first = !entry.touched;
        entry.touched = true;
        (&mut entry.value, first)
    }

    pub(crate) fn untouch(&mut self, id: u32) -> &T {
        let entry = self.find_or_new(id);
        entry.touched = false;
        &entry.value
    }

    /// Fetches a value ahead of use.
    pub(crate) fn prefetch(&self, id: u32) {
        if let Some(place) = self.places.get(self.home(id)) {
            prefetch(place);
        }
    }

    /// By id.
    pub(crate) fn sorted(&self) -> Vec<(u32, &T)> {
        let mut all: Vec<_> = self.places.iter().flatten().map(|entry| (entry.id, &entry.value)).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }
}
