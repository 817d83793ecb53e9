//! What lies behind the last good block: nothing, a torn tail, or proof of corruption.

use crate::block::BLOCK_MAGIC;
use crate::cursor::{At, Cursor, look};
use crate::damage::Damage;
use crate::error::ReadError;
use crate::fields::{length, offset as to_offset};
use crate::window::Window;

const CHUNK_BYTES: u64 = 1 << 20;

/// What lies behind the last good block of the last segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Zeros.
    Clean,
    /// What a power cut leaves of blocks that were never synced.
    Torn {
        /// Behind the last byte that is not zero.
        dirty_to: u64,
        /// Whole blocks in it, none of which can be joined to the log.
        blocks: u32,
    },
}

/// Judges everything from the cursor on, where `first` was found (or zeros, if absent).
///
/// Corruption is told from a torn tail by the blocks behind: one that says `synced_to` beyond this place was written
/// after this place had been durable. Without such a block the two look the same, and the tail is cut.
pub(crate) fn judge(cursor: &Cursor, first: Option<Damage>) -> Result<Tail, ReadError> {
    if let Some(damage) = first.as_ref().filter(|damage| !damage.may_be_torn()) {
        return Err(cursor.corrupt(damage.clone()).into());
    }
    let file = &cursor.segment.file;
    let alignment = length(u64::from(cursor.segment.header.alignment_bytes)).max(1);
    let size = file.size()?;
    let (mut dirty_to, mut blocks) = (None, 0_u32);
    let mut chunk = vec![0; length(CHUNK_BYTES)];
    let mut window = Window::new();
    let mut offset = cursor.offset;
    while offset < size {
        let filled = file.read(&mut chunk, offset)?;
        let bytes = chunk.get(..filled).unwrap_or_default();
        if bytes.iter().any(|byte| *byte != 0) {
            let mut place = offset;
            for cell in bytes.chunks(alignment) {
                if let Some(last) = cell.iter().rposition(|byte| *byte != 0) {
                    dirty_to = Some(place.saturating_add(to_offset(last)).saturating_add(1));
                }
                if cell.starts_with(&BLOCK_MAGIC)
                    && place > cursor.offset
                    && let At::Block(found) = look(&mut window, file, place)?
                    && found.header.venue == cursor.segment.header.identity.venue
                {
                    if found.header.synced_to > cursor.offset {
                        let first = Box::new(first.unwrap_or(Damage::NotABlock));
                        return Err(cursor.corrupt(Damage::DurableBehind { first, whole_at: place }).into());
                    }
                    blocks = blocks.saturating_add(1);
                }
                place = place.saturating_add(to_offset(cell.len()));
            }
        }
        if filled == 0 {
            break; // the file became shorter; nothing more can be read
        }
        offset = offset.saturating_add(to_offset(filled));
    }
    Ok(dirty_to.map_or(Tail::Clean, |dirty_to| Tail::Torn { dirty_to, blocks }))
}
