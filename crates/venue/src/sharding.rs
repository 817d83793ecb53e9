//! The shards of a running venue: how they get into the map, and how their databases are followed.

pub(crate) mod seeding;
pub(crate) mod running;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use domain::command::RequestContent;
use domain::command::add_shard::AddShard;
use domain::limits::SHARD_WEIGHT_DEFAULT;
use domain::shard_map::ShardMap;
use domain::text::{RequestId, ShardName};
use domain::units::{Seq, Weight};
use projector::share::Share;

use crate::console::Console;
use crate::followers::{self, Shared};
use crate::sharding::seeding::Seeding;
use crate::stores::member::Member;
use crate::stores::{Standing, Stores};

/// From one look at threads that are to end to the next.
const LOOK: Duration = Duration::from_millis(5);

/// Follower threads, those of shards added since the start among them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Threads(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Threads {
    pub(crate) fn add(&self, thread: JoinHandle<()>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    }

    /// Waits for all of them; for those that are left when nobody `is_going_on` any more, for so long at most: what is asked of a server
    /// that is away takes its time, and may end with the process at any point.
    pub(crate) fn end(&self, patience: Duration, is_going_on: impl Fn() -> bool) {
        let (mut left, mut went_on): (Vec<JoinHandle<()>>, _) = (Vec::new(), Instant::now());
        loop {
            for thread in left.extract_if(.., |thread| thread.is_finished()) {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            }
            // A shard that is just joining may start others.
            left.append(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
            if is_going_on() {
                went_on = Instant::now();
            }
            if left.is_empty() || went_on.elapsed() > patience {
                return;
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// Adds the shards of the configuration that the map does not have, in the order of the file.
///
/// The first shard of a venue takes all there is, and its database may have it already. Every other one begins empty, so its database must
/// be there to be looked at: where it is not, it and those after it are left for the next start.
pub(crate) fn register(stores: &Stores, map: &ShardMap, console: &Console) -> anyhow::Result<()> {
    let mut is_first = map.is_empty();
    for name in stores.shards() {
        if map.shard_by_name(name.as_str()).is_some() {
            continue;
        }
        if !is_first {
            match stores.standing(name) {
                Standing::Empty => {}
                Standing::Unreachable => {
                    tracing::warn!(shard = %name, "not reached, so neither it nor what comes after it in the configuration is added now");
                    break;
                }
                Standing::Filled => anyhow::bail!(
                    "the database of the new shard {:?} is not empty: give it an empty one; where it holds everything of this \
                     venue from before there were shards, it comes first in the configuration",
                    name.as_str()
                ),
            }
        }
        add(name, console).with_context(|| format!("the shard {:?} cannot be added", name.as_str()))?;
        is_first = false;
    }
    Ok(())
}

/// The request follows from the name: a start that was interrupted asks for the same again.
fn add(name: ShardName, console: &Console) -> anyhow::Result<()> {
    let id = RequestId::new(&format!("add-{name}"))?;
    console.request_as(id, RequestContent::AddShard(AddShard { name, weight: Weight(SHARD_WEIGHT_DEFAULT) }))?;
    tracing::info!(shard = %name, "added to the shard map");
    Ok(())
}

/// Says which shards of the map nobody can reach.
pub(crate) fn warn_unconfigured(stores: &Stores, map: &ShardMap) {
    let configured = stores.shards();
    if configured.is_empty() && !map.is_empty() {
        tracing::warn!(
            "the venue has shards, but the configuration names none: orders and money are in the embedded store"
        );
        return;
    }
    for shard in map.shards().iter().filter(|shard| !configured.contains(&shard.name)) {
        tracing::warn!(
            shard = %shard.name,
            "not in the configuration: its symbols and users trade, but what only its database has cannot be read, and nothing keeps the \
             logs that it misses"
        );
    }
}

/// Starts the followers of all stores.
pub(crate) fn follow(stores: Stores, shared: &Shared, seeding: &Seeding, threads: &Threads) -> anyhow::Result<()> {
    let map = shared.read_model.shard_map();
    let found = stores.found();
    let mut empty: Vec<ShardName> = stores.shards();
    empty.retain(|name| stores.has_empty_stream(*name));
    let (of_shards, others): (Vec<_>, Vec<_>) = stores.members.into_iter().partition(|member| member.shard.is_some());
    let reached = |name: &str| found.get(name).copied().unwrap_or(Seq::ZERO);
    for member in others {
        let statuses = followers::announce(&member, &shared.roster, reached);
        threads.add(followers::start(member, &statuses, &Share::whole(), shared)?);
    }
    for mut members in by_shard(of_shards) {
        let Some(shard) = members.first().and_then(|member| map.shard_by_name(member.shard?.as_str())) else {
            continue;
        };
        for member in &mut members {
            member.store.set_shard(shard.id);
        }
        if empty.contains(&shard.name) {
            // What is not done now is done at the next start.
            if let Err(error) = seeding.seed(shard, &mut members) {
                tracing::warn!(shard = %shard.name, error = format!("{error:#}"), "the empty database could not be begun");
            }
        }
        for member in members {
            let statuses = followers::announce(&member, &shared.roster, reached);
            threads.add(followers::start(member, &statuses, &Share::of(shard.id, ShardMap::clone(&map)), shared)?);
        }
    }
    Ok(())
}

/// The members of each shard, in their order.
fn by_shard(members: Vec<Member>) -> Vec<Vec<Member>> {
    let mut all: Vec<Vec<Member>> = Vec::new();
    for member in members {
        match all.last_mut() {
            Some(last) if last.first().is_some_and(|first| first.shard == member.shard) => last.push(member),
            Some(_) | None => all.push(vec![member]),
        }
    }
    all
}
