//! The beginning of a database that joins late: what its shard owned before is nothing, so it begins at a snapshot.

use std::time::{Duration, Instant};

use anyhow::Context;
use domain::ids::Checkpoint;
use domain::shard_map::ShardMap;
use domain::shards::Shard;
use domain::state::State;
use domain::units::Seq;
use projector::store::Outcome;
use sequencer::snapshots::Snapshots;

use crate::config::Config;
use crate::followers::{Shared, name_of};
use crate::seed;
use crate::source::Logs;
use crate::stores::member::Member;

/// How long a database is waited for that was there a moment ago.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is needed to begin a database.
#[derive(Debug)]
pub(crate) struct Seeding {
    snapshots: Snapshots,
    logs: Logs,
    /// A follower that would have to read more than this is better off at a snapshot.
    replay_max: u64,
}

impl Seeding {
    pub(crate) fn of(shared: &Shared, config: &Config) -> Self {
        let (snapshots, logs) = (shared.snapshots.clone(), shared.logs.clone());
        Self { snapshots, logs, replay_max: config.follower_lag_max }
    }

    /// Begins the streams of a database that are empty at the newest snapshot in which its shard has never owned anything, where reading
    /// the logs from the first command on is not possible, or takes too long.
    pub(crate) fn seed(&self, shard: &Shard, members: &mut [Member]) -> anyhow::Result<()> {
        let begins_after = self.logs.complete_after()?;
        let last = self.snapshots.list()?.last().map_or(Seq::ZERO, |(seq, _)| *seq);
        if begins_after == Seq::ZERO && last.0 <= self.replay_max {
            return Ok(());
        }
        let Some((at, state, map)) = self.base(shard, begins_after)? else {
            // Its follower says what is missing.
            return Ok(());
        };
        for member in members {
            for stream in member.streams.clone() {
                if matches!(member.store.checkpoint(stream), Ok(Some(_))) {
                    continue;
                }
                let batch = seed::empty_shard(stream, &state, &map, at);
                commit(member, &batch).with_context(|| name_of(&member.name, stream))?;
            }
        }
        tracing::info!(shard = %shard.name, seq = at.seq.0, "the empty database begins at a snapshot");
        Ok(())
    }

    fn base(&self, shard: &Shard, begins_after: Seq) -> anyhow::Result<Option<(Checkpoint, State, ShardMap)>> {
        for (seq, path) in self.snapshots.list()?.into_iter().rev() {
            if seq < begins_after {
                break;
            }
            let (header, state) = match self.snapshots.load(seq) {
                Ok(snapshot) => snapshot,
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a snapshot could not be read; an older one may do");
                    continue;
                }
            };
            let map = ShardMap::from_state(&state.shards, state.seq);
            let map = map.map_err(|what| anyhow::anyhow!("the snapshot {}: {what}", path.display()))?;
            if !map.has_owned(shard.id) {
                let (venue, epoch, hash) = (header.venue_id, header.epoch, header.event_log_hash);
                return Ok(Some((Checkpoint { venue, epoch, seq, hash }, state, map)));
            }
        }
        Ok(None)
    }
}

fn commit(member: &mut Member, batch: &projector::batch::Batch) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match member.store.commit(batch) {
            Outcome::Committed => return Ok(()),
            Outcome::Retry(after) if Instant::now() + after < deadline => std::thread::sleep(after),
            outcome @ (Outcome::Retry(_)
            | Outcome::Behind(_)
            | Outcome::Fenced(_)
            | Outcome::Diverged(_)
            | Outcome::Fatal(_)) => {
                anyhow::bail!("{}", member.store.trouble().map_or_else(|| format!("{outcome:?}"), str::to_owned))
            }
        }
    }
}
