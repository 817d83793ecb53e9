//! A venue that loses what it has acknowledged: made by hand, so that the torture can show that it would notice.

use std::fs;
use std::path::Path;

use anyhow::Context;

/// A block begins on such a boundary, with these bytes.
const BLOCK_BYTES: usize = 4096;
const BLOCK_MAGIC: &[u8] = b"BWBK";
/// Blocks thrown away: the very last ones may hold nothing that anybody was told.
const BLOCKS: usize = 40;

/// Throws away the end of the journal, and everything that would give it away at the next start.
pub(crate) fn forget(data: &Path) -> anyhow::Result<()> {
    for follower in ["events", "store", "snapshots"] {
        let directory = data.join(follower);
        fs::remove_dir_all(&directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    let segments = fs::read_dir(data.join("journal"))?.map(|entry| Ok(entry?.path()));
    let segments: Vec<_> = segments.collect::<std::io::Result<_>>()?;
    let last = segments.iter().filter(|path| path.extension().is_some_and(|ending| ending == "seg")).max();
    let last = last.context("a segment")?;
    let mut bytes = fs::read(last)?;
    let mut blocks = bytes.chunks(BLOCK_BYTES).enumerate().rev().filter(|(_, chunk)| chunk.starts_with(BLOCK_MAGIC));
    let (first, _) = blocks.nth(BLOCKS - 1).context("that many blocks")?;
    bytes[first * BLOCK_BYTES..].fill(0);
    fs::write(last, bytes)?;
    Ok(())
}
