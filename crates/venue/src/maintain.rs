//! The background replayer and retention: a second engine follows, compares and writes snapshots; segments that nobody needs go.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use domain::units::Seq;
use sequencer::execution_index::ExecutionIndex;
use sequencer::log::Progress;
use sequencer::queue::Admission;
use sequencer::replayer::Replayer;
use sequencer::snapshots::Snapshots;

use crate::followers::roster::Roster;
use crate::live::EXIT_LOST;
use crate::moves::Moves;
use crate::priority::give_way;
use crate::retention::Retention;

/// How often a replayer that is level looks for more: each look is two reads of a log, however little is new.
const BEAT: Duration = Duration::from_millis(20);

/// A follower that has far to go comes nearer at least so often: a batch is 32,768 commands at most, and a slow store takes 2,000 a second.
const NEARING: Duration = Duration::from_mins(1);

/// After a failure the next snapshot is tried after this part of the usual distance: an attempt copies the whole state and may
/// write gigabytes.
const RETRY_PART: u64 = 10;

/// The event log could not be synced. Nothing is tried again: the process ends, and the next start recovers.
#[derive(Debug)]
struct EventLogLost;

/// What a maintainer watches.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) written: Arc<Progress>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) followers: Arc<Roster>,
    /// Commands a follower may be behind before new orders are refused.
    pub(crate) follower_lag_max: u64,
    /// Where the logs began at the start: nothing before is kept for anybody.
    pub(crate) logs_complete_after: Seq,
    pub(crate) executions: Arc<ExecutionIndex>,
    /// Open moves need the logs from where they began.
    pub(crate) moves: Arc<Moves>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) replayed: Arc<AtomicU64>,
}

/// Starts the replayer's thread. A divergence means that this machine does not compute what it computed a moment ago: the doors close.
pub(crate) fn start(
    replayer: Replayer,
    snapshots: Snapshots,
    snapshot_every: u64,
    retention: Retention,
    watch: Watch,
) -> std::io::Result<JoinHandle<()>> {
    let mut maintainer = Maintainer::new(replayer, snapshots, snapshot_every, retention, watch);
    std::thread::Builder::new().name("replayer".into()).spawn(move || {
        if let Err(EventLogLost) = maintainer.run() {
            std::process::exit(EXIT_LOST);
        }
    })
}

struct Maintainer {
    replayer: Replayer,
    snapshots: Snapshots,
    snapshot_every: u64,
    /// Sequence of the last snapshot.
    taken: Seq,
    /// The next snapshot is due with this sequence.
    due: Seq,
    retention: Retention,
    nearing: Nearing,
    watch: Watch,
}

/// How near each follower has come since the start, by its name.
#[derive(Debug, Default)]
struct Nearing {
    followers: HashMap<String, Nearest>,
}

/// The fewest commands that a follower was behind, and since when.
#[derive(Debug, Clone, Copy)]
struct Nearest {
    behind: u64,
    since: Instant,
}

impl Nearing {
    /// Whether a follower is too far behind: by more than `most` since it was nearest, or by more than `most` and not on its way. One that
    /// has to take in what was before it joined comes nearer: the logs keep nothing more for it.
    fn falls_behind(&mut self, name: &str, behind: u64, most: u64, now: Instant) -> bool {
        let Some(nearest) = self.followers.get_mut(name) else {
            self.followers.insert(name.to_owned(), Nearest { behind, since: now });
            return false;
        };
        if behind < nearest.behind {
            *nearest = Nearest { behind, since: now };
        }
        behind > most && (behind - nearest.behind > most || now - nearest.since > NEARING)
    }
}

impl Maintainer {
    fn new(replayer: Replayer, snapshots: Snapshots, snapshot_every: u64, retention: Retention, watch: Watch) -> Self {
        let taken = replayer.seq();
        let due = Seq(taken.0.saturating_add(snapshot_every));
        Self { replayer, snapshots, snapshot_every, taken, due, retention, nearing: Nearing::default(), watch }
    }

    fn run(&mut self) -> Result<(), EventLogLost> {
        give_way();
        while !self.watch.stop.load(Ordering::Acquire) {
            let written = self.watch.written.committed();
            self.watch_followers(written);
            match self.replayer.step(written) {
                Ok(true) => {
                    self.watch.replayed.store(self.replayer.seq().0, Ordering::Release);
                    self.snapshot_if_due()?;
                }
                Ok(false) => {
                    if !self.tidy_index() {
                        std::thread::sleep(BEAT);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the replay does not confirm the live engine; the doors are closed");
                    self.watch.admission.close();
                    return Ok(());
                }
            }
        }
        self.finish()
    }

    fn snapshot_if_due(&mut self) -> Result<(), EventLogLost> {
        if self.replayer.seq() >= self.due { self.snapshot() } else { Ok(()) }
    }

    /// Follows to the end and takes a last snapshot: a start after this needs no replay.
    fn finish(&mut self) -> Result<(), EventLogLost> {
        loop {
            match self.replayer.step(self.watch.written.committed()) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::error!(%error, "the replay does not confirm the live engine; keep the data directory");
                    return Ok(());
                }
            }
        }
        if self.replayer.seq() > self.taken { self.snapshot() } else { Ok(()) }
    }

    /// One piece of the execution index's slow work; whether there was any.
    fn tidy_index(&self) -> bool {
        self.watch.executions.maintain(Seq::ZERO).unwrap_or_else(|error| {
            tracing::warn!(%error, "the index of executions cannot be written; it stays in memory");
            false
        })
    }

    /// Logs are kept for the slowest follower: bounded, and beyond that the doors close for new orders.
    fn watch_followers(&mut self, written: Seq) {
        let now = Instant::now();
        let mut is_behind = false;
        for follower in self.watch.followers.all() {
            let kept_after = follower.reached().max(self.watch.logs_complete_after);
            let behind = written.0.saturating_sub(kept_after.0);
            is_behind |= self.nearing.falls_behind(&follower.name, behind, self.watch.follower_lag_max, now);
        }
        self.watch.admission.set_follower_behind(is_behind);
    }

    /// Writes a snapshot; the event log is synced first, so that no start finds a snapshot ahead of it.
    fn snapshot(&mut self) -> Result<(), EventLogLost> {
        if self.watch.written.lost().is_some() {
            // Its writer was told of a lost write; whoever asks again is not.
            return Ok(());
        }
        let begun = Instant::now();
        let (header, state) = self.replayer.snapshot();
        if let Err(error) = self.retention.sync_event_log(self.taken) {
            tracing::error!(%error, "the event log cannot be synced; the doors are closed, start again to recover");
            self.watch.written.lose(error.to_string());
            self.watch.admission.close();
            return Err(EventLogLost);
        }
        // What may be lost with the power counts as not there.
        let followers = self.watch.followers.all();
        let behind = followers
            .iter()
            .filter(|follower| follower.stream.needs_state())
            .map(|follower| follower.durable())
            .min()
            .unwrap_or(header.seq);
        match self.snapshots.save(&header, &state, behind) {
            Ok(path) => {
                self.taken = header.seq;
                self.due = Seq(header.seq.0.saturating_add(self.snapshot_every));
                while self.tidy_index() {}
                tracing::info!(path = %path.display(), seq = header.seq.0, ms = begun.elapsed().as_millis(), "snapshot written");
                self.purge();
            }
            // The next one may succeed; until then more is kept.
            Err(error) => {
                let pause = (self.snapshot_every / RETRY_PART).max(1);
                self.due = Seq(header.seq.0.saturating_add(pause));
                tracing::error!(%error, again_at = self.due.0, "a snapshot could not be written");
            }
        }
        Ok(())
    }

    fn purge(&self) {
        if self.watch.written.lost().is_some() {
            // What is purged could not be derived again.
            return;
        }
        // For the next time: what is durable now was asked for after the last snapshot.
        let followers = self.watch.followers.all();
        for follower in &followers {
            follower.want_durable();
        }
        // A store that came back without its tail has less than was durable once.
        let followers = followers.iter().map(|follower| follower.durable().min(follower.reached()));
        let oldest = match self.snapshots.oldest_kept() {
            Ok(Some(seq)) => seq,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "the snapshots cannot be listed; nothing is purged");
                return;
            }
        };
        let needed = followers.chain([oldest, self.watch.moves.needed()]).min().unwrap_or(Seq::ZERO);
        let purged = self.retention.purge(needed).and_then(|()| self.retention.oldest_event());
        match purged {
            Ok(oldest) => {
                if let Err(error) = self.watch.executions.maintain(oldest) {
                    tracing::warn!(%error, "old files of the index of executions could not be removed");
                }
            }
            Err(error) => tracing::warn!(%error, "old segments could not be removed"),
        }
    }
}
