//! Where cargo builds; ours to leave programs in as well.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

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

/// Says what is being made.
#[expect(clippy::print_stderr, reason = "it takes a while, and happens once")]
pub(crate) fn say(what: &str) {
    eprintln!("{what}");
}

/// Runs a program to its end; an error where it fails, with its words.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
