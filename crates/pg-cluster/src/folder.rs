//! Folders that belong to the server's account.

use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown};
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::binaries::Account;

/// Makes a server's folder, entered by the server's account alone.
pub(crate) fn make(folder: &Path, account: Option<Account>) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    let Some(account) = account else { return Ok(()) };
    chown(folder, Some(account.user), Some(account.group))?;
    ensure!(
        account.reaches(folder),
        "the user `postgres`, whom root's servers run as, may not enter {}: a directory above is closed to it",
        folder.display()
    );
    Ok(())
}

/// Copies files and directories with their permissions, and gives them to the account.
pub(crate) fn copy(from: &Path, to: &Path, account: Option<Account>) -> std::io::Result<()> {
    std::fs::DirBuilder::new().mode(0o700).create(to)?;
    give(to, account)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target, account)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
            give(&target, account)?;
        }
    }
    Ok(())
}

/// Writes a file that belongs to the account.
pub(crate) fn write(path: &Path, text: &str, account: Option<Account>) -> std::io::Result<()> {
    std::fs::write(path, text)?;
    give(path, account)
}

fn give(path: &Path, account: Option<Account>) -> std::io::Result<()> {
    account.map_or(Ok(()), |account| chown(path, Some(account.user), Some(account.group)))
}
