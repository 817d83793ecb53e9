//! The tenures of all symbols, or of all users: nearly all have one, which takes two bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::ShardId;
use crate::shards::Tenure;
use crate::units::Seq;

/// A chunk has `2^CHUNK_BITS` ids: what a change copies where the map is shared.
const CHUNK_BITS: u32 = 12;

/// Tenures by dense id.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    chunks: Vec<Arc<Chunk>>,
    len: u32,
}

#[derive(Debug, Clone, Default)]
struct Chunk {
    first: Vec<ShardId>,
    /// Of those that have moved, by place in the chunk.
    later: BTreeMap<u32, Vec<Tenure>>,
}

impl Places {
    /// Places the next id.
    pub(super) fn push(&mut self, id: u32, shard: ShardId) {
        assert!(id == self.len, "ids are placed densely");
        let (chunk, place) = split(id);
        if place == 0 {
            self.chunks.push(Arc::default());
        }
        Arc::make_mut(&mut self.chunks[chunk]).first.push(shard);
        self.len = self.len.checked_add(1).expect("lists are bounded below 2^32 by the limits");
    }

    /// Adds a tenure behind all others.
    pub(super) fn settle(&mut self, id: u32, tenure: Tenure) {
        assert!(id < self.len, "only what has a place moves");
        let (chunk, place) = split(id);
        let later = Arc::make_mut(&mut self.chunks[chunk]).later.entry(place).or_default();
        assert!(later.last().is_none_or(|last| last.from < tenure.from), "tenures follow each other");
        later.push(tenure);
    }

    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn owner_at(&self, id: u32, seq: Seq) -> Option<ShardId> {
        let (first, later) = self.get(id)?;
        let begun = later.partition_point(|tenure| tenure.from < seq);
        Some(begun.checked_sub(1).and_then(|last| later.get(last)).map_or(first, |tenure| tenure.shard))
    }

    pub(super) fn owner(&self, id: u32) -> Option<ShardId> {
        let (first, later) = self.get(id)?;
        Some(later.last().map_or(first, |tenure| tenure.shard))
    }

    pub(super) fn tenures(&self, id: u32) -> Vec<Tenure> {
        let Some((shard, later)) = self.get(id) else { return Vec::new() };
        let mut tenures = vec![Tenure { shard, from: Seq::ZERO }];
        tenures.extend_from_slice(later);
        tenures
    }

    pub(super) fn tenure_count(&self, id: u32) -> usize {
        self.get(id).map_or(0, |(_, later)| later.len().saturating_add(1))
    }

    /// By id: where it was first placed.
    pub(super) fn first(&self) -> impl Iterator<Item = ShardId> + '_ {
        self.chunks.iter().flat_map(|chunk| chunk.first.iter().copied())
    }

    /// By id: all tenures but the first.
    pub(super) fn later(&self) -> impl Iterator<Item = (u32, &Tenure)> {
        (0_u32..).zip(&self.chunks).flat_map(|(chunk, content)| {
            content.later.iter().flat_map(move |(place, later)| later.iter().map(move |it| (join(chunk, *place), it)))
        })
    }

    /// By id: who owns it.
    pub(super) fn owners(&self) -> impl Iterator<Item = (u32, ShardId)> + '_ {
        (0_u32..).zip(&self.chunks).flat_map(|(chunk, content)| {
            let last = |place: u32| content.later.get(&place).and_then(|later| later.last());
            let firsts = (0_u32..).zip(&content.first);
            firsts.map(move |(place, first)| (join(chunk, place), last(place).map_or(*first, |tenure| tenure.shard)))
        })
    }

    fn get(&self, id: u32) -> Option<(ShardId, &[Tenure])> {
        let (chunk, place) = split(id);
        let chunk = self.chunks.get(chunk)?;
        let first = chunk.first.get(usize::try_from(place).ok()?)?;
        Some((*first, chunk.later.get(&place).map_or(&[], Vec::as_slice)))
    }
}

fn split(id: u32) -> (usize, u32) {
    let chunk = usize::try_from(id >> CHUNK_BITS).expect("a pointer has at least 32 bits");
    (chunk, id & !(u32::MAX << CHUNK_BITS))
}

fn join(chunk: u32, place: u32) -> u32 {
    (chunk << CHUNK_BITS) | place
}
