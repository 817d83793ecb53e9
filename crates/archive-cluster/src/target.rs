//! Where cargo builds; ours to leave programs in as well.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The target directory that the running program was built into.
pub(crate) fn directory() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let found = program.ancestors().find(|directory| directory.join("CACHEDIR.TAG").is_file());
    let found = found.with_context(|| format!("{} is not inside a target directory of cargo", program.display()))?;
    Ok(found.to_path_buf())
}

/// Makes something once, whoever asks first; the others wait. `wanted` is what it is made from: where that changes it is made anew.
pub(crate) fn once(
    directory: &Path,
    wanted: &str,
    make: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let parent = directory.parent().context("a directory above")?;
    std::fs::create_dir_all(parent)?;
    let lock = File::create(directory.with_extension("lock"))?;
    lock.lock()?;
    let stamp = directory.join("made-of.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(());
    }
    make(directory)?;
    std::fs::write(&stamp, wanted).with_context(|| stamp.display().to_string())
}
