//! `buttonwood serve`: the venue behind its REST interface.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args as ClapArgs;
use domain::command::create_api_key::Roles;
use domain::command::{Command, NotTaken, RequestContent};
use domain::event::Event;
use domain::ids::{ExecutionNumber, UserId};
use domain::text::ShardName;
use domain::units::{Seq, UnixNanos};
use gateway::door::{CommandEvents, Door, Execution, Follower, Moving, NoExecutions, Records, StandbyStatus, Status};
use gateway::gateway::{Gateway, Ground, Settings};
use gateway::secrets::MasterKey;
use journal::read::SegmentSource;
use projector::history::ReadError;
use readmodel::answer::Answer;
use readmodel::model::ReadModel;
use sequencer::batch::ReplyTo;
use sequencer::execution_index::ExecutionIndex;
use sequencer::execution_index::read::ExecutionsError;
use sequencer::queue::Entrance;
use sequencer::sequencer::Controls;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::addresses::AddressTable;
use crate::config::Config;
use crate::console::Console;
use crate::followers::{FollowerStatus, last_words};
use crate::live::{self, Beside, Live};
use crate::sharding::running::Shards;
use crate::sockets;
use crate::stores::standby::Watched;

/// How long a venue that goes down waits for the last notes of access.
const ACCESS_PATIENCE: Duration = Duration::from_secs(2);

/// Label of the key that the first start makes.
const FIRST_KEY: &str = "first-start";

/// How the venue is served.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Where the venue keeps everything; made where it is missing. Default: buttonwood-data.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address and port to listen on. Default: 127.0.0.1:8080.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Listen on an address other than loopback although the connection is not encrypted (put a TLS proxy in front).
    #[arg(long)]
    allow_plaintext: bool,
    /// Configuration file (TOML). Each setting can also be given in the environment: `BUTTONWOOD_SNAPSHOT_EVERY=1000000`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Args {
    /// The configuration, with what the command line says on top.
    fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref())?;
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        if let Some(listen) = self.listen {
            config.listen = listen;
        }
        config.allow_plaintext |= self.allow_plaintext;
        Ok(config)
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.config()?;
    // Before anything is made or changed.
    refuse_exposed(&config)?;
    let mut on_progress = |replayed: u64| tracing::info!(replayed, "recovering");
    let live = Live::start(&config, Beside { store: true, replayer: true }, Vec::new(), &mut on_progress)?;
    live::log_start(&live);
    let served = Served::start(&config, &live)?;
    // Before anybody is told that the venue is up: until then a signal ends the process as it always does.
    let mut signals = served.signals()?;
    accept_clock_on_hangup(&served.runtime, &live)?;
    if let Some(key) = &served.first_key {
        println!("admin api key: {}", key.api_key);
        println!("admin api secret: {}", key.secret);
        println!("(shown once; `buttonwood admin-key --data {}` shows it again)", config.data.display());
    }
    println!("listening on http://{}", served.address);
    served.runtime.block_on(signals.end());
    tracing::info!("shutting down");
    served.stop();
    let behind = live.shutdown()?;
    if behind.is_empty() {
        tracing::info!("{}", last_words(&behind));
    } else {
        tracing::warn!("{}", last_words(&behind));
    }
    Ok(())
}

fn refuse_exposed(config: &Config) -> anyhow::Result<()> {
    anyhow::ensure!(
        !config.is_exposed(),
        "{} can be reached from other machines and the connection is not encrypted; put a TLS proxy in front and say \
         --allow-plaintext, or listen on a loopback address",
        config.listen
    );
    Ok(())
}

/// The key of the first start.
#[derive(Debug)]
pub(crate) struct FirstKey {
    pub(crate) api_key: String,
    pub(crate) secret: String,
}

/// The REST interface of a running venue.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    /// Present at the first start.
    pub(crate) first_key: Option<FirstKey>,
    pub(crate) master_key: MasterKey,
    runtime: tokio::runtime::Runtime,
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<()>,
    gateway: Arc<Gateway>,
}

impl Served {
    /// Opens the port and begins to answer.
    pub(crate) fn start(config: &Config, live: &Live) -> anyhow::Result<Self> {
        refuse_exposed(config)?;
        let master_key = master_key(&config.data, live)?;
        let first_key = first_key(live, &master_key)?;
        let history = live.history.clone().context("the venue runs without a store")?;
        let archive = live.archive.clone().context("the venue runs without a store")?;
        let ground = Ground {
            door: Arc::new(FrontDoor { entrance: live.entrance.clone() }),
            records: Arc::new(VenueRecords::of(live)),
            addresses: Arc::new(AddressTable::open_or_create(&config.data, live.read_model.seq())?),
            model: Arc::clone(&live.read_model),
            earlier: live.earlier,
            history,
            archive,
            master_key: master_key.clone(),
        };
        let settings = Settings {
            answer_timeout: Duration::from_millis(config.answer_timeout_ms),
            derived: config.derived(),
            ..Settings::default()
        };
        let gateway = Gateway::new(ground, settings).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;

        let mut builder = tokio::runtime::Builder::new_multi_thread();
        if config.gateway_threads > 0 {
            builder.worker_threads(config.gateway_threads);
        }
        let runtime = builder.thread_name("gateway").enable_all().build().context("cannot start the gateway")?;
        let listening = runtime.block_on(tokio::net::TcpListener::bind(config.listen));
        let listener = listening.with_context(|| format!("cannot listen on {}", config.listen))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let limits = sockets::Limits {
            connections_max: config.connections_max,
            idle: Duration::from_millis(config.idle_timeout_ms),
            head: Duration::from_millis(config.head_timeout_ms),
        };
        let gateway = Arc::new(gateway);
        let server = runtime.spawn(sockets::serve(listener, Arc::clone(&gateway), limits, stopped));
        Ok(Self { address, first_key, master_key, runtime, stop, server, gateway })
    }

    /// The signals that end the venue, caught from now on.
    fn signals(&self) -> std::io::Result<Signals> {
        let _inside = self.runtime.enter();
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Does something at the first Ctrl-C or termination signal.
    pub(crate) fn on_interrupt(&self, then: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let mut signals = self.signals()?;
        self.runtime.spawn(async move {
            signals.end().await;
            then();
        });
        Ok(())
    }

    /// Takes no new connections and lets requests in progress finish for a short while.
    pub(crate) fn stop(self) {
        drop(self.stop);
        let finished = self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(2), self.server).await });
        if finished.is_err() {
            tracing::info!("connections still open are closed");
        }
        self.runtime.block_on(self.gateway.finish_access(ACCESS_PATIENCE));
        self.runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

/// Ctrl-C and the termination signal.
#[derive(Debug)]
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Waits for the first of them.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// SIGHUP is the operator's word that the wall clock is right although it has jumped.
fn accept_clock_on_hangup(runtime: &tokio::runtime::Runtime, live: &Live) -> std::io::Result<()> {
    let controls = Arc::clone(&live.controls);
    let _inside = runtime.enter();
    let mut hangup = signal(SignalKind::hangup())?;
    runtime.spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::warn!(jumped = controls.clock_jumped(), "the operator accepts the wall clock");
            controls.accept_clock();
        }
    });
    Ok(())
}

fn master_key_path(data: &Path) -> PathBuf {
    data.join("master.key")
}

/// The key that seals API secrets; absent before the first start.
pub(crate) fn read_master_key(data: &Path) -> anyhow::Result<Option<MasterKey>> {
    let path = master_key_path(data);
    match std::fs::read(&path) {
        Ok(bytes) => {
            let bytes: Result<[u8; 32], _> = bytes.try_into();
            let bytes =
                bytes.map_err(|bytes| anyhow::anyhow!("{} has {} bytes, not 32", path.display(), bytes.len()))?;
            Ok(Some(MasterKey::from_bytes(bytes)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Reads the key that seals API secrets, or makes it where nothing is sealed yet: under another key every secret there is would
/// be lost, and nobody would be told.
fn master_key(data: &Path, live: &Live) -> anyhow::Result<MasterKey> {
    if let Some(key) = read_master_key(data)? {
        return Ok(key);
    }
    anyhow::ensure!(
        !has_keys(live),
        "{} is missing, and without it none of the API secrets can be checked; bring it back from a backup",
        master_key_path(data).display()
    );
    make_master_key(data)
}

fn make_master_key(data: &Path) -> anyhow::Result<MasterKey> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = master_key_path(data);
    let key = MasterKey::generate().map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    let unfinished = path.with_extension("tmp");
    let mut file = std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(key.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&unfinished, &path).with_context(|| format!("cannot write {}", path.display()))?;
    std::fs::File::open(data)?.sync_all()?;
    Ok(key)
}

fn has_keys(live: &Live) -> bool {
    live.read_model.key_by_id(domain::ids::KeyId(1)).is_some()
}

/// Makes the first administrator where there is no key yet. A start that was killed half-way asks for the same again.
fn first_key(live: &Live, master_key: &MasterKey) -> anyhow::Result<Option<FirstKey>> {
    if has_keys(live) {
        return Ok(None);
    }
    let console = Console::new(live.entrance.clone(), FIRST_KEY);
    let user = console.user()?;
    let new = master_key.new_key(user, ADMINISTRATOR, FIRST_KEY);
    let api_key = new.command.api_key.to_string();
    console.request(RequestContent::CreateApiKey(Box::new(new.command)))?;
    Ok(Some(FirstKey { api_key, secret: new.secret }))
}

const ADMINISTRATOR: Roles = Roles { read: true, trade: true, admin: true, audit: true };

/// What `buttonwood admin-key` is asked.
#[derive(Debug, ClapArgs)]
pub(crate) struct AdminKeyArgs {
    /// The venue's data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Shows the first administrator's key again: it follows from the master key.
pub(crate) fn admin_key(args: &AdminKeyArgs) -> anyhow::Result<()> {
    let key = admin_key_of(&args.data)?;
    println!("admin api key: {}", key.api_key);
    println!("admin api secret: {}", key.secret);
    Ok(())
}

/// The first administrator's key of a venue that was served from this directory.
pub(crate) fn admin_key_of(data: &Path) -> anyhow::Result<FirstKey> {
    let path = master_key_path(data);
    let key = read_master_key(data)?;
    let key =
        key.with_context(|| format!("{} does not exist: the venue was never served, or it was lost", path.display()))?;
    let new = key.new_key(UserId(1), ADMINISTRATOR, FIRST_KEY);
    Ok(FirstKey { api_key: new.command.api_key.to_string(), secret: new.secret })
}

/// Where the gateway's commands go in.
#[derive(Debug)]
struct FrontDoor {
    entrance: Entrance,
}

impl Door for FrontDoor {
    fn submit(&self, command: Command) -> Result<oneshot::Receiver<Answer>, NotTaken> {
        let (sender, answer) = oneshot::channel();
        self.entrance.submit(command, ReplyTo::Task(sender))?;
        Ok(answer)
    }
}

/// What the venue knows about itself.
#[derive(Debug)]
struct VenueRecords {
    status: Arc<live::Status>,
    read_model: Arc<ReadModel>,
    /// The last block time before this start.
    earlier: UnixNanos,
    executions: Arc<ExecutionIndex>,
    controls: Arc<Controls>,
    shards: Arc<Shards>,
    event_log: SegmentSource,
}

impl VenueRecords {
    fn of(live: &Live) -> Self {
        Self {
            status: Arc::clone(&live.status),
            read_model: Arc::clone(&live.read_model),
            earlier: live.earlier.unwrap_or_default(),
            executions: Arc::clone(&live.executions),
            controls: Arc::clone(&live.controls),
            shards: Arc::clone(&live.shards),
            event_log: live.logs.event_log.clone(),
        }
    }
}

fn standby_status(watched: &Watched) -> StandbyStatus {
    let heard = watched.standby.heard();
    StandbyStatus {
        shard: watched.shard.clone(),
        region: watched.region.clone(),
        checkpoint: heard.symbols.min(heard.users),
        is_read: watched.is_read,
        reads: heard.reads,
        trouble: heard.trouble,
    }
}

impl Records for VenueRecords {
    fn status(&self) -> Status {
        let follower = |follower: &Arc<FollowerStatus>| Follower {
            name: follower.name.clone(),
            checkpoint: follower.reached(),
            trouble: follower.trouble(),
            stopped: follower.stopped(),
        };
        let committed = self.status.journal.committed();
        let block_time = self.earlier.max(self.read_model.time());
        Status {
            // Read after what is committed, so never behind it.
            sequenced: self.controls.sequenced(),
            committed,
            clock_jumped: self.controls.clock_jumped(),
            clock_behind_ns: block_time.since(live::wall_clock()),
            followers: self.status.followers.all().iter().map(follower).collect(),
            standbys: self.status.standbys.iter().map(|watched| standby_status(watched)).collect(),
            retirement: self.status.retiring.all(),
        }
    }

    fn moves(&self) -> Vec<Moving> {
        self.status.moves.all()
    }

    fn executions(&self, user: UserId, from: ExecutionNumber, limit: usize) -> Result<Vec<Execution>, NoExecutions> {
        let read = self.executions.read_executions(&self.event_log, user, from, limit);
        let events = read.map_err(|error| match error {
            ExecutionsError::Purged { oldest } => NoExecutions::Purged { oldest },
            ExecutionsError::Read(_) | ExecutionsError::Decode(_) | ExecutionsError::Index(_) => {
                NoExecutions::Failed(error.to_string())
            }
        })?;
        let first = from.0.max(1);
        let execution = |(number, (seq, time, event)): (u64, (Seq, UnixNanos, Event))| Execution {
            number: ExecutionNumber(number),
            seq,
            time,
            event,
        };
        Ok((first..).zip(events).map(execution).collect())
    }

    fn events_of(&self, seq: Seq) -> Result<Option<CommandEvents>, ReadError> {
        let read = self.executions.read_command(&self.event_log, seq);
        let events = read.map_err(|error| ReadError::Failed(error.to_string()))?;
        Ok(events.map(|(time, events)| CommandEvents { time, events }))
    }

    fn is_configured(&self, shard: &ShardName) -> bool {
        self.shards.is_followed(shard)
    }

    fn prepare_shard(&self, shard: ShardName) -> Result<(), String> {
        self.shards.prepare(shard).map_err(|error| format!("{error:#}"))
    }

    fn follow_shard(&self, shard: ShardName) {
        self.shards.follow(shard);
    }

    fn accept_clock(&self) {
        self.controls.accept_clock();
    }
}
