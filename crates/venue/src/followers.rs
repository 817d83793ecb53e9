//! Keeps stores near the journal: one thread per store, which steps the followers of its streams in turn.

mod durability;
pub(crate) mod roster;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use domain::ids::Checkpoint;
use domain::shards::Subject;
use domain::units::{Epoch, Seq, UnixNanos};
use projector::batch::{Batch, Stream};
use projector::buckets::Bucket;
use projector::follower::{Follower, Step};
use projector::lineage::Lineage;
use projector::settings::Settings;
use projector::share::{Incoming, Share};
use projector::store::{Outcome, Store, StoreError, StoredRow};
use projector::words::Word as _;
use readmodel::model::ReadModel;
use sequencer::log::Progress;
use sequencer::snapshots::Snapshots;

use crate::followers::durability::Durability;
use crate::followers::roster::Roster;
use crate::moves::post::Post;
use crate::moves::{Moves, copying};
use crate::priority::give_way;
use crate::source::window::Together;
use crate::source::{Joined, Logs};
use crate::stores::member::{Kept, Member};

/// How long a stop waits for a store that takes nothing.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// The same, where it is known why.
pub(crate) const TROUBLE_PATIENCE: Duration = Duration::from_secs(2);

/// Longest sleep of a follower with nothing to do: bounds how late it hears of a shutdown.
const IDLE_WAIT: Duration = Duration::from_millis(50);

/// How one stream of one store is doing.
#[derive(Debug)]
pub(crate) struct FollowerStatus {
    /// Store and stream, for example `hot/symbols`.
    pub(crate) name: String,
    pub(crate) stream: Stream,
    reached: AtomicU64,
    durable: AtomicU64,
    durable_wanted: AtomicBool,
    stopped: Mutex<Option<String>>,
    trouble: Mutex<Option<String>>,
    ended: AtomicBool,
    /// What it and the mover tell each other.
    pub(crate) post: Post,
}

impl FollowerStatus {
    fn new(store: &str, stream: Stream, reached: Seq) -> Self {
        Self {
            name: name_of(store, stream),
            stream,
            reached: AtomicU64::new(reached.0),
            // Nobody knows what of it would survive a loss of power.
            durable: AtomicU64::new(0),
            durable_wanted: AtomicBool::new(false),
            stopped: Mutex::new(None),
            trouble: Mutex::new(None),
            ended: AtomicBool::new(false),
            post: Post::default(),
        }
    }

    /// Last sequence that the store has.
    pub(crate) fn reached(&self) -> Seq {
        Seq(self.reached.load(Ordering::Acquire))
    }

    /// Last sequence that the store has and will still have after a loss of power.
    pub(crate) fn durable(&self) -> Seq {
        Seq(self.durable.load(Ordering::Acquire))
    }

    /// Asks for [`Self::durable`] to be brought up to date, soon. Syncing a store holds up the journal's own syncs on the same
    /// disk, so nobody does it unasked.
    pub(crate) fn want_durable(&self) {
        self.durable_wanted.store(true, Ordering::Release);
    }

    /// What keeps it from going on at present, if anything does.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether something may still come of waiting for it.
    pub(crate) fn is_going_on(&self) -> bool {
        !self.ended.load(Ordering::Acquire) && self.trouble().is_none()
    }

    /// Why it stopped for good, if it did.
    pub(crate) fn stopped(&self) -> Option<String> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A store that does not have everything at a stop.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Behind {
    follower: String,
    commands: u64,
    why: String,
    /// It does not follow any more: the next start alone changes nothing.
    is_stopped: bool,
}

impl Behind {
    /// How far one is from the end; absent: it has everything.
    pub(crate) fn of(status: &FollowerStatus, end: Seq) -> Option<Self> {
        let (commands, stopped) = (end.0.saturating_sub(status.reached().0), status.stopped());
        let is_stopped = stopped.is_some();
        if commands == 0 && !is_stopped {
            return None;
        }
        let why = stopped.or_else(|| status.trouble());
        let why = why.unwrap_or_else(|| "the store takes nothing at present".to_owned());
        Some(Self { follower: status.name.clone(), commands, why, is_stopped })
    }
}

/// The last words of a venue whose stores are as far as that.
pub(crate) fn last_words(behind: &[Behind]) -> String {
    if behind.is_empty() {
        return "everything is journaled, stored and sealed".to_owned();
    }
    let mut words = "everything is journaled and sealed".to_owned();
    for (is_stopped, what) in [
        (false, "behind, to go on from there with the next start"),
        (true, "stopped, and not to go on before that is mended, see `buttonwood follower --help`"),
    ] {
        let these = behind.iter().filter(|behind| behind.is_stopped == is_stopped);
        let these: Vec<String> = these.map(Behind::to_string).collect();
        if !these.is_empty() {
            words = format!("{words}; {what}: {}", these.join(", "));
        }
    }
    words
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {} commands ({})", self.follower, self.commands, self.why)
    }
}

/// What all follower threads share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) logs: Logs,
    pub(crate) epoch: Epoch,
    /// How derived collections are cut.
    pub(crate) settings: Settings,
    pub(crate) written: Arc<Progress>,
    pub(crate) read_model: Arc<ReadModel>,
    /// States of the venue that a fold may begin at.
    pub(crate) snapshots: Snapshots,
    pub(crate) roster: Arc<Roster>,
    pub(crate) moves: Arc<Moves>,
    /// Finish what is written, then stop.
    pub(crate) stop: Arc<AtomicBool>,
}

/// How often a thread that rests hears of a stop.
const BEAT: Duration = Duration::from_millis(50);

impl Shared {
    /// Whether the venue stops.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Rests so long, or until the venue stops.
    pub(crate) fn rest(&self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end && !self.is_stopping() {
            std::thread::sleep(BEAT);
        }
    }
}

/// Makes the followers of a store known. Until they have said so themselves they are as far as `reached` says.
pub(crate) fn announce(member: &Member, roster: &Roster, reached: impl Fn(&str) -> Seq) -> Vec<Arc<FollowerStatus>> {
    let status = |stream: &Stream| {
        let reached = reached(&name_of(&member.name, *stream));
        Arc::new(FollowerStatus::new(&member.name, *stream, reached))
    };
    let statuses: Vec<_> = member.streams.iter().map(status).collect();
    roster.add(&statuses);
    statuses
}

/// Starts the thread of one store, whose followers were announced.
pub(crate) fn start(
    member: Member,
    statuses: &[Arc<FollowerStatus>],
    share: &Share,
    shared: &Shared,
) -> std::io::Result<JoinHandle<()>> {
    let Member { name, store, lineage, shard, .. } = member;
    if let (Some(shard), Some(place)) = (shard, store.place()) {
        shared.moves.put(shard, place);
    }
    let reader =
        || Joined::new(shared.logs.clone(), Arc::clone(&shared.written)).with_snapshots(shared.snapshots.clone());
    let sources = Together::readers(statuses.len(), &reader);
    let lanes = statuses.iter().zip(sources).map(|(status, source)| Lane {
        follower: Follower::new(status.stream, shared.logs.venue, shared.epoch, share.clone(), shared.settings),
        source,
        status: Arc::clone(status),
        missing: None,
    });
    let (lanes, shared, started) = (lanes.collect(), shared.clone(), Instant::now());
    let mut runner = Runner {
        lanes,
        store,
        shared,
        lineage,
        durability: Durability::default(),
        started,
        asked_to_stop: None,
        went_on: started,
    };
    std::thread::Builder::new().name(name).spawn(move || runner.run())
}

/// Store and stream.
pub(crate) fn name_of(store: &str, stream: Stream) -> String {
    format!("{store}/{}", stream.word())
}

struct Lane {
    follower: Follower,
    source: Together,
    status: Arc<FollowerStatus>,
    /// Whose rows it waits for, and where: it looks again and again.
    missing: Option<(Subject, Seq)>,
}

struct Runner {
    lanes: Vec<Lane>,
    store: Box<dyn Kept>,
    shared: Shared,
    lineage: Arc<Lineage>,
    durability: Durability,
    started: Instant,
    asked_to_stop: Option<Instant>,
    /// When a batch was last taken.
    went_on: Instant,
}

impl Runner {
    fn run(&mut self) {
        give_way();
        loop {
            // Read before stepping: what is written at this moment is what must be stored before a stop.
            let stopping = self.shared.stop.load(Ordering::Acquire);
            let written = self.shared.written.committed();
            if stopping {
                self.asked_to_stop.get_or_insert_with(Instant::now);
            }
            let next = self.step_all().min(self.copy_all(stopping));
            let level = self.lanes.iter().all(|lane| lane.is_level(written));
            let done = level && stopping || self.is_out_of_patience();
            // A store in trouble would not answer, and what it has it will tell at the next start.
            if done && level || !done && self.durable_is_wanted() {
                self.make_durable();
            }
            if done {
                self.lanes.iter().for_each(|lane| lane.status.ended.store(true, Ordering::Release));
                return;
            }
            match next {
                Next::AtOnce => {}
                Next::Written => {
                    self.shared.written.wait_committed(written.next(), IDLE_WAIT);
                }
                // More of what is already waited with does not change when it is due: each look at it would be two reads
                // of a log for a handful of commands.
                Next::After(pause) => std::thread::sleep(pause.min(IDLE_WAIT)),
            }
        }
    }

    /// Makes the copies that are wanted, between two batches; when the next steps are to be done.
    fn copy_all(&mut self, stopping: bool) -> Next {
        let mut next = Next::Written;
        for lane in &mut self.lanes {
            lane.note_missing();
            let post = &lane.status.post;
            post.report(lane.follower.incoming(), lane.missing.map(|(subject, _)| subject));
            let Some(order) = post.take().filter(|_| !stopping) else { continue };
            let is_stopping = || self.shared.stop.load(Ordering::Acquire);
            let failed = copying::copy(self.store.as_mut(), &order, &post.watch, &is_stopping);
            post.done(order.subject, failed);
            // What it has read beyond the store leaves out the subject.
            lane.follower.ask_again();
            next = Next::AtOnce;
        }
        next
    }

    /// Whether a stop has waited long enough for a store that takes nothing.
    fn is_out_of_patience(&self) -> bool {
        let patience = if self.store.trouble().is_some() { TROUBLE_PATIENCE } else { STOP_PATIENCE };
        self.asked_to_stop.is_some_and(|asked| asked.max(self.went_on).elapsed() > patience)
    }

    fn durable_is_wanted(&self) -> bool {
        let asked = self.lanes.iter().filter(|lane| lane.status.durable_wanted.swap(false, Ordering::AcqRel));
        asked.count() > 0
    }

    fn make_durable(&mut self) {
        if !self.durability.make(self.store.as_mut()) {
            return;
        }
        for lane in &mut self.lanes {
            let reached = lane.status.reached();
            match durability::still_has(self.store.as_mut(), lane.status.stream, reached) {
                Ok(true) => lane.status.durable.store(reached.0, Ordering::Release),
                Ok(false) => lane.follower.ask_again(),
                // Whoever needs it asks again.
                Err(_) => {}
            }
        }
    }

    /// One step of each lane; when the next ones are to be done.
    fn step_all(&mut self) -> Next {
        let mut next = Next::Written;
        for lane in &mut self.lanes {
            let now = UnixNanos(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX));
            let mut store =
                Witnessed { store: self.store.as_mut(), lineage: &self.lineage, durability: &mut self.durability };
            match lane.follower.step(now, &mut lane.source, &mut store) {
                Step::Committed(checkpoint) | Step::Resumed(checkpoint) => {
                    // Where the follower reads on from, the source has the same history.
                    self.lineage.admit(lane.status.stream, checkpoint);
                    lane.reached(checkpoint.seq, &self.shared);
                    self.went_on = Instant::now();
                    next = Next::AtOnce;
                }
                Step::Idle => {}
                Step::Wait(until) => {
                    let pause = Duration::from_nanos(until.since(now));
                    next = next.min(Next::After(pause));
                }
                Step::Stopped => lane.say_stopped(&self.lineage),
            }
        }
        for lane in &self.lanes {
            let mut shown = lane.status.trouble.lock().unwrap_or_else(PoisonError::into_inner);
            if shown.as_deref() != self.store.trouble() {
                *shown = self.store.trouble().map(str::to_owned);
            }
        }
        next
    }
}

/// When to step again, the soonest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    /// Something was done.
    AtOnce,
    /// Something waits, and is due after this long.
    After(Duration),
    /// All streams have all that is written.
    Written,
}

/// A store whose next checkpoint is known to be this venue's before a reader can see it.
struct Witnessed<'a> {
    store: &'a mut dyn Store,
    lineage: &'a Lineage,
    durability: &'a mut Durability,
}

impl Store for Witnessed<'_> {
    fn checkpoint(&mut self, stream: Stream) -> Result<Option<Checkpoint>, StoreError> {
        self.store.checkpoint(stream)
    }

    fn commit(&mut self, batch: &Batch) -> Outcome {
        self.lineage.admit(batch.stream(), batch.to);
        let outcome = self.store.commit(batch);
        self.durability.heard(&outcome);
        outcome
    }

    fn recall(
        &mut self,
        stream: Stream,
        buckets: &[Bucket],
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<(), StoreError> {
        self.store.recall(stream, buckets, visit)
    }

    fn incoming(&mut self, stream: Stream) -> Result<Incoming, StoreError> {
        self.store.incoming(stream)
    }

    fn commit_interval(&self) -> Duration {
        self.store.commit_interval()
    }

    fn make_durable(&mut self) -> Result<(), StoreError> {
        self.store.make_durable()
    }
}

impl Lane {
    fn reached(&self, seq: Seq, shared: &Shared) {
        self.status.reached.store(seq.0, Ordering::Release);
        let stream = match self.status.stream {
            Stream::Symbols => readmodel::model::Stream::Orders,
            Stream::Users => readmodel::model::Stream::Ledger,
            Stream::Trades => readmodel::model::Stream::Trades,
            Stream::Reference
            | Stream::Audit
            | Stream::Klines
            | Stream::HistoricalPositions
            | Stream::MarketSnapshots
            | Stream::Leaderboards
            | Stream::Analytics => return,
        };
        // Memory keeps what one of the stores of the stream still misses.
        if let Some(reached) = shared.roster.reached(self.status.stream) {
            shared.read_model.store_reached(stream, reached);
        }
    }

    /// Nothing is left to do that could be done before a stop.
    fn is_level(&self, written: Seq) -> bool {
        self.status.reached() >= written || self.follower.stopped().is_some() || self.missing.is_some()
    }

    /// While it looks again whether missing rows are there, they are missing all the same.
    fn note_missing(&mut self) {
        let at = self.status.reached();
        match self.follower.missing() {
            Some(subject) => self.missing = Some((subject, at)),
            None if self.missing.is_some_and(|(_, waits)| waits != at) => self.missing = None,
            None => {}
        }
    }

    fn say_stopped(&self, lineage: &Lineage) {
        let Some(stop) = self.follower.stopped() else { return };
        lineage.close(self.status.stream, stop);
        let mut stopped = self.status.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        if stopped.is_none() {
            tracing::error!(follower = %self.status.name, reason = %stop, "follower stopped; see `buttonwood follower --help`");
            *stopped = Some(stop.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::units::Seq;
    use projector::batch::Stream;

    use super::{Behind, FollowerStatus, last_words};

    #[test]
    fn a_follower_that_has_not_spoken_is_where_its_store_was_found() {
        let status = FollowerStatus::new("hot", Stream::Users, Seq(7));
        assert_eq!((status.name.as_str(), status.reached(), status.durable()), ("hot/users", Seq(7), Seq::ZERO));
    }

    #[test]
    fn the_last_words_tell_who_goes_on_from_who_has_stopped() {
        let away = FollowerStatus::new("mongo-1", Stream::Audit, Seq(4));
        *away.trouble.lock().unwrap() = Some("no server answers".into());
        let diverged = FollowerStatus::new("eu-1", Stream::Symbols, Seq(9));
        *diverged.stopped.lock().unwrap() = Some("another history".into());
        let level = FollowerStatus::new("hot", Stream::Users, Seq(7));
        let behind: Vec<_> = [away, diverged, level].iter().filter_map(|status| Behind::of(status, Seq(7))).collect();
        assert_eq!(
            last_words(&behind),
            "everything is journaled and sealed; behind, to go on from there with the next start: mongo-1/audit by 3 commands \
             (no server answers); stopped, and not to go on before that is mended, see `buttonwood follower --help`: \
             eu-1/symbols by 0 commands (another history)"
        );
        assert_eq!(last_words(&[]), "everything is journaled, stored and sealed");
    }
}
