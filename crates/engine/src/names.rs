//! Orders by owner and client order id: open addressing by cache lines of eight entries, so that a look-up is one line.

use domain::ids::UserId;
use domain::text::ClientOrderId;
use prefetch::prefetch;

use crate::hash::hash32;
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

/// A table of slots; the names themselves are in the orders.
#[derive(Debug)]
pub(crate) struct Names {
    shards: Vec<Shard>,
}

/// Entries in the bucket their hash says or, where that is full, in one soon behind it, around the end. Between an entry and
/// the bucket its hash says, every bucket is full.
#[derive(Debug, Default)]
struct Shard {
    buckets: Box<[Bucket]>,
    used: usize,
}

/// A cache line of entries, in no order.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Bucket {
    hashes: [NameHash; BUCKET_LEN],
    orders: [Option<Slot>; BUCKET_LEN],
}

const BUCKET_LEN: usize = 8;
/// Entries are kept together at the front, so a bucket is full where its last place is in use.
const BUCKET_LAST: usize = BUCKET_LEN.wrapping_sub(1);

/// Bucket and place in it.
type Place = (usize, usize);

impl Bucket {
    /// The first place with this hash, from `from` on, that is in use.
    fn next(&self, hash: NameHash, from: usize) -> Option<usize> {
        (from..BUCKET_LEN).find(|place| self.hashes[*place] == hash && self.orders[*place].is_some())
    }

    /// Whether a hash may be there at all; all places are compared at once, since nearly always it is not.
    fn may_have(&self, hash: NameHash) -> bool {
        self.hashes.map(|known| u8::from(known == hash)) != [0; BUCKET_LEN]
    }

    /// The first place that is not in use. Counted, since a search would end somewhere else each time.
    fn gap(&self) -> Option<usize> {
        let used: u8 = self.orders.map(|order| u8::from(order.is_some())).iter().sum();
        Some(usize::from(used)).filter(|used| *used < BUCKET_LEN)
    }
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
        let (bucket, place) = shard.find(hash, is_it)?;
        shard.buckets[bucket].orders[place]
    }

    /// Makes `order` the one its name stands for, instead of the one that `is_same` name.
    pub(crate) fn set(&mut self, hash: NameHash, order: Slot, is_same: impl FnMut(Slot) -> bool) {
        let shard = &mut self.shards[hash.shard()];
        match shard.find(hash, is_same) {
            Some((bucket, place)) => shard.buckets[bucket].orders[place] = Some(order),
            None => shard.insert(hash, order),
        }
    }

    /// Forgets the name of `order`, unless it stands for another by now.
    pub(crate) fn remove(&mut self, hash: NameHash, order: Slot) {
        let shard = &mut self.shards[hash.shard()];
        if let Some(place) = shard.find(hash, |slot| slot == order) {
            shard.remove(place);
        }
    }

    /// The first candidate with this hash where it is looked for first: nearly always the only one.
    pub(crate) fn guess(&self, hash: NameHash) -> Option<Slot> {
        let shard = &self.shards[hash.shard()];
        let bucket = shard.buckets.get(shard.home(hash))?;
        bucket.orders[bucket.next(hash, 0)?]
    }

    /// Fetches a name's entry ahead of use.
    pub(crate) fn prefetch(&self, hash: NameHash) {
        let shard = &self.shards[hash.shard()];
        if let Some(bucket) = shard.buckets.get(shard.home(hash)) {
            prefetch(bucket);
        }
    }
}

impl Shard {
    fn mask(&self) -> usize {
        self.buckets.len().wrapping_sub(1)
    }

    fn home(&self, hash: NameHash) -> usize {
        crate::apply::index_of(hash.0) & self.mask()
    }

    fn after(&self, bucket: usize) -> usize {
        bucket.wrapping_add(1) & self.mask()
    }

    fn find(&self, hash: NameHash, mut is_it: impl FnMut(Slot) -> bool) -> Option<Place> {
        let mut index = self.home(hash);
        let mut bucket = self.buckets.get(index)?;
        loop {
            if bucket.may_have(hash) {
                let mut from = 0;
                while let Some(place) = bucket.next(hash, from) {
                    if bucket.orders[place].is_some_and(&mut is_it) {
                        return Some((index, place));
                    }
                    from = place.saturating_add(1);
                }
            }
            bucket.orders[BUCKET_LAST]?;
            index = self.after(index);
            bucket = &self.buckets[index];
        }
    }

    fn insert(&mut self, hash: NameHash, order: Slot) {
        // Three quarters: so there is always a gap, and it is nearly always in the first bucket.
        let full = self.buckets.len().saturating_mul(BUCKET_LEN >> 2).saturating_mul(3);
        if self.used == full {
            self.grow();
        }
        self.put(hash, order);
        self.used = self.used.saturating_add(1);
    }

    fn put(&mut self, hash: NameHash, order: Slot) {
        let mut index = self.home(hash);
        loop {
            if let Some(place) = self.buckets[index].gap() {
                let bucket = &mut self.buckets[index];
                (bucket.hashes[place], bucket.orders[place]) = (hash, Some(order));
                return;
            }
            index = self.after(index);
        }
    }

    fn grow(&mut self) {
        let len = self.buckets.len().saturating_mul(2).max(1);
        let before = std::mem::replace(&mut self.buckets, vec![Bucket::default(); len].into_boxed_slice());
        for bucket in before {
            for (hash, order) in bucket.hashes.into_iter().zip(bucket.orders) {
                if let Some(order) = order {
                    self.put(hash, order);
                }
            }
        }
    }

    /// Takes an entry out; where its bucket was full, an entry that had to go further comes back.
    fn remove(&mut self, (mut index, mut place): Place) {
        self.used = self.used.saturating_sub(1);
        loop {
            let was_full = self.buckets[index].orders[BUCKET_LAST].is_some();
            self.close_gap(index, place);
            if !was_full {
                return;
            }
            let Some((from, moved)) = self.find_displaced(index) else { return };
            let (hash, order) = (self.buckets[from].hashes[moved], self.buckets[from].orders[moved]);
            let bucket = &mut self.buckets[index];
            (bucket.hashes[BUCKET_LAST], bucket.orders[BUCKET_LAST]) = (hash, order);
            (index, place) = (from, moved);
        }
    }

    /// Moves the last entry of a bucket into the gap, so that a bucket is full if its last place is.
    fn close_gap(&mut self, index: usize, place: usize) {
        let bucket = &mut self.buckets[index];
        let last = bucket.gap().unwrap_or(BUCKET_LEN).saturating_sub(1);
        (bucket.hashes[place], bucket.orders[place]) = (bucket.hashes[last], bucket.orders[last]);
        bucket.orders[last] = None;
    }

    /// An entry behind `index` that belongs there or before, without a gap in between.
    fn find_displaced(&self, index: usize) -> Option<Place> {
        let mut from = self.after(index);
        while from != index {
            let bucket = &self.buckets[from];
            let distance = from.wrapping_sub(index) & self.mask();
            let displaced = |place: &usize| {
                let home = self.home(bucket.hashes[*place]);
                bucket.orders[*place].is_some() && (from.wrapping_sub(home) & self.mask()) >= distance
            };
            if let Some(place) = (0..BUCKET_LEN).find(displaced) {
                return Some((from, place));
            }
            bucket.orders[BUCKET_LAST]?;
            from = self.after(from);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::slab::Slab;

    /// Hashes that crowd a few buckets, and two of each.
    #[test]
    fn crowded_buckets_find_and_forget_what_a_map_does() {
        let mut slab = Slab::default();
        let slots: Vec<Slot> = (0..600_u32).map(|n| slab.insert(n)).collect();
        let hash = |n: u32| NameHash((n % 7).wrapping_mul(3) ^ ((n % 150) << 5));
        let mut names = Names::default();
        let mut known = BTreeMap::new();
        let mut random = 1_u64;
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let n = u32::try_from((random >> 33).rem_euclid(600)).expect("small");
            let slot = slots[usize::try_from(n).expect("small")];
            if known.remove(&n).is_some() {
                names.remove(hash(n), slot);
            } else {
                names.set(hash(n), slot, |_| false);
                known.insert(n, slot);
            }
            for n in 0..600 {
                let found = names.find(hash(n), |found| slab[found] == n);
                assert_eq!(found, known.get(&n).copied());
            }
            assert_eq!(names.shards.iter().map(|shard| shard.used).sum::<usize>(), known.len());
        }
    }
}
