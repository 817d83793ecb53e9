//! Old ranges of closed orders leave the PostgreSQL shards: one thread for all of them, so that what takes the rows has one writer, and
//! beside it one for each shard that sees to it that this may go on. What is to be done follows from the databases, and nothing is
//! remembered; see `docs/postgresql.md`.

mod holding;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use domain::ids::OrderId;
use domain::text::ShardName;
use domain::units::{Seq, UnixNanos};
use gateway::door::{HeldRange, Retirement};
use projector::batch::Stream;
use projector::retired::{Extent, GivenUp, RetireError, RetiredStore};
use readmodel::retired::WithRetired;
use store_postgres::fault::Fault;
use store_postgres::retire::{Contents, Copied, CopyError, OldRange, Stays, Writer};

use crate::followers::{FollowerStatus, Shared, name_of};
use crate::priority::give_way;
use crate::retirer::holding::{Holder, Holding, View};
use crate::sharding::Threads;

const NANOS_PER_DAY: u64 = 86_400_000_000_000;
/// How often the shards are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// From a claim of a shard to the first range that goes: whoever had it before has looked by then, and reads no more of it.
const HANDOVER: Duration = Duration::from_secs(3);
/// A range that stays although all is closed is tried again after this long at first, and after twice as long each time.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_mins(1);
/// What was copied counts as there for so long: where the rows go may itself be restored to an earlier point.
const COPIED_FOR: Duration = Duration::from_mins(5);

/// How retirement stands, for whoever asks.
#[derive(Debug, Default)]
pub(crate) struct Retiring {
    shards: Mutex<BTreeMap<ShardName, Retirement>>,
}

impl Retiring {
    /// Each shard.
    pub(crate) fn all(&self) -> Vec<Retirement> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// Starts the thread, which ends with the venue. What closed so many days ago goes to `place`; where nothing is to go, it still sees to it
/// that what is gone is there.
pub(crate) fn start(
    shared: &Shared,
    threads: &Threads,
    retiring: &Arc<Retiring>,
    place: Place,
    hot_days: Option<u64>,
    writer: Writer,
) -> std::io::Result<JoinHandle<()>> {
    let mut retirer = Retirer {
        shared: shared.clone(),
        threads: threads.clone(),
        retiring: Arc::clone(retiring),
        place,
        hot_ns: hot_days.map(|days| days.saturating_mul(NANOS_PER_DAY)),
        writer,
        ended: None,
        shards: BTreeMap::new(),
    };
    std::thread::Builder::new().name("retirer".into()).spawn(move || retirer.run())
}

struct Retirer {
    shared: Shared,
    threads: Threads,
    retiring: Arc<Retiring>,
    place: Place,
    hot_ns: Option<u64>,
    writer: Writer,
    /// Why the archive takes nothing until the next start.
    ended: Option<String>,
    shards: BTreeMap<ShardName, Shard>,
}

/// Where rows go.
#[derive(Debug)]
pub(crate) struct Place {
    /// The one writer of it.
    pub(crate) store: Box<dyn RetiredStore>,
    /// Who reads it: told of each range before that is dropped.
    pub(crate) readers: Arc<WithRetired>,
}

impl Place {
    /// How far it has closed orders; its readers hear of it.
    fn reached(&self) -> Result<Option<Extent>, Trouble> {
        self.readers.refresh().map_err(|error| Trouble::Passing(error.to_string()))
    }
}

/// What is known of a shard.
struct Shard {
    name: ShardName,
    view: View,
    retirer: store_postgres::retire::Retirer,
    /// By their first order, the ranges that are old and have no open order.
    closed: BTreeMap<OrderId, Closed>,
    /// The trouble that the log has been told of.
    said: Option<String>,
}

/// A range without an open order. Its rows never change any more; others may come and go with moves.
struct Closed {
    /// What it has, once that was looked at.
    contents: Option<Contents>,
    /// When its rows were copied, and what the archive said then.
    copied: Option<(Instant, GivenUp)>,
    /// Why it stayed the last time.
    stays: Option<Stays>,
    /// When it is tried again.
    again: Instant,
    pause: Duration,
}

impl Closed {
    fn new() -> Self {
        Self { contents: None, copied: None, stays: None, again: Instant::now(), pause: RETRY_MIN }
    }

    /// Tried again later, and later each time: each attempt reads the range from one end to the other.
    fn stays(&mut self, stays: Stays) -> Fate {
        if stays != Stays::Busy {
            (self.contents, self.copied) = (None, None);
        }
        self.again = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(RETRY_MAX);
        let why = stays.to_string();
        self.stays = Some(stays);
        Fate::Held(why)
    }
}

/// What came of a range.
enum Fate {
    /// It is gone.
    Gone,
    /// It is not old yet.
    Young,
    /// It stays; why.
    Held(String),
    /// The venue stops.
    Stopped,
}

/// What keeps every range of a shard from going.
enum Trouble {
    /// Tried again.
    Passing(String),
    /// No repetition changes it.
    Lasting(String),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Passing(fault.to_string())
    }
}

impl From<CopyError> for Trouble {
    fn from(error: CopyError) -> Self {
        let what = error.to_string();
        match error {
            CopyError::Here(_) | CopyError::There(RetireError::Retry(..)) => Self::Passing(what),
            CopyError::There(RetireError::Diverged(_) | RetireError::Fatal(_)) => Self::Lasting(what),
        }
    }
}

impl Retirer {
    fn run(&mut self) {
        give_way();
        while !self.shared.is_stopping() {
            for name in self.shared.moves.names() {
                let Some(mut shard) = self.shards.remove(&name).or_else(|| self.meet(name)) else { continue };
                match self.look(&mut shard) {
                    Ok(()) => shard.said = None,
                    Err(Trouble::Passing(why)) => self.tell(&mut shard, why),
                    Err(Trouble::Lasting(why)) => {
                        let why = format!("{why}; until the next start no range goes");
                        self.ended = Some(why.clone());
                        self.tell(&mut shard, why);
                    }
                }
                self.shards.insert(name, shard);
            }
            self.shared.rest(LOOK);
        }
    }

    /// A shard that was not known before; absent: it cannot be looked at yet.
    fn meet(&self, name: ShardName) -> Option<Shard> {
        let place = self.shared.moves.place(name)?;
        let (retires, readers) = (self.hot_ns.is_some(), Arc::clone(&self.place.readers));
        let (holder, view) = Holder::new(name, place.clone(), self.writer, retires, readers);
        match holder.start(self.shared.clone()) {
            Ok(thread) => self.threads.add(thread),
            Err(error) => {
                tracing::warn!(shard = %name, %error, "the system gives no thread to look after what it gave up");
                return None;
            }
        }
        let retirer = store_postgres::retire::Retirer::new(place);
        Some(Shard { name, view, retirer, closed: BTreeMap::new(), said: None })
    }

    /// Says what keeps all ranges: at once in the status, and once in the log.
    fn tell(&self, shard: &mut Shard, why: String) {
        let name = shard.name;
        if shard.said.as_ref() != Some(&why) {
            tracing::warn!(shard = %name, why, "old orders stay in the shard for now");
            shard.said = Some(why.clone());
        }
        self.show(name, |shown| shown.trouble = Some(why));
    }

    fn show(&self, name: ShardName, change: impl FnOnce(&mut Retirement)) {
        let mut shards = self.retiring.shards.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = shards.entry(name).or_insert_with(|| Retirement {
            shard: name.to_string(),
            ranges: 0,
            held: None,
            trouble: None,
        });
        change(shown);
    }

    /// Lets go what may go of a shard, oldest first.
    fn look(&mut self, shard: &mut Shard) -> Result<(), Trouble> {
        let holding = shard.view.now();
        if let Holding::Not(why) = holding {
            return Err(Trouble::Passing(why));
        }
        let Some(hot_ns) = self.hot_ns else {
            self.retiring.shards.lock().unwrap_or_else(PoisonError::into_inner).remove(&shard.name);
            return Ok(());
        };
        if let Some(why) = &self.ended {
            return Err(Trouble::Passing(why.clone()));
        }
        if !matches!(holding, Holding::Ours(since) if since.elapsed() >= HANDOVER) {
            return Ok(());
        }
        let now = self.shared.read_model.time();
        // Changed so long ago or longer.
        let before = UnixNanos(now.0.saturating_sub(hot_ns).saturating_add(1));
        let look = shard.retirer.look(before)?;
        shard.closed.retain(|first, _| look.old.iter().any(|old| old.range.first() == *first));
        let (mut ranges, mut held) = (look.retired, None);
        for old in look.old {
            match self.retire(shard, old, before)? {
                Fate::Gone => {
                    ranges += 1;
                    shard.closed.remove(&old.range.first());
                }
                Fate::Young => {}
                Fate::Held(why) => {
                    let (first, last) = (old.range.first(), old.range.last());
                    held.get_or_insert(HeldRange { first, last, why });
                }
                Fate::Stopped => return Ok(()),
            }
            self.show(shard.name, |shown| {
                (shown.ranges, shown.trouble) = (ranges, None);
                shown.held.clone_from(&held);
            });
        }
        self.show(shard.name, |shown| (shown.ranges, shown.held, shown.trouble) = (ranges, held, None));
        Ok(())
    }

    fn retire(&mut self, shard: &mut Shard, old: OldRange, before: UnixNanos) -> Result<Fate, Trouble> {
        if self.shared.is_stopping() {
            return Ok(Fate::Stopped);
        }
        if let Some(order) = old.open {
            return Ok(Fate::Held(Stays::Open(order).to_string()));
        }
        let closed = shard.closed.entry(old.range.first()).or_insert_with(Closed::new);
        if let Some(stays) = closed.stays.as_ref().filter(|_| Instant::now() < closed.again) {
            return Ok(Fate::Held(stays.to_string()));
        }
        if closed.contents.is_none() {
            match shard.retirer.survey(old.range, self.writer)? {
                Ok(found) => closed.contents = Some(found),
                Err(stays) => return Ok(closed.stays(stays)),
            }
        }
        let Some(contents) = closed.contents.clone() else { unreachable!("it was just looked at") };
        if contents.updated_time >= before {
            return Ok(Fate::Young);
        }
        if let Some(why) = awaited(&self.shared, shard.name, contents.last_seq) {
            return Ok(Fate::Held(why));
        }
        if closed.copied.is_none_or(|(when, _)| when.elapsed() > COPIED_FOR) {
            closed.copied = None;
            match shard.retirer.copy(&contents, self.place.store.as_mut(), &self.shared.stop)? {
                Copied::Whole => {}
                Copied::Stopped => return Ok(Fate::Stopped),
                Copied::Changed => return Ok(closed.stays(Stays::Changed)),
            }
        }
        // A read that no longer finds them in the shard knows where they are. What was copied may have been taken back since.
        let there = self.place.reached()?;
        let (_, copied) = *closed.copied.get_or_insert_with(|| (Instant::now(), GivenUp::of(there)));
        let gone = GivenUp { last_seq: contents.last_seq, ..copied };
        if !gone.is_in(there) {
            return Ok(closed.stays(Stays::Changed));
        }
        match shard.retirer.drop_range(&contents, gone.additions, self.writer)? {
            Ok(()) => {
                let (first, last) = (old.range.first().0, old.range.last().0);
                let (orders, fills) = (contents.orders, contents.fills);
                tracing::info!(shard = %shard.name, first, last, orders, fills, "a range of closed orders is in the archive only");
                Ok(Fate::Gone)
            }
            Err(stays) => Ok(closed.stays(stays)),
        }
    }
}

/// Which follower is not past this sequence for good; it is asked to be.
fn awaited(shared: &Shared, shard: ShardName, seq: Seq) -> Option<String> {
    let own = name_of(shard.as_str(), Stream::Symbols);
    let is_waited_for = |follower: &&Arc<FollowerStatus>| {
        follower.name == own || matches!(follower.stream, Stream::Trades | Stream::Audit)
    };
    let followers = shared.roster.all();
    // A store that came back without its tail has less than was durable once.
    let is_behind = |follower: &&Arc<FollowerStatus>| follower.durable().min(follower.reached()) < seq;
    let mut behind = followers.iter().filter(is_waited_for).filter(is_behind).peekable();
    let why = behind
        .peek()
        .map(|follower| format!("{} does not have everything up to {} for good yet", follower.name, seq.0));
    behind.for_each(|follower| follower.want_durable());
    why
}
