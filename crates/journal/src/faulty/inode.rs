//! A file of the faulty disk: what is read now, and what each unsynced sector could be after a power cut.

use std::collections::BTreeMap;

use crate::faulty::fault::Random;
use crate::fields::offset as to_offset;

const SECTOR_BYTES: usize = 512;

/// Versions remembered of a sector: the durable one, and some of those since.
const VERSIONS_MAX: usize = 4;

/// What a sector was; the durable version first. Shorter where the file ended.
type Versions = Vec<Vec<u8>>;

#[derive(Debug, Default)]
pub(super) struct Inode {
    current: Vec<u8>,
    durable_bytes: usize,
    /// Written and not synced.
    dirty: BTreeMap<usize, Versions>,
    /// Marked clean by a sync that failed: no later sync writes them, unless they are written again.
    lost: BTreeMap<usize, Versions>,
}

impl Inode {
    pub(super) fn durable(content: Vec<u8>) -> Self {
        Self { durable_bytes: content.len(), current: content, ..Self::default() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.current
    }

    pub(super) fn size(&self) -> u64 {
        to_offset(self.current.len())
    }

    pub(super) fn read(&self, buffer: &mut [u8], offset: usize) -> usize {
        let there = self.current.get(offset..).unwrap_or_default();
        let count = there.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), there.get(..count)) {
            to.copy_from_slice(from);
        }
        count
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) {
        if bytes.is_empty() {
            return;
        }
        let end = offset.saturating_add(bytes.len());
        for sector in offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            self.remember(sector);
        }
        if self.current.len() < end {
            self.current.resize(end, 0);
        }
        if let Some(to) = self.current.get_mut(offset..end) {
            to.copy_from_slice(bytes);
        }
    }

    pub(super) fn sync(&mut self) {
        self.durable_bytes = self.current.len();
        self.dirty.clear();
    }

    pub(super) fn fail_sync(&mut self) {
        self.lost.append(&mut self.dirty);
    }

    pub(super) fn flip(&mut self, offset: usize, mask: u8) {
        if let Some(byte) = self.current.get_mut(offset) {
            *byte ^= mask;
        }
        for versions in [&mut self.dirty, &mut self.lost] {
            for version in versions.get_mut(&(offset / SECTOR_BYTES)).into_iter().flatten() {
                if let Some(byte) = version.get_mut(offset % SECTOR_BYTES) {
                    *byte ^= mask;
                }
            }
        }
    }

    /// Each sector that was not synced becomes one of its versions; a grown file may be short again.
    pub(super) fn power_cut(&mut self, random: &mut Random) {
        let mut unsynced = std::mem::take(&mut self.dirty);
        unsynced.append(&mut self.lost);
        for (sector, versions) in unsynced {
            // One more than there are versions: the current content.
            let Some(version) = versions.get(random.below(versions.len().saturating_add(1))) else { continue };
            let start = sector.saturating_mul(SECTOR_BYTES);
            let end = start.saturating_add(SECTOR_BYTES).min(self.current.len());
            for (place, byte) in self.current.get_mut(start..end).unwrap_or_default().iter_mut().enumerate() {
                *byte = version.get(place).copied().unwrap_or(0);
            }
        }
        if self.durable_bytes < self.current.len() && random.below(2) == 0 {
            self.current.truncate(self.durable_bytes);
        }
        self.durable_bytes = self.current.len();
    }

    /// Keeps what a sector is before it changes.
    fn remember(&mut self, sector: usize) {
        let start = sector.saturating_mul(SECTOR_BYTES).min(self.current.len());
        let end = start.saturating_add(SECTOR_BYTES).min(self.current.len());
        let content = self.current.get(start..end).unwrap_or_default().to_vec();
        let versions = match self.lost.remove(&sector) {
            Some(lost) => self.dirty.entry(sector).or_insert(lost),
            None => self.dirty.entry(sector).or_default(),
        };
        if versions.len() < VERSIONS_MAX {
            versions.push(content);
        } else if let Some(last) = versions.last_mut() {
            *last = content;
        }
    }
}
