//! Moves of symbols and users between shards: the thread that brings each open one to its end. What is to be done follows from the
//! shard map, and from what the followers say of their stores; nothing else is remembered. See `docs/moves.md`.

pub(crate) mod post;
pub(crate) mod copying;
mod sweeper;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use domain::command::RequestContent;
use domain::command::abort_move::AbortMove;
use domain::command::commit_move::CommitMove;
use domain::ids::ShardId;
use domain::shard_map::ShardMap;
use domain::shards::{Move, Subject};
use domain::text::{RequestId, ShardName};
use domain::units::Seq;
use gateway::door::{MoveState, Moving};
use projector::share::stream_of;
use store_postgres::config::PostgresConfig;

use crate::console::Console;
use crate::followers::{FollowerStatus, Shared, name_of};
use crate::moves::post::Order;
use crate::moves::sweeper::Sweeper;

/// How often the mover looks.
const LOOK: Duration = Duration::from_millis(20);
/// A destination this near the end takes over: readers and followers pass the commitment a moment later.
const BEHIND_MAX: u64 = 10_000;
/// A copy that was not made is tried again after this long.
const RETRY: Duration = Duration::from_millis(500);

/// What the mover knows of the venue.
#[derive(Debug)]
struct Ground {
    shared: Shared,
    console: Console,
    kept: Duration,
}

/// What others see of the moves, and tell about shards.
#[derive(Debug)]
pub(crate) struct Moves {
    places: Mutex<BTreeMap<ShardName, PostgresConfig>>,
    open: Mutex<Vec<Moving>>,
    /// By shard: what has left it and is still there.
    leaving: Mutex<BTreeMap<ShardName, Vec<Moving>>>,
    needed: AtomicU64,
}

impl Moves {
    /// Nothing before this is needed by an open move of the map.
    pub(crate) fn of(map: &ShardMap) -> Self {
        let needed = AtomicU64::new(needed_from(map));
        Self { places: Mutex::default(), open: Mutex::default(), leaving: Mutex::default(), needed }
    }

    /// Where a shard's database is.
    pub(crate) fn put(&self, name: ShardName, place: PostgresConfig) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).insert(name, place);
    }

    /// Journal and event log are kept from here on, whatever the checkpoints say.
    pub(crate) fn needed(&self) -> Seq {
        Seq(self.needed.load(Ordering::Acquire))
    }

    /// Each open move, and what has left a shard and is still there.
    pub(crate) fn all(&self) -> Vec<Moving> {
        let mut all = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(leaving.values().flatten().cloned());
        all
    }

    /// Where a shard's database is, if that was said.
    pub(crate) fn place(&self, name: ShardName) -> Option<PostgresConfig> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned()
    }

    /// The shards whose databases are known.
    pub(crate) fn names(&self) -> Vec<ShardName> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }
}

/// Starts the thread that moves, which ends with the venue. Rows that have left stay where they were for as long as `kept` says.
pub(crate) fn start(shared: &Shared, console: Console, kept: Duration) -> std::io::Result<JoinHandle<()>> {
    let ground = Arc::new(Ground { shared: shared.clone(), console, kept });
    let moves = Arc::clone(&shared.moves);
    let mut mover =
        Mover { ground, moves, tries: BTreeMap::new(), switching: BTreeMap::new(), sweepers: BTreeMap::new() };
    std::thread::Builder::new().name("mover".into()).spawn(move || mover.run())
}

struct Mover {
    ground: Arc<Ground>,
    moves: Arc<Moves>,
    /// When a copy to a shard is asked for again.
    tries: BTreeMap<(ShardId, Subject), Instant>,
    /// Moves that this mover committed, until the new owner is there.
    switching: BTreeMap<Subject, Switching>,
    sweepers: BTreeMap<ShardName, JoinHandle<()>>,
}

/// A move that is committed.
#[derive(Debug, Clone, Copy)]
struct Switching {
    from: ShardName,
    to: ShardName,
    at: Seq,
}

impl Mover {
    fn run(&mut self) {
        while !self.ground.shared.stop.load(Ordering::Acquire) {
            self.sweep();
            let map = self.ground.shared.read_model.shard_map();
            self.moves.needed.store(needed_from(&map), Ordering::Release);
            let mut seen: Vec<Moving> = map.moves().map(|open| self.advance(open, &map)).collect();
            seen.extend(self.switched());
            *self.moves.open.lock().unwrap_or_else(PoisonError::into_inner) = seen;
            self.give_what_is_missing(&map);
            std::thread::sleep(LOOK);
        }
        for status in self.ground.shared.roster.all() {
            status.post.watch.stop();
        }
        for (_, sweeper) in std::mem::take(&mut self.sweepers) {
            drop(sweeper.join());
        }
    }

    /// One sweeper for each shard that has been named.
    fn sweep(&mut self) {
        for name in self.moves.names() {
            if self.sweepers.contains_key(&name) {
                continue;
            }
            let Some(place) = self.moves.place(name) else { continue };
            let sweeper = Sweeper::new(name, place, Arc::clone(&self.ground), Arc::clone(&self.moves));
            match sweeper.start() {
                Ok(thread) => drop(self.sweepers.insert(name, thread)),
                Err(error) => tracing::error!(%error, shard = %name, "what has left the shard cannot be removed"),
            }
        }
    }

    /// The next step of an open move, and how it stands.
    fn advance(&mut self, open: &Move, map: &ShardMap) -> Moving {
        let Move { subject, to, begun } = *open;
        let name = |id: Option<ShardId>| id.and_then(|id| map.shard(id)).map(|shard| shard.name);
        let from = map.owner(subject);
        let (from_name, to_name) = (name(from), name(Some(to)));
        let (Some(from_name), Some(to_name)) = (from_name, to_name) else {
            unreachable!("an open move is between shards of the map")
        };
        let mut moving = Moving::new(subject, from_name, to_name, begun);
        let status = self.ground.shared.roster.find(&name_of(to_name.as_str(), stream_of(subject)));
        let Some(status) = status.filter(|_| self.moves.place(to_name).is_some()) else {
            moving.trouble = Some(format!("{to_name} is not in the configuration: the move is given up"));
            self.give_up(open);
            return moving;
        };
        let written = self.ground.shared.written.committed();
        moving.behind = written.0.saturating_sub(status.reached().0);
        moving.trouble = status.stopped().or_else(|| status.trouble());
        match status.post.holds(subject) {
            None => {}
            Some(false) => self.copy(&status, to, subject, from_name, &mut moving),
            Some(true) => {
                moving.state = MoveState::Following;
                // What was passed since the move began cannot be of another, earlier one.
                if status.reached() >= begun && moving.behind <= BEHIND_MAX {
                    self.commit(open, from_name, to_name, &mut moving);
                }
            }
        }
        moving
    }

    /// Asks for a copy, and says how it goes.
    fn copy(&mut self, status: &FollowerStatus, to: ShardId, subject: Subject, source: ShardName, moving: &mut Moving) {
        let post = &status.post;
        if post.copying() == Some(subject) {
            moving.state = MoveState::Copying;
            moving.rows = post.watch.rows();
            return;
        }
        moving.trouble = moving.trouble.take().or_else(|| post.failed(subject));
        let Some(place) = self.moves.place(source) else {
            moving.trouble = Some(format!("{source}, which has the rows, is not in the configuration"));
            return;
        };
        let (key, now) = ((to, subject), Instant::now());
        if self.tries.get(&key).is_none_or(|after| now >= *after) {
            self.tries.insert(key, now + RETRY);
            post.order(Order { subject, name: source, source: place });
        }
    }

    /// What keeps followers from going on: a tenure begins, and the rows are not there.
    fn give_what_is_missing(&mut self, map: &ShardMap) {
        for shard in map.shards() {
            for stream in [projector::batch::Stream::Symbols, projector::batch::Stream::Users] {
                let Some(status) = self.ground.shared.roster.find(&name_of(shard.name.as_str(), stream)) else {
                    continue;
                };
                let Some(subject) = status.post.missing() else { continue };
                let tenures = map.tenures(subject);
                let begins =
                    |tenure: &&domain::shards::Tenure| tenure.shard == shard.id && tenure.from > status.reached();
                let Some(tenure) = tenures.iter().find(begins) else { continue };
                let source = map.owner_at(subject, tenure.from).and_then(|owner| map.shard(owner));
                let Some(source) = source else { continue };
                let mut moving = Moving::new(subject, source.name, shard.name, tenure.from);
                self.copy(&status, shard.id, subject, source.name, &mut moving);
                moving.behind = self.ground.shared.written.committed().0.saturating_sub(status.reached().0);
                let mut open = self.moves.open.lock().unwrap_or_else(PoisonError::into_inner);
                open.retain(|known| known.subject != subject || known.to != shard.name);
                open.push(moving);
            }
        }
    }

    fn commit(&mut self, open: &Move, from: ShardName, to: ShardName, moving: &mut Moving) {
        let content = RequestContent::CommitMove(CommitMove { subject: open.subject });
        match self.ground.console.request_as(request_id("commit", open), content) {
            Ok(_) => {
                let at = self
                    .ground
                    .shared
                    .read_model
                    .shard_map()
                    .tenures(open.subject)
                    .last()
                    .map_or(Seq::ZERO, |last| last.from);
                tracing::info!(subject = ?open.subject, %from, %to, seq = at.0, "moved");
                moving.state = MoveState::Switching;
                self.switching.insert(open.subject, Switching { from, to, at });
            }
            // Somebody gave it up at the same moment, or the venue stops.
            Err(error) => moving.trouble = Some(error.to_string()),
        }
    }

    fn give_up(&self, open: &Move) {
        let content = RequestContent::AbortMove(AbortMove { subject: open.subject });
        match self.ground.console.request_as(request_id("abort", open), content) {
            Ok(_) => {
                tracing::warn!(subject = ?open.subject, "the shard it was moving to is not in the configuration: given up");
            }
            Err(error) => tracing::warn!(subject = ?open.subject, %error, "the move cannot be given up"),
        }
    }

    /// Committed moves whose new owner is not there yet.
    fn switched(&mut self) -> Vec<Moving> {
        let (roster, written) = (&self.ground.shared.roster, self.ground.shared.written.committed());
        let reached = |subject: Subject, to: ShardName| {
            roster.find(&name_of(to.as_str(), stream_of(subject))).map_or(Seq::ZERO, |status| status.reached())
        };
        self.switching.retain(|subject, switching| reached(*subject, switching.to) < switching.at);
        let moving = |(subject, switching): (&Subject, &Switching)| {
            let mut moving = Moving::new(*subject, switching.from, switching.to, switching.at);
            moving.state = MoveState::Switching;
            moving.behind = written.0.saturating_sub(reached(*subject, switching.to).0);
            moving
        };
        self.switching.iter().map(moving).collect()
    }
}

/// The request of a move, which is the same whoever asks for it, and however often.
fn request_id(verb: &str, open: &Move) -> RequestId {
    let (kind, id) = match open.subject {
        Subject::Symbol(symbol) => ("s", symbol.0),
        Subject::User(user) => ("u", user.0),
    };
    RequestId::new(&format!("{verb}-{kind}{id}-{}", open.begun.0)).expect("it is short")
}

fn needed_from(map: &ShardMap) -> u64 {
    map.moves().map(|open| open.begun.0).min().unwrap_or(u64::MAX)
}
