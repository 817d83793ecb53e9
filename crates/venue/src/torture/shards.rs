//! The PostgreSQL servers under torture: killed at random moments, and between the rows of a batch and its commit.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use pg_cluster::options::Options;
use pg_cluster::server::{Server, Session};

use crate::random::Random;

const DATABASE: &str = "venue";
/// Of a hundred kills, those that wait for a transaction to be half done.
const BETWEEN_PERCENT: u64 = 50;
/// Of a hundred kills, those of all servers at once.
const ALL_PERCENT: u64 = 25;
/// How long a transaction is waited for: nobody may be writing.
const BETWEEN_WAIT: Duration = Duration::from_secs(2);

/// Whom a round kills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Venue,
    Servers,
    Both,
}

/// How often servers were killed.
#[derive(Debug, Default)]
pub(crate) struct Killed {
    pub(crate) all: u64,
    /// Of these, while a transaction had written rows and was not committed.
    pub(crate) between: u64,
}

/// All servers, one for each shard.
#[derive(Debug)]
pub(crate) struct Shards {
    servers: Vec<Server>,
    /// Names them, for the venue.
    pub(crate) config: PathBuf,
    pub(crate) killed: Killed,
}

impl Shards {
    /// New servers, and the configuration that names them.
    pub(crate) fn start(count: usize, directory: &Path) -> anyhow::Result<Self> {
        // A server that is killed loses what it has not flushed: let that be much.
        let options = Options::default().with("wal_writer_delay", "10s").with("wal_writer_flush_after", "100MB");
        let options = options.with("shared_buffers", "64MB");
        let (mut servers, mut text) = (Vec::new(), String::new());
        for number in 1..=count {
            let server = Server::temporary(&options)?;
            server.create_database(DATABASE)?;
            writeln!(text, "[[shards]]\nname = \"shard-{number}\"\nurl = \"{}\"", server.url(DATABASE))?;
            servers.push(server);
        }
        let config = directory.join("venue.toml");
        fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
        Ok(Self { servers, config, killed: Killed::default() })
    }

    /// Kills one of them or all, at any moment or in the middle of a transaction; how, in words.
    pub(crate) fn kill(&mut self, random: &mut Random) -> anyhow::Result<String> {
        let one = usize::try_from(random.below(u64::try_from(self.servers.len())?))?;
        let victims = if random.below(100) < ALL_PERCENT { 0..self.servers.len() } else { one..one + 1 };
        let waits = random.below(100) < BETWEEN_PERCENT;
        let (mut between, count) = (false, victims.len());
        for server in &mut self.servers[victims] {
            let held = waits.then(|| hold_between(server)).transpose()?;
            server.kill()?;
            self.killed.all += 1;
            between |= held.is_some_and(|(_, caught)| caught);
        }
        self.killed.between += u64::from(between);
        let when = if between { " between rows and commit" } else { "" };
        Ok(format!("{count} of {} servers killed{when}", self.servers.len()))
    }

    /// Starts those that do not run.
    pub(crate) fn restart(&mut self) -> anyhow::Result<()> {
        for server in &mut self.servers {
            if !server.is_running() {
                server.restart()?;
            }
        }
        Ok(())
    }

    /// What each of them answers.
    pub(crate) fn ask(&self, sql: &str) -> anyhow::Result<Vec<String>> {
        self.servers.iter().map(|server| server.query(DATABASE, sql)).collect()
    }

    /// Leaves their folders behind, for whoever looks for the reason of a failure.
    pub(crate) fn keep(&mut self) -> Vec<PathBuf> {
        self.servers.iter_mut().filter_map(Server::keep).collect()
    }
}

/// Stops the writers between the rows and the commit of their batches, by tables that they may not have, until one waits; whether one
/// does. The lock lasts until the session is dropped: by then the server is killed.
fn hold_between(server: &Server) -> anyhow::Result<(Session, bool)> {
    const HOLD: &str = "BEGIN; LOCK TABLE positions, balances; SELECT pg_sleep(60)";
    const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
        AND application_name LIKE 'buttonwood %' AND state = 'active'";
    let session = server.session(DATABASE, HOLD)?;
    let deadline = Instant::now() + BETWEEN_WAIT;
    let mut caught = false;
    while !caught && Instant::now() < deadline {
        caught = server.query(DATABASE, WAITING).is_ok_and(|count| count.trim() != "0");
    }
    Ok((session, caught))
}
