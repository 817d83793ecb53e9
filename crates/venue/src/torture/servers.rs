//! The servers under torture: PostgreSQL, killed at random moments and between the rows of a batch and its commit; document databases
//! of the archive, killed at random moments.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use archive_cluster::server::{Kind, Server as ArchiveServer};
use clap::ValueEnum;
use outside::COLLECTIONS;
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

/// Which document databases a venue can keep its archive in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ArchiveKind {
    Mongodb,
    Dynamodb,
}

impl ArchiveKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Mongodb => "mongodb",
            Self::Dynamodb => "dynamodb",
        }
    }

    fn start(self) -> anyhow::Result<ArchiveServer> {
        match self {
            Self::Mongodb => ArchiveServer::temporary(Kind::MongoDb),
            Self::Dynamodb => ArchiveServer::temporary(Kind::DynamoDb),
        }
    }

    fn url(self, server: &ArchiveServer) -> String {
        match self {
            Self::Mongodb => format!("{}/{DATABASE}", server.url()),
            Self::Dynamodb => format!("dynamodb://eu-central-1/{DATABASE}?endpoint={}", server.url()),
        }
    }
}

/// All servers: one for each shard, one for each kind of archive.
#[derive(Debug)]
pub(crate) struct Servers {
    shards: Vec<Server>,
    archives: Vec<ArchiveServer>,
    /// Names them, for the venue.
    pub(crate) config: PathBuf,
    pub(crate) killed: Killed,
}

impl Servers {
    /// New servers, and the configuration that names them. Absent: none are asked for.
    pub(crate) fn start(shards: usize, archives: &[ArchiveKind], directory: &Path) -> anyhow::Result<Option<Self>> {
        if shards == 0 && archives.is_empty() {
            return Ok(None);
        }
        // A server that is killed loses what it has not flushed: let that be much.
        let options = Options::default().with("wal_writer_delay", "10s").with("wal_writer_flush_after", "100MB");
        let options = options.with("shared_buffers", "64MB");
        let mut servers = Self {
            shards: Vec::new(),
            archives: Vec::new(),
            config: directory.join("venue.toml"),
            killed: Killed::default(),
        };
        let mut text = String::new();
        for (collection, kind) in COLLECTIONS.into_iter().zip(archives.iter().cycle()) {
            writeln!(text, "archive.{collection} = \"{}\"", kind.word())?;
        }
        for number in 1..=shards {
            let server = Server::temporary(&options)?;
            server.create_database(DATABASE)?;
            writeln!(text, "[[shards]]\nname = \"shard-{number}\"\nurl = \"{}\"", server.url(DATABASE))?;
            servers.shards.push(server);
        }
        for kind in archives {
            let server = kind.start()?;
            let (word, url) = (kind.word(), kind.url(&server));
            writeln!(text, "[[archives]]\nname = \"{word}\"\nkind = \"{word}\"\nurl = \"{url}\"")?;
            servers.archives.push(server);
        }
        fs::write(&servers.config, text).with_context(|| format!("cannot write {}", servers.config.display()))?;
        Ok(Some(servers))
    }

    /// Whether orders and money are in servers.
    pub(crate) fn have_shards(&self) -> bool {
        !self.shards.is_empty()
    }

    /// Whether documents are written, which takes longer.
    pub(crate) fn have_archives(&self) -> bool {
        !self.archives.is_empty()
    }

    /// Kills one of them or all, at any moment or in the middle of a transaction; how, in words.
    pub(crate) fn kill(&mut self, random: &mut Random) -> anyhow::Result<String> {
        let count = self.shards.len() + self.archives.len();
        let one = usize::try_from(random.below(u64::try_from(count)?))?;
        let all = random.below(100) < ALL_PERCENT;
        let waits = random.below(100) < BETWEEN_PERCENT;
        let is_victim = |number: usize| all || number == one;
        let mut between = false;
        for (number, server) in self.shards.iter_mut().enumerate().filter(|(number, _)| is_victim(*number)) {
            let held = waits.then(|| hold_between(server)).transpose()?;
            server.kill().with_context(|| format!("server {number}"))?;
            between |= held.is_some_and(|(_, caught)| caught);
        }
        let first = self.shards.len();
        for (_, server) in (first..).zip(&mut self.archives).filter(|(number, _)| is_victim(*number)) {
            server.kill()?;
        }
        let killed = if all { count } else { 1 };
        self.killed.all += u64::try_from(killed)?;
        self.killed.between += u64::from(between);
        let when = if between { " between rows and commit" } else { "" };
        Ok(format!("{killed} of {count} servers killed{when}"))
    }

    /// Starts those that do not run.
    pub(crate) fn restart(&mut self) -> anyhow::Result<()> {
        for server in self.shards.iter_mut().filter_map(|server| (!server.is_running()).then_some(server)) {
            server.restart()?;
        }
        for server in self.archives.iter_mut().filter_map(|server| (!server.is_running()).then_some(server)) {
            server.restart()?;
        }
        Ok(())
    }

    /// What each shard answers.
    pub(crate) fn ask(&self, sql: &str) -> anyhow::Result<Vec<String>> {
        self.shards.iter().map(|server| server.query(DATABASE, sql)).collect()
    }

    /// Leaves their folders behind, for whoever looks for the reason of a failure.
    pub(crate) fn keep(&mut self) -> Vec<PathBuf> {
        let shards = self.shards.iter_mut().filter_map(Server::keep);
        shards.chain(self.archives.iter_mut().filter_map(ArchiveServer::keep)).collect()
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
