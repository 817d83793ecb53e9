//! Removes from one shard what has left it, once nobody can need it any more.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use domain::shard_map::ShardMap;
use domain::shards::Subject;
use domain::text::ShardName;
use domain::units::Seq;
use gateway::door::{MoveState, Moving};
use projector::share::stream_of;
use projector::store::StoreError;
use store_postgres::config::PostgresConfig;
use store_postgres::moves::remove::Remover;
use store_postgres::moves::{Leftover, Watch};

use super::{Ground, Moves};
use crate::followers::name_of;
use crate::priority::give_way;

/// How often a shard is asked what has left it.
const LOOK: Duration = Duration::from_millis(500);

pub(super) struct Sweeper {
    name: ShardName,
    remover: Remover,
    ground: Arc<Ground>,
    moves: Arc<Moves>,
    /// Since when the new owner has been known to have the rows for good.
    safe: BTreeMap<(Subject, Seq), Instant>,
}

/// Whether rows may go.
enum Fate {
    /// At once.
    Go,
    /// Not before this long.
    In(Duration),
    /// The new owner does not have them for good yet.
    Kept,
}

impl Sweeper {
    pub(super) fn new(name: ShardName, place: PostgresConfig, ground: Arc<Ground>, moves: Arc<Moves>) -> Self {
        Self { name, remover: Remover::new(place), ground, moves, safe: BTreeMap::new() }
    }

    pub(super) fn start(mut self) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name("sweeper".into()).spawn(move || self.run())
    }

    fn run(&mut self) {
        give_way();
        let mut trouble = false;
        while !self.ground.shared.is_stopping() {
            match self.look() {
                Ok(()) => trouble = false,
                Err(error) if !trouble => {
                    tracing::warn!(shard = %self.name, %error, "what has left the shard cannot be looked at or removed now");
                    trouble = true;
                }
                Err(_) => {}
            }
            self.ground.shared.rest(LOOK);
        }
    }

    fn look(&mut self) -> Result<(), StoreError> {
        let map = self.ground.shared.read_model.shard_map();
        if map.shards().len() < 2 {
            return Ok(());
        }
        let leftovers = self.remover.leftovers()?;
        self.safe.retain(|(subject, left), _| leftovers.iter().any(|it| it.subject == *subject && it.left == *left));
        let mut seen = Vec::new();
        let mut going = Vec::new();
        for leftover in leftovers {
            let owner =
                map.owner(leftover.subject).and_then(|owner| map.shard(owner)).map_or(self.name, |shard| shard.name);
            let mut moving = Moving::new(leftover.subject, self.name, owner, leftover.left);
            moving.state = MoveState::Kept;
            match self.fate(&leftover, &map) {
                Fate::Go => {
                    moving.state = MoveState::Removing;
                    going.push(leftover.subject);
                }
                Fate::In(rest) => moving.trouble = Some(format!("its rows are kept for {} s more", rest.as_secs() + 1)),
                Fate::Kept => moving.trouble = Some(format!("its rows are kept until {owner} has them for good")),
            }
            seen.push(moving);
        }
        self.show(seen);
        for subject in going {
            let watch = Watch::stopped_by(Arc::clone(&self.ground.shared.stop));
            if !self.remover.remove(subject, &watch)? {
                break;
            }
            tracing::info!(?subject, shard = %self.name, "the rows that had left are removed");
        }
        Ok(())
    }

    fn show(&self, seen: Vec<Moving>) {
        self.moves.leaving.lock().unwrap_or_else(PoisonError::into_inner).insert(self.name, seen);
    }

    fn fate(&mut self, leftover: &Leftover, map: &ShardMap) -> Fate {
        let Leftover { subject, left, removing } = *leftover;
        if removing {
            return Fate::Go;
        }
        let tenures = map.tenures(subject);
        let Some(last) = tenures.last() else { return Fate::Kept };
        let Some(owner) = map.shard(last.shard) else { return Fate::Kept };
        let stream = stream_of(subject);
        let Some(status) = self.ground.shared.roster.find(&name_of(owner.name.as_str(), stream)) else {
            return Fate::Kept;
        };
        if owner.name == self.name {
            // It is to come back, and a copy is waited for: what is here is older.
            return if status.post.missing() == Some(subject) { Fate::Go } else { Fate::Kept };
        }
        // It may have been there and lost its tail.
        if status.durable() < last.from || status.reached() < last.from || status.post.missing().is_some() {
            status.want_durable();
            return Fate::Kept;
        }
        let since = *self.safe.entry((subject, left)).or_insert_with(Instant::now);
        // What came for a move that was given up is nobody's last copy.
        let was_owner = tenures.iter().any(|tenure| tenure.from == left);
        match self.ground.kept.checked_sub(since.elapsed()) {
            Some(rest) if was_owner && !rest.is_zero() => Fate::In(rest),
            Some(_) | None => Fate::Go,
        }
    }
}
