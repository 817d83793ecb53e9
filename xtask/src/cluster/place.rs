//! Where the servers are, and that there are programs to run them.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use pg_cluster::binaries::Binaries;

use super::member::Shard;
use crate::process;
use crate::workspace::Workspace;

/// The home of Debian's user `postgres`, for checkouts that this user may not enter.
const HOME: &str = "/var/lib/postgresql";

/// Installs the server where it is missing and we may; otherwise says how to.
pub(super) fn install(workspace: &Workspace) -> anyhow::Result<()> {
    if Binaries::find().is_ok() {
        return Ok(());
    }
    process::run(workspace.command("bash").args(["-c", "set -euo pipefail; source scripts/setup servers"]))
        .context("PostgreSQL is not installed")
}

/// The directory with a folder for each server.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
}

impl Place {
    /// In the target directory; beside the user's other servers where root's checkout is closed to `postgres`.
    pub(super) fn choose(workspace: &Workspace) -> anyhow::Result<Self> {
        let target = workspace.target();
        std::fs::create_dir_all(target)?;
        let folder = if Binaries::find()?.may_enter(target) {
            target.join("cluster")
        } else {
            let name = target.to_string_lossy().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
            Path::new(HOME).join(format!("buttonwood{name}"))
        };
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { folder })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Those that were made, in order.
    pub(super) fn shards(&self) -> anyhow::Result<Vec<Shard>> {
        let mut shards = Vec::new();
        loop {
            let shard = Shard::named(self, shards.len() + 1);
            if !shard.exists()? {
                return Ok(shards);
            }
            shards.push(shard);
        }
    }

    /// Deletes everything. The servers must be down.
    pub(super) fn remove(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }
}
