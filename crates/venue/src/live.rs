//! A running venue: its threads, from the queue to the stores.
//!
//! queue → sequencer → (journal writer) → release → event log → followers, replayer. Shutting down closes the doors and lets
//! each finish in that order.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use domain::ids::VenueId;
use domain::units::{Epoch, Seq, UnixNanos};
use engine::Engine;
use journal::damage::Damage;
use journal::error::OpenError;
use journal::journal::Journal;
use journal::read::SegmentSource;
use journal::storage::Directory;
use projector::archive::ArchiveHistory;
use projector::follower::Source;
use projector::history::{History, ReadError};
use readmodel::model::ReadModel;
use sequencer::batch::{AnswerSink, Batch};
use sequencer::clock::Reading;
use sequencer::event_log::EventLog;
use sequencer::execution_index::ExecutionIndex;
use sequencer::log::{JournalLog, Progress};
use sequencer::queue::{Admission, Entrance, queue};
use sequencer::recovery::{Places, RULES_VERSION, Recovered, RecoveryError, Report, Start, recover_claimed};
use sequencer::release::Release;
use sequencer::replayer::Replayer;
use sequencer::sequencer::{Controls, Sequencer, Step};
use sequencer::snapshots::Snapshots;
use store_postgres::retire::Writer;

use crate::arrangement;
use crate::config::Config;
use crate::console::Console;
use crate::followers::roster::Roster;
use crate::followers::{Behind, Shared, TROUBLE_PATIENCE};
use crate::heads::Heads;
use crate::learner::Learner;
use crate::maintain::{self, Watch};
use crate::moves::{self, Moves};
use crate::priority::{go_first, take_turns};
use crate::retention::{KeptLog, Retention};
use crate::retirer::{self, Place, Retiring};
use crate::sharding::running::Shards;
use crate::sharding::seeding::Seeding;
use crate::sharding::{self, Threads};
use crate::source::{Joined, Logs, in_words};
use crate::stores::standby::{self, Watched};
use crate::stores::{OverShards, Readers, Stores, retired};

/// Longest sleep of the sequencer without work: bounds how late it hears of a shutdown.
const IDLE_WAIT: Duration = Duration::from_millis(20);

/// Batches that may wait for their release: a release slower than the journal holds the sequencer back.
const BATCHES_WAITING_MAX: usize = 64;

/// Exit code when the journal or the event log is lost: start again to recover.
pub(crate) const EXIT_LOST: i32 = 70;

/// Which parts run beside the core.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beside {
    /// The embedded store and its followers.
    pub(crate) store: bool,
    /// The background replayer.
    pub(crate) replayer: bool,
}

/// How things stand, for `status` and the status line.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) epoch: Epoch,
    pub(crate) journal: Arc<Progress>,
    pub(crate) replayed: Arc<AtomicU64>,
    pub(crate) followers: Arc<Roster>,
    pub(crate) moves: Arc<Moves>,
    pub(crate) standbys: Vec<Arc<Watched>>,
    pub(crate) retiring: Arc<Retiring>,
}

/// A running venue.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) entrance: Entrance,
    pub(crate) read_model: Arc<ReadModel>,
    pub(crate) history: Option<Arc<dyn History>>,
    pub(crate) archive: Option<Arc<dyn ArchiveHistory>>,
    pub(crate) executions: Arc<ExecutionIndex>,
    pub(crate) controls: Arc<Controls>,
    pub(crate) status: Arc<Status>,
    pub(crate) shards: Arc<Shards>,
    pub(crate) logs: Logs,
    pub(crate) report: Report,
    /// The last block time before this start; absent at the first start.
    pub(crate) earlier: Option<UnixNanos>,
    core: Core,
    followers: Threads,
    replayer: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    /// Stops the replayer, once the followers have: its last snapshot is not to keep an older one for anybody who is level by then.
    stop_replayer: Arc<AtomicBool>,
}

impl Live {
    /// Recovers what is on disk and opens the doors. `on_progress` hears now and then how many commands have been replayed.
    pub(crate) fn start(
        config: &Config,
        beside: Beside,
        sinks: Vec<Arc<dyn AnswerSink>>,
        on_progress: &mut dyn FnMut(u64),
    ) -> anyhow::Result<Self> {
        let places = Places::in_directory(&config.data);
        let claim = places.claim().map_err(|error| explain(error, &config.data))?;
        let mut stores = if beside.store { Some(Stores::open(config)?) } else { None };
        let mut followers_reached = stores.as_ref().map_or(Seq::ZERO, Stores::reached);
        if let Some(stores) = &mut stores {
            let venue = places.venue()?;
            stores.check_venue(venue)?;
            if let Some(venue) = venue {
                followers_reached = followers_reached.max(stores.check_retired(venue)?);
            }
        }
        let start = Start {
            new_venue: VenueId(random_bytes()?),
            cell: config.cell,
            segment_bytes: config.segment_mib << 20,
            followers_reached,
        };
        let recovered = recover_claimed(&places, claim, start, on_progress);
        let recovered = recovered.map_err(|error| explain(error, &config.data))?;
        Self::run(config, beside, sinks, &places, recovered, stores)
    }

    fn run(
        config: &Config,
        beside: Beside,
        sinks: Vec<Arc<dyn AnswerSink>>,
        places: &Places,
        recovered: Recovered,
        mut stores: Option<Stores>,
    ) -> anyhow::Result<Self> {
        let Recovered { venue, epoch, engine, journal, event_log, snapshots, point, earlier, report } = recovered;
        let logs = logs(config, venue, places);
        let state = engine.state();
        let read_model = Arc::new(ReadModel::new(&state, readmodel::limits::Limits::default()));
        let written = Arc::clone(event_log.progress());
        let executions = Arc::clone(event_log.index().context("the event log was recovered without its index")?);
        let (stop, writer) = (Arc::new(AtomicBool::new(false)), Writer { venue, epoch, start: random_bytes()? });
        let archive = stores.as_ref().map(|stores| Arc::clone(&stores.archive));
        let (mut history, mut over_shards, mut learner) = (None, None, None);
        if let Some(stores) = &mut stores {
            let readers = admit(config, stores, &read_model, writer, Joined::new(logs.clone(), Arc::clone(&written)))?;
            learner = fill_memory(&read_model, stores, &readers.history, &logs, &written, &stop)?;
            (history, over_shards) = (Some(readers.history), readers.over_shards);
        }
        let copy = || Engine::from_state(&state).context("the state just recovered cannot be copied");
        let copy = beside.replayer.then(copy).transpose()?;
        let replayer = copy.map(|engine| Replayer::new(venue, engine, point, &logs.journal, &logs.event_log));
        drop(state);

        let core = Core::start(config, engine, epoch, journal, event_log, &read_model, sinks)?;
        let shared = Shared {
            logs: logs.clone(),
            epoch,
            settings: config.derived(),
            snapshots: snapshots.clone(),
            written: Arc::clone(&written),
            read_model: Arc::clone(&read_model),
            roster: Arc::default(),
            moves: Arc::new(Moves::of(&read_model.shard_map())),
            stop: Arc::clone(&stop),
        };
        let standbys = stores.as_ref().map(Stores::standbys).unwrap_or_default();
        let followers = follow(stores, learner, config, &core, &shared)?;
        let retiring = retire(config, over_shards.as_ref(), &shared, &followers, writer)?;
        let routed = over_shards.map(|over| over.routed);
        let shards = Shards::new(config, shared.clone(), followers.clone(), routed);
        let (replayed, stop_replayer) = (Arc::new(AtomicU64::new(read_model.seq().0)), Arc::<AtomicBool>::default());
        let watch = Watch {
            written: Arc::clone(&written),
            admission: Arc::clone(core.entrance.admission()),
            followers: Arc::clone(&shared.roster),
            follower_lag_max: config.follower_lag_max,
            logs_complete_after: logs.complete_after()?,
            executions: Arc::clone(&executions),
            moves: Arc::clone(&shared.moves),
            stop: Arc::clone(&stop_replayer),
            replayed: Arc::clone(&replayed),
        };
        let replayer = maintain(replayer, snapshots, config, retention(config, venue, places), watch)?;
        let (journal, roster, moves) = (Arc::clone(&core.committed), shared.roster, shared.moves);
        let status = Status { epoch, journal, replayed, followers: roster, moves, standbys, retiring };
        let (entrance, controls) = (core.entrance.clone(), Arc::clone(&core.controls));
        Ok(Self {
            entrance,
            read_model,
            history,
            archive,
            executions,
            controls,
            status: Arc::new(status),
            shards: Arc::new(shards),
            logs,
            report,
            earlier,
            core,
            followers,
            replayer,
            stop,
            stop_replayer,
        })
    }

    /// Waits until the stores have everything.
    pub(crate) fn wait_for_followers(&self, patience: Duration) -> anyhow::Result<()> {
        let all = self.read_model.seq();
        let deadline = Instant::now() + patience;
        for follower in self.status.followers.all() {
            while follower.reached() < all {
                if let Some(reason) = follower.stopped() {
                    anyhow::bail!("the follower {} stopped: {reason}", follower.name);
                }
                anyhow::ensure!(Instant::now() < deadline, "the follower {} does not catch up", follower.name);
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(())
    }

    /// Closes the doors, lets everything taken so far be journaled, answered, written and stored, and seals the logs. Which stores do
    /// not have everything: one in trouble is not waited for.
    pub(crate) fn shutdown(self) -> anyhow::Result<Vec<Behind>> {
        let (log, mut event_log) = self.core.finish();
        self.stop.store(true, Ordering::Release);
        let followers = || self.status.followers.all();
        self.followers.end(TROUBLE_PATIENCE, || followers().iter().any(|status| status.is_going_on()));
        let end = event_log.progress().committed();
        let behind = followers().iter().filter_map(|status| Behind::of(status, end)).collect();
        self.stop_replayer.store(true, Ordering::Release);
        self.replayer.map(join);
        let time = self.read_model.time();
        if let Some(journal) = log.finish() {
            journal.seal(RULES_VERSION, time).context("the journal could not be sealed")?;
        }
        // Never sealed: its blocks follow from the journal's and from nothing else.
        event_log.sync().context("the event log could not be synced")?;
        Ok(behind)
    }
}

/// The path of an order up to the event log.
#[derive(Debug)]
struct Core {
    entrance: Entrance,
    controls: Arc<Controls>,
    committed: Arc<Progress>,
    sequencer: JoinHandle<JournalLog>,
    release: JoinHandle<()>,
    event_log: JoinHandle<EventLog>,
}

impl Core {
    fn start(
        config: &Config,
        engine: Engine,
        epoch: Epoch,
        mut journal: Journal,
        mut event_log: EventLog,
        read_model: &Arc<ReadModel>,
        sinks: Vec<Arc<dyn AnswerSink>>,
    ) -> anyhow::Result<Self> {
        journal.prepare_in_background().context(NO_THREAD)?;
        // Zeroing a segment of the event log in one go would hold up the journal's syncs on the same disk.
        event_log.journal_mut().prepare_in_background().context(NO_THREAD)?;
        // Whoever starts the core takes in orders too, or starts the threads that do.
        go_first();
        let (entrance, exit) = queue(config.queue_commands);
        let log = JournalLog::start(journal, Arc::clone(entrance.admission())).context(NO_THREAD)?;
        let committed = Arc::clone(log.progress());
        let controls = Arc::new(Controls::default());
        let (to_release, released) = bounded(BATCHES_WAITING_MAX);
        let (to_event_log, logged) = unbounded();
        let (to_spare, spare) = bounded(BATCHES_WAITING_MAX);
        let sequencer = Sequencer::new(engine, epoch, exit, log, Arc::clone(&controls), (to_release, spare));
        let admission = Arc::clone(entrance.admission());
        let gather = Duration::from_micros(config.gather_us);
        let release = Release::new(Arc::clone(read_model), sinks, Arc::clone(&admission), to_event_log);
        Ok(Self {
            release: spawn_release(release, released, Arc::clone(&committed))?,
            event_log: spawn_event_log(event_log, logged, to_spare, Arc::clone(&admission))?,
            sequencer: spawn_sequencer(sequencer, Arc::clone(&committed), admission, gather)?,
            entrance,
            controls,
            committed,
        })
    }

    /// Ends the threads in the order of the path, each when the one before it has handed over its last.
    fn finish(self) -> (JournalLog, EventLog) {
        self.entrance.admission().close();
        let log = join(self.sequencer);
        join(self.release);
        (log, join(self.event_log))
    }
}

const NO_THREAD: &str = "cannot start a thread";

/// A thread that panicked has said so; the venue must not seem to go on without it.
fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn spawn_sequencer(
    mut sequencer: Sequencer<JournalLog>,
    committed: Arc<Progress>,
    admission: Arc<Admission>,
    gather: Duration,
) -> anyhow::Result<JoinHandle<JournalLog>> {
    let started = Instant::now();
    let run = move || {
        loop {
            // The one place where the wall clock becomes venue time.
            let reading = Reading { wall: wall_clock(), monotonic: nanos(started.elapsed()) };
            match sequencer.step(reading) {
                Ok(Step::Block(_)) => sequencer.gather(gather),
                Ok(Step::Idle) if admission.is_closed() && sequencer.is_drained() => break,
                Ok(Step::Idle) => sequencer.wait_for_work(IDLE_WAIT),
                Ok(Step::LogBusy) => {
                    committed.wait_room(IDLE_WAIT);
                }
                Err(lost) => {
                    tracing::error!(%lost, "nothing further is acknowledged; start again to recover");
                    std::process::exit(EXIT_LOST);
                }
            }
        }
        sequencer.into_parts().1
    };
    Builder::new().name("sequencer".into()).spawn(run).context(NO_THREAD)
}

fn spawn_release(
    mut release: Release,
    released: Receiver<Batch>,
    committed: Arc<Progress>,
) -> anyhow::Result<JoinHandle<()>> {
    let run = move || release.run(&released, &committed);
    Builder::new().name("release".into()).spawn(run).context(NO_THREAD)
}

fn spawn_event_log(
    mut event_log: EventLog,
    logged: Receiver<Batch>,
    spare: Sender<Batch>,
    admission: Arc<Admission>,
) -> anyhow::Result<JoinHandle<EventLog>> {
    let run = move || {
        take_turns();
        event_log.run(&logged, &spare, &admission);
        event_log
    };
    Builder::new().name("event-log".into()).spawn(run).context(NO_THREAD)
}

/// Says what the start found.
pub(crate) fn log_start(live: &Live) {
    let report = &live.report;
    for (path, error) in &report.damaged_snapshots {
        tracing::warn!(path = %path.display(), error, "a snapshot could not be used; an older one was");
    }
    if let Some(cut) = &report.cut {
        tracing::warn!(file = %cut.file.display(), offset = cut.offset, bytes = cut.bytes, "a torn tail was cut; nothing in it was acknowledged");
    }
    let behind_ns = live.earlier.map_or(0, |earlier| earlier.since(wall_clock()));
    if behind_ns > 0 {
        tracing::warn!(
            behind_ms = behind_ns / 1_000_000,
            "the wall clock is behind the journal's last block; block time stands still until it is there"
        );
    }
    tracing::info!(
        created = report.created,
        clean = report.clean,
        epoch = live.status.epoch.0,
        seq = live.read_model.seq().0,
        snapshot = report.snapshot.0,
        replayed = report.replayed,
        events_derived = report.events_derived,
        "venue is up"
    );
}

/// Starts what follows the event log: the stores, and where one was away, whoever asks it later.
fn follow(
    stores: Option<Stores>,
    learner: Option<Learner>,
    config: &Config,
    core: &Core,
    shared: &Shared,
) -> anyhow::Result<Threads> {
    let followers = Threads::default();
    if let Some(stores) = stores {
        // Before anything is written there.
        arrangement::note(config)?;
        let seeding = Seeding::of(shared, config);
        let map = shared.read_model.shard_map();
        sharding::register(&stores, &map, &Console::new(core.entrance.clone(), "shards"))?;
        sharding::warn_unconfigured(&stores, &shared.read_model.shard_map());
        for thread in standby::watch(&stores.standbys(), &shared.stop).context(NO_THREAD)? {
            followers.add(thread);
        }
        followers.add(heads(config, core, shared, &stores).start().context(NO_THREAD)?);
        sharding::follow(stores, shared, &seeding, &followers)?;
        if !config.shards.is_empty() {
            let (console, kept) = (Console::new(core.entrance.clone(), "moves"), config.moved_rows_kept_s);
            followers.add(moves::start(shared, console, Duration::from_secs(kept)).context(NO_THREAD)?);
        }
    }
    if let Some(learner) = learner {
        followers.add(learner.start().context(NO_THREAD)?);
    }
    Ok(followers)
}

/// Starts the thread that lets old orders leave the shards, where they are to.
fn retire(
    config: &Config,
    over_shards: Option<&OverShards>,
    shared: &Shared,
    threads: &Threads,
    writer: Writer,
) -> anyhow::Result<Arc<Retiring>> {
    let retiring = Arc::default();
    let Some(over) = over_shards else { return Ok(retiring) };
    let place = retired::writer(config, shared.logs.venue).context("closed orders cannot go to the archive")?;
    let place = Place { store: place, readers: Arc::clone(&over.retired) };
    threads.add(retirer::start(shared, threads, &retiring, place, config.hot_days, writer).context(NO_THREAD)?);
    Ok(retiring)
}

fn heads(config: &Config, core: &Core, shared: &Shared, stores: &Stores) -> Heads {
    Heads {
        console: Console::new(core.entrance.clone(), "heads"),
        journal: shared.logs.journal.clone(),
        committed: Arc::clone(&core.committed),
        archive: Arc::clone(&stores.archive),
        file: config.data.join("last_head"),
        recovered: shared.read_model.seq(),
        every: Duration::from_secs(config.chain_head_every_s),
        stop: Arc::clone(&shared.stop),
    }
}

/// Starts the background replayer, if there is one.
fn maintain(
    replayer: Option<Replayer>,
    snapshots: Snapshots,
    config: &Config,
    retention: Retention,
    watch: Watch,
) -> anyhow::Result<Option<JoinHandle<()>>> {
    let start = |replayer| maintain::start(replayer, snapshots, config.snapshot_every, retention, watch);
    replayer.map(start).transpose().context(NO_THREAD)
}

/// Refuses stores that are not this venue's, or not whole; then they are this start's.
fn admit(
    config: &Config,
    stores: &mut Stores,
    read_model: &Arc<ReadModel>,
    writer: Writer,
    mut logs: Joined,
) -> anyhow::Result<Readers> {
    stores.meet(&read_model.shard_map()).map_err(|error| arrangement::explain(config, error))?;
    stores.check_history(&mut logs)?;
    stores.claim(writer)?;
    Ok(stores.history(read_model, writer.venue))
}

/// Gives the read model what the stores have and it needs, and what they do not have yet; whom to ask later, where one is away.
fn fill_memory(
    read_model: &Arc<ReadModel>,
    stores: &Stores,
    history: &Arc<dyn History>,
    logs: &Logs,
    written: &Arc<Progress>,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<Option<Learner>> {
    // What a store that was not reached has is not known: reads that need it say so until it has caught up.
    let behind = stores.behind(&read_model.shard_map());
    let learner = Learner::of(read_model, history, behind, stop).needed();
    let readers = (history.as_ref(), stores.archive.as_ref());
    catch_up_memory(read_model, readers, behind.unwrap_or(read_model.seq()), logs, written)?;
    Ok(learner)
}

/// Gives the read model what the stores do not have yet, of which the last is at `behind`.
fn catch_up_memory(
    read_model: &ReadModel,
    (history, archive): (&dyn History, &dyn ArchiveHistory),
    behind: Seq,
    logs: &Logs,
    written: &Arc<Progress>,
) -> anyhow::Result<()> {
    // A store that was lost after its commands were purged cannot be helped by them: reads that need those find the gap.
    let after = behind.max(logs.complete_after()?).min(read_model.seq());
    let mut replay = read_model.replay(history, Some(archive), after)?;
    for (symbol, why) in replay.without_archive() {
        if matches!(why, ReadError::Damaged(_)) {
            tracing::warn!(%symbol, %why, "its figures of the last day begin now; `buttonwood verify` names what is missing");
        } else {
            tracing::warn!(%why, "no trades could be read: the figures of the last day begin now, and are whole after a start with the archive");
        }
    }
    let mut source = Joined::new(logs.clone(), Arc::clone(written));
    source.start_after(after);
    while let Some(block) = source.next().map_err(|error| anyhow::anyhow!(in_words(error)))? {
        for committed in block.commands() {
            replay.apply(committed.command, committed.events)?;
        }
    }
    replay.finish();
    Ok(())
}

/// Both logs, each with its segment store if there is one.
pub(crate) fn logs(config: &Config, venue: VenueId, places: &Places) -> Logs {
    let source = |local: &Directory, identity, name: &str| {
        let source = SegmentSource::new(local.clone(), identity);
        match segment_store(config, name) {
            Some(store) => source.with_store(store),
            None => source,
        }
    };
    Logs {
        venue,
        journal: source(&places.journal, Places::journal_identity(venue), "journal"),
        event_log: source(&places.event_log, Places::event_log_identity(venue), "events"),
    }
}

fn segment_store(config: &Config, name: &str) -> Option<Directory> {
    config.segment_store.as_ref().map(|store| Directory::on_disk(store.join(name)))
}

fn retention(config: &Config, venue: VenueId, places: &Places) -> Retention {
    let kept = |local: &Directory, identity, name| KeptLog {
        identity,
        local: local.clone(),
        store: segment_store(config, name),
    };
    Retention {
        journal: kept(&places.journal, Places::journal_identity(venue), "journal"),
        event_log: kept(&places.event_log, Places::event_log_identity(venue), "events"),
        retain_hours: config.retain_hours,
    }
}

/// What to do about it, where that can be said.
pub(crate) fn explain(error: RecoveryError, data: &Path) -> anyhow::Error {
    let data = data.display();
    let mut help = format!("cannot start from {data}");
    if let RecoveryError::Open(OpenError::Locked(_)) = &error {
        "another buttonwood uses this data directory".clone_into(&mut help);
    }
    if let RecoveryError::Open(OpenError::Corruption(corruption)) = &error
        && matches!(corruption.what, Damage::Short { .. })
    {
        help = format!(
            "the journal ends before what a store already has. If {data} was restored to an earlier point on purpose, run \
             `buttonwood follower rewind --data {data}`; otherwise bring back the newer journal"
        );
    }
    anyhow::Error::new(error).context(help)
}

/// The time of day, as far as this machine knows it.
pub(crate) fn wall_clock() -> UnixNanos {
    UnixNanos(nanos(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
}

/// A duration as the units of time here count it.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn random_bytes() -> anyhow::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(bytes)
}
