//! More of a server than its one data directory: standbys, and copies to go back to.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::binaries::run;
use crate::folder;
use crate::server::Server;
use crate::state::{State, free_port};

impl Server {
    /// Starts a hot standby in another folder. It streams asynchronously, so a failover to it may lose the tail; it has the
    /// same password, and the settings its primary has now. What it lacks while it is down is kept for it (up to 4 GB).
    pub fn standby(&self, folder: impl AsRef<Path>) -> anyhow::Result<Self> {
        let folder = std::path::absolute(folder)?;
        ensure!(State::read(&folder)?.is_none(), "there is a server in {}", folder.display());
        let state = State { port: free_port()?, password: self.state.password.clone() };
        folder::make(&folder, self.binaries.account())?;
        let slot = format!("standby_{}", state.port);
        let mut backup = self.backup(&folder.join("data"));
        run(backup.args(["--write-recovery-conf", "--create-slot", "--slot", &slot]), "")?;
        state.write(&folder)?;
        let mut standby = self.sibling(folder, state);
        standby.first_launch()?;
        Ok(standby)
    }

    /// The same in a new folder beside other temporary files, which goes with it.
    pub fn temporary_standby(&self) -> anyhow::Result<Self> {
        let folder = temporary_folder()?;
        let mut standby = self.standby(folder.path())?;
        standby.temporary = Some(folder);
        Ok(standby)
    }

    /// Whether it follows another server: running or not, until it is promoted.
    pub fn is_standby(&self) -> bool {
        self.data().join("standby.signal").exists()
    }

    /// Makes a standby a primary. It takes writes when this returns. The primary it had is not told.
    pub fn promote(&mut self) -> anyhow::Result<()> {
        let promoted = self.query("postgres", "SELECT pg_promote(true, 60)")?;
        ensure!(promoted == "t", "not promoted:\n{}", self.logged());
        Ok(())
    }

    /// Copies the running server's data directory, consistent as of the end of the call, to a folder that is not there yet.
    pub fn copy_to(&self, copy: impl AsRef<Path>) -> anyhow::Result<()> {
        let copy = std::path::absolute(copy)?;
        ensure!(!copy.exists(), "it is there already: {}", copy.display());
        folder::make(&copy, self.binaries.account())?;
        run(&mut self.backup(&copy), "").map(drop)
    }

    /// Puts a copy in the place of the data directory: what came after the copy is lost. The server must not run; the next
    /// [`Self::restart`] starts it from the copy, at the same port.
    pub fn restore(&mut self, copy: impl AsRef<Path>) -> anyhow::Result<()> {
        ensure!(!self.is_running(), "the server runs");
        std::fs::remove_dir_all(self.data())?;
        folder::copy(copy.as_ref(), &self.data(), self.binaries.account()).context("cannot copy the copy back")
    }

    fn backup(&self, data: &Path) -> Command {
        let mut command = self.binaries.command("pg_basebackup");
        command.args([
            "--host=127.0.0.1",
            "--username=postgres",
            "--wal-method=stream",
            "--checkpoint=fast",
            "--no-sync",
        ]);
        command.arg(format!("--port={}", self.state.port)).arg("--pgdata").arg(data);
        command.env("PGPASSWORD", &self.state.password);
        command
    }
}

/// The folder of a server that is not to stay.
pub(crate) fn temporary_folder() -> anyhow::Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("postgres-").tempdir()?)
}
