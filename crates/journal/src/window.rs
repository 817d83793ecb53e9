//! A buffer over a part of a file: big sequential reads, one buffer for all of them.

use crate::error::IoFailure;
use crate::fields::{length, offset as to_offset};
use crate::storage::OpenFile;

const READ_BYTES_MIN: usize = 64 << 10;
pub(crate) const READ_BYTES_MAX: usize = 1 << 20;

/// The buffer. Each read in sequence doubles the next one, up to 1 MiB.
#[derive(Debug)]
pub(crate) struct Window {
    buffer: Vec<u8>,
    start: u64,
    filled: usize,
    read_bytes: usize,
    fills: u64,
}

impl Window {
    pub(crate) const fn new() -> Self {
        Self { buffer: Vec::new(), start: 0, filled: 0, read_bytes: READ_BYTES_MIN, fills: 0 }
    }

    /// Forgets what was read: the file may have changed since, or is another one.
    pub(crate) fn forget(&mut self) {
        self.filled = 0;
        self.read_bytes = READ_BYTES_MIN;
    }

    /// Makes `bytes` bytes from `offset` available, as far as the file reaches; says how many there are.
    pub(crate) fn load(&mut self, file: &OpenFile, offset: u64, bytes: usize) -> Result<usize, IoFailure> {
        if let Some(ready) = self.available(offset).filter(|ready| *ready >= bytes) {
            return Ok(ready.min(bytes));
        }
        let wanted = bytes.max(self.read_bytes);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        // Cleared first, so that a failed read leaves nothing that looks loaded.
        self.filled = 0;
        self.start = offset;
        let place = self.buffer.get_mut(..wanted).unwrap_or_default();
        self.filled = file.read(place, offset)?;
        self.fills = self.fills.wrapping_add(1);
        self.read_bytes = self.read_bytes.saturating_mul(2).min(READ_BYTES_MAX);
        Ok(self.filled.min(bytes))
    }

    /// What `load` has made available, cut to what there is.
    pub(crate) fn bytes(&self, offset: u64, bytes: usize) -> &[u8] {
        let from = length(offset.saturating_sub(self.start)).min(self.filled);
        let to = from.saturating_add(bytes).min(self.filled);
        self.buffer.get(from..to).unwrap_or_default()
    }

    /// How often the file has been read.
    pub(crate) const fn fills(&self) -> u64 {
        self.fills
    }

    fn available(&self, offset: u64) -> Option<usize> {
        let ahead = offset.checked_sub(self.start).filter(|ahead| *ahead < to_offset(self.filled))?;
        self.filled.checked_sub(length(ahead))
    }
}
