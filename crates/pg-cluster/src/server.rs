//! One private server.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::binaries::{Binaries, run};
use crate::folder;
use crate::options::Options;
use crate::postmaster::{Postmaster, Shutdown};
use crate::prepare;
use crate::standby::temporary_folder;
use crate::state::{State, free_port};

/// How long a start may take, with a recovery after a crash, or an orderly end.
const PATIENCE: Duration = Duration::from_mins(2);

/// A server in a folder of its own: `data`, `log`, `server.toml` (port and password), and its socket.
///
/// It listens on 127.0.0.1, on a port that stays the same, and has the superuser `postgres` with a random password. Dropped, it
/// ends at once, unless it was made [`Options::detached`].
#[derive(Debug)]
pub struct Server {
    pub(crate) binaries: Binaries,
    pub(crate) folder: PathBuf,
    pub(crate) state: State,
    detached: bool,
    running: Option<Postmaster>,
    /// Where the folder is ours to remove.
    pub(crate) temporary: Option<TempDir>,
}

impl Server {
    /// Starts the server of a folder, and makes both if there is none. One that still runs there is ended first: whoever started
    /// it is gone, or forgot it. Ready for connections when it returns.
    pub fn start(folder: impl AsRef<Path>, options: &Options) -> anyhow::Result<Self> {
        let folder = std::path::absolute(folder)?;
        let binaries = Binaries::find()?;
        folder::make(&folder, binaries.account())?;
        if let Some(stale) = Postmaster::find(&folder.join("data")) {
            stale.kill().context("cannot end the server that runs there")?;
        }
        let known = State::read(&folder)?;
        let is_new = known.is_none();
        let state = known.map_or_else(State::fresh, Ok)?;
        let mut server = Self { binaries, folder, state, detached: options.detached, running: None, temporary: None };
        if is_new {
            prepare::data(&server.binaries, &server.folder, &server.state, options)?;
            server.state.write(&server.folder)?;
            server.first_launch()?;
        } else {
            server.launch()?;
        }
        Ok(server)
    }

    /// A server in a new folder beside other temporary files, which goes with it.
    pub fn temporary(options: &Options) -> anyhow::Result<Self> {
        let folder = temporary_folder()?;
        let mut server = Self::start(folder.path(), options)?;
        server.temporary = Some(folder);
        Ok(server)
    }

    /// The server of a folder that was made earlier, as it is: running or not. It stays when this is dropped. None: there is none.
    pub fn open(folder: impl AsRef<Path>) -> anyhow::Result<Option<Self>> {
        let folder = std::path::absolute(folder)?;
        let Some(state) = State::read(&folder)? else { return Ok(None) };
        let running = Postmaster::find(&folder.join("data"));
        Ok(Some(Self { binaries: Binaries::find()?, folder, state, detached: true, running, temporary: None }))
    }

    /// How to connect to a database: `postgres://postgres:…@127.0.0.1:…/NAME`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/{database}", self.state.password, self.state.port)
    }

    /// The port, the same for the server's whole life.
    pub fn port(&self) -> u16 {
        self.state.port
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The data directory inside it.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The process id of the server's first process, while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.running.as_ref().and_then(|postmaster| postmaster.id().as_raw_nonzero().get().try_into().ok())
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.running.as_mut().is_some_and(Postmaster::is_alive)
    }

    /// Makes an empty database. Its name has lower-case letters, digits and `_`.
    pub fn create_database(&self, name: &str) -> anyhow::Result<()> {
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        ensure!(!name.is_empty() && name.chars().all(plain), "not a plain name: {name:?}");
        self.query("postgres", &format!("CREATE DATABASE \"{name}\"")).map(drop)
    }

    /// Writes a file into the data directory that the server alone may read: a certificate, a key.
    pub fn put_data_file(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.data().join(name);
        File::options().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        Ok(folder::write(&path, text, self.binaries.account())?)
    }

    /// Runs SQL with `psql`. Gives the rows as text: one a line, columns separated by `|`.
    pub fn query(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        run(&mut self.psql(database), sql)
    }

    /// Runs SQL in the background, until it is done or this is dropped: to hold a lock meanwhile.
    pub fn session(&self, database: &str, sql: &str) -> anyhow::Result<Session> {
        let mut command = self.psql(database);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut session = Session { child: child.context("cannot start psql")? };
        // A server that only sleeps would not notice that we are gone, and keep its locks.
        let sql = format!("SET client_connection_check_interval = '100ms';\n{sql}");
        session.child.stdin.take().context("a pipe")?.write_all(sql.as_bytes())?;
        Ok(session)
    }

    fn psql(&self, database: &str) -> Command {
        let mut command = self.binaries.command("psql");
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h", "127.0.0.1"]);
        command.args(["-p", &self.state.port.to_string(), "-d", database, "-f", "-"]);
        command.env("PGPASSWORD", &self.state.password);
        command
    }

    /// Kills all of its processes as `kill -9` does. They are gone when it returns; the data directory is as a crash leaves it.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.running.take().map_or(Ok(()), Postmaster::kill)
    }

    /// Sends the clients away, writes everything, ends.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut postmaster) = self.running.take() else { return Ok(()) };
        postmaster.shut_down(Shutdown::Fast, PATIENCE).with_context(|| self.logged())
    }

    /// Starts it again, after [`Self::kill`] or [`Self::stop`]; one that runs is stopped first. Ready for connections when it
    /// returns.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop()?;
        self.launch()
    }

    /// Leaves a temporary folder behind; where.
    pub fn keep(&mut self) -> Option<PathBuf> {
        self.temporary.take().map(TempDir::keep)
    }

    /// The end of what the server has logged.
    pub fn logged(&self) -> String {
        self.logged_since(0)
    }

    /// Another server of the same binaries, not started yet, that stays as long as this one would.
    pub(crate) fn sibling(&self, folder: PathBuf, state: State) -> Self {
        let binaries = self.binaries.clone();
        Self { binaries, folder, state, detached: self.detached, running: None, temporary: None }
    }

    /// The first start may find its port taken in the meantime, and take another.
    pub(crate) fn first_launch(&mut self) -> anyhow::Result<()> {
        const ATTEMPTS: usize = 5;
        for _ in 1..ATTEMPTS {
            let begin = self.log_bytes();
            let Err(error) = self.launch() else { return Ok(()) };
            if !self.logged_since(begin).contains("could not bind") {
                return Err(error);
            }
            self.state.port = free_port()?;
            self.state.write(&self.folder)?;
        }
        self.launch()
    }

    /// After somebody else has killed the first process alone, the others take a moment to notice; until then no new one starts.
    fn launch(&mut self) -> anyhow::Result<()> {
        const ORPHANS: Duration = Duration::from_secs(30);
        let deadline = Instant::now() + ORPHANS;
        loop {
            let begin = self.log_bytes();
            let Err(error) = self.try_launch() else { return Ok(()) };
            if !self.logged_since(begin).contains("pre-existing shared memory block") || Instant::now() > deadline {
                return Err(error);
            }
        }
    }

    fn try_launch(&mut self) -> anyhow::Result<()> {
        let mut postmaster = Postmaster::spawn(&self.binaries, &self.data(), self.state.port, !self.detached)?;
        let ready = postmaster.wait_ready(PATIENCE);
        // Kept even if it is not ready: it must still end with us.
        self.running = Some(postmaster);
        ready.with_context(|| format!("the log in {} ends with:\n{}", self.folder.display(), self.logged()))
    }

    fn log_bytes(&self) -> u64 {
        std::fs::metadata(self.folder.join("log")).map_or(0, |metadata| metadata.len())
    }

    /// The last lines of the log, none of them older than that.
    fn logged_since(&self, begin: u64) -> String {
        let log = std::fs::read(self.folder.join("log")).unwrap_or_default();
        let new = log.get(usize::try_from(begin).unwrap_or(usize::MAX)..).unwrap_or_default();
        let text = String::from_utf8_lossy(new);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// SQL that runs in the background. Dropped, it ends.
#[derive(Debug)]
pub struct Session {
    child: Child,
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(5);
        if self.detached {
            return;
        }
        if let Some(postmaster) = self.running.take() {
            // Nobody is left to tell.
            drop(postmaster.end(PATIENCE));
        }
    }
}
