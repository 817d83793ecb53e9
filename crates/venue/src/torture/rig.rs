//! The venue under torture: one data directory that lives through all rounds, and whatever process has it at the moment.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use outside::client::{Client, Key};
use outside::process::{Binary, Running};

use crate::forget::forget;
use crate::random::Random;
use crate::servers::{Servers, Victim};

/// Commands between two snapshots: few, so that every few rounds begin from another one.
const SNAPSHOT_EVERY: u64 = 5_000;
/// The smallest segments there are: they are closed and copied away often.
const SEGMENT_MIB: u64 = 16;
/// Of a hundred starts, those that are killed before, or just after, they are through.
const START_KILLED_PERCENT: u64 = 30;
/// How long after its beginning a start is killed at the latest. Few take longer.
const START_KILLED_MS: u64 = 300;

/// How long the archive may take to catch up, and how often it is looked at.
const LEVEL_PATIENCE: Duration = Duration::from_mins(10);
const LEVEL_PAUSE: Duration = Duration::from_millis(50);

/// How often the venue was killed.
#[derive(Debug, Default)]
pub(crate) struct Kills {
    pub(crate) all: u64,
    pub(crate) starting: u64,
    pub(crate) stopping: u64,
}

/// The venue.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) binary: Binary,
    pub(crate) data: PathBuf,
    /// Where closed segments are copied to.
    pub(crate) segments: PathBuf,
    pub(crate) random: Random,
    pub(crate) kills: Kills,
    pub(crate) verified: u64,
    /// The servers that hold orders, money, the archive; absent: everything is in the embedded store.
    pub(crate) servers: Option<Servers>,
    /// The round in which what was acknowledged is thrown away.
    forget_in: Option<u64>,
    venue: Option<Running>,
}

impl Rig {
    pub(crate) fn new(
        program: &Path,
        directory: &Path,
        seed: u64,
        servers: Option<Servers>,
        forget_in: Option<u64>,
    ) -> Self {
        let segments = directory.join("segments");
        let binary = Binary::new(program)
            .with("SEGMENT_MIB", SEGMENT_MIB)
            .with("SNAPSHOT_EVERY", SNAPSHOT_EVERY)
            .with("SEGMENT_STORE", segments.display())
            .with("GATEWAY_THREADS", 2);
        let binary = match &servers {
            // What has moved away goes soon after.
            Some(servers) => binary.with("CONFIG", servers.config.display()).with("MOVED_ROWS_KEPT_S", 1),
            None => binary,
        };
        Self {
            binary,
            data: directory.join("venue"),
            segments,
            random: Random::new(seed),
            kills: Kills::default(),
            verified: 0,
            servers,
            forget_in,
            venue: None,
        }
    }

    /// The load of this round has ended, and nobody runs.
    pub(crate) fn round_ended(&self, round: u64) -> anyhow::Result<()> {
        if self.forget_in == Some(round) { forget(&self.data) } else { Ok(()) }
    }

    /// Whom a round kills: in turn, so that the rounds of each kind have all of them; the venue, where there are no servers.
    pub(crate) fn victim(&self, round: u64) -> Victim {
        match (round % 3, &self.servers) {
            (1, Some(_)) => Victim::Servers,
            (2, Some(_)) => Victim::Both,
            _ => Victim::Venue,
        }
    }

    /// Kills a server or all; how, in words.
    pub(crate) fn kill_servers(&mut self) -> anyhow::Result<String> {
        self.servers.as_mut().context("servers")?.kill(&mut self.random)
    }

    /// Starts the servers that do not run.
    pub(crate) fn restart_servers(&mut self) -> anyhow::Result<()> {
        self.servers.as_mut().map_or(Ok(()), Servers::restart)
    }

    /// A random duration below so many milliseconds.
    pub(crate) fn moment(&mut self, below_ms: u64) -> Duration {
        Duration::from_micros(self.random.below(below_ms * 1_000))
    }

    /// The very first starts, when nothing is there yet: killed like all others.
    pub(crate) fn first_starts(&mut self) -> anyhow::Result<()> {
        for _ in 0..3 {
            self.killed_start()?;
        }
        Ok(())
    }

    /// The venue, listening. If it has to be started, a start or two may be killed first.
    pub(crate) fn venue(&mut self) -> anyhow::Result<&mut Running> {
        if self.venue.is_none() {
            while self.random.below(100) < START_KILLED_PERCENT {
                self.killed_start()?;
            }
            let mut venue = Running::serve(&self.binary, &self.data)?;
            venue.address()?;
            self.venue = Some(venue);
        }
        self.venue.as_mut().context("started above")
    }

    /// A client of the running venue.
    pub(crate) fn client(&mut self, key: &Key) -> anyhow::Result<Client> {
        self.venue()?.client(key)
    }

    fn killed_start(&mut self) -> anyhow::Result<()> {
        let moment = self.moment(START_KILLED_MS);
        let mut venue = Running::serve(&self.binary, &self.data)?;
        venue.wait_listening(moment)?;
        venue.kill()?;
        self.kills.starting += 1;
        self.kills.all += 1;
        Ok(())
    }

    /// Kills the running venue.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.kills.all += 1;
        self.venue.take().context("a running venue")?.kill()
    }

    /// Asks the running venue to shut down, and kills it while it does; says whether it was faster.
    pub(crate) fn kill_stopping(&mut self) -> anyhow::Result<bool> {
        let moment = self.moment(150);
        let mut venue = self.venue.take().context("a running venue")?;
        venue.terminate()?;
        if let Some(status) = venue.wait(moment)? {
            anyhow::ensure!(status.success(), "the venue ended with {status}:\n{}", venue.logged());
            return Ok(false);
        }
        venue.kill()?;
        self.kills.stopping += 1;
        self.kills.all += 1;
        Ok(true)
    }

    /// Shuts the running venue down, if there is one.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        if self.servers.as_ref().is_some_and(Servers::have_archives) {
            self.wait_level()?;
        }
        self.venue.take().map_or(Ok(()), Running::stop)
    }

    /// A shutdown waits for its followers, but not as long as the servers for tests take to catch up.
    fn wait_level(&mut self) -> anyhow::Result<()> {
        let Some(venue) = &mut self.venue else { return Ok(()) };
        let mut client = venue.client(&Key { api_key: String::new(), secret: String::new() })?;
        let deadline = Instant::now() + LEVEL_PATIENCE;
        loop {
            let status = client.look("/v1/status")?;
            let followers = status["followers"].as_array().context("followers")?;
            if followers.iter().all(|follower| follower["checkpoint"] == status["committed"]) {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "not level: {status}");
            std::thread::sleep(LEVEL_PAUSE);
        }
    }

    /// Kills what is still running, without asking.
    pub(crate) fn drop_venue(&mut self) {
        self.venue = None;
    }

    /// Proves chain, digests, store and conservation; says how long that took.
    pub(crate) fn verify(&mut self) -> anyhow::Result<String> {
        let begun = Instant::now();
        let said = self.binary.verify(&self.data)?;
        self.verified += 1;
        let replayed = said.lines().find_map(|line| line.strip_prefix("ok    replayed ")).unwrap_or("nothing");
        Ok(format!("verified in {:.1} s: {replayed}", begun.elapsed().as_secs_f64()))
    }
}
