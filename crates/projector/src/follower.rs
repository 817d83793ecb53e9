//! The loop that keeps a store near the journal, as a state machine: whoever owns a thread calls [`Follower::step`] until it
//! says how long there is nothing to do.

use std::fmt;
use std::time::Duration;

use domain::ids::{Checkpoint, Hash256, VenueId};
use domain::shards::Subject;
use domain::state::State as VenueState;
use domain::units::{Epoch, Seq, UnixNanos};

use crate::batch::{Batch, Stream};
use crate::block::CommittedBlock;
use crate::fold::Projector;
use crate::fold::resume::{ResumeError, resume};
use crate::settings::Settings;
use crate::share::{Incoming, Share};
use crate::store::{Divergence, Outcome, Store, StoreError};

/// A checkpoint that moves without rows waits longer: nobody misses a row.
pub const EMPTY_COMMIT_INTERVAL_NS: u64 = 200_000_000;
/// First pause after a store asked for one; doubled with each further attempt.
pub const RETRY_MIN_NS: u64 = 10_000_000;
/// How long to wait before looking again whether missing rows are there.
pub const MISSING_RETRY_NS: u64 = 100_000_000;
/// Longest pause.
pub const RETRY_MAX_NS: u64 = 10_000_000_000;

/// Committed blocks, from any checkpoint on.
pub trait Source {
    /// The next block is the one after this checkpoint. The source must have the same history there. Gives the time of the command
    /// at the checkpoint; absent before the first.
    fn seek(&mut self, checkpoint: &Checkpoint) -> Result<Option<UnixNanos>, SourceError>;

    /// The newest state of the venue that is known and not newer than `seq`; the next block is the one after it. Before the first
    /// command the state is the default.
    fn state_before(&mut self, seq: Seq) -> Result<VenueState, SourceError>;

    /// The last command that it has.
    fn committed(&self) -> Seq;

    /// The next block; absent: nothing more is committed yet.
    fn next(&mut self) -> Result<Option<&CommittedBlock>, SourceError>;
}

/// Why a source has no blocks to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceError {
    /// The checkpoint is of another history.
    Diverged(Divergence),
    /// The blocks after this sequence are no longer there.
    Gone(Seq),
    /// They cannot be read; the reason.
    Failed(String),
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// The store has everything up to here: call again at once.
    Committed(Checkpoint),
    /// The store and the projector agreed where to read on: call again at once.
    Resumed(Checkpoint),
    /// Nothing to do until more is committed.
    Idle,
    /// Nothing to do before this time (or until more is committed, where the store did not ask for a pause).
    Wait(UnixNanos),
    /// Never again: see [`Follower::stopped`].
    Stopped,
}

/// Why a follower stopped for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// A later writer, of this epoch, has taken over.
    Fenced(Epoch),
    /// The store holds another history; `follower rewind` is the way out.
    Diverged(Divergence),
    /// The blocks after this sequence are no longer there: the store is seeded from another.
    Gone(Seq),
    /// Source or store failed; the reason.
    Failed(String),
}

#[derive(Debug)]
enum State {
    /// Asks the store where it is.
    Asking,
    /// Collects a batch.
    Reading(Projector),
    /// Has a batch that may or may not be written.
    Writing(Projector, Box<Batch>),
    Stopped(Stop),
}

/// Keeps one stream of one store near the journal.
#[derive(Debug)]
pub struct Follower {
    stream: Stream,
    venue: VenueId,
    writer: Epoch,
    /// What the store is written.
    share: Share,
    settings: Settings,
    state: State,
    /// Attempts in a row that the store put off.
    attempt: u32,
    /// Before this time the store is left alone.
    not_before: UnixNanos,
    /// When the last batch was written.
    committed_at: Option<UnixNanos>,
    /// Whose rows the store must be given before it can go on.
    missing: Option<Subject>,
    /// It has asked the store where it is.
    has_begun: bool,
}

impl Follower {
    /// A follower of a journal; `writer` is the epoch of this process, `share` what the store is written.
    pub const fn new(stream: Stream, venue: VenueId, writer: Epoch, share: Share, settings: Settings) -> Self {
        let (state, not_before) = (State::Asking, UnixNanos(0));
        Self {
            stream,
            venue,
            writer,
            share,
            settings,
            state,
            attempt: 0,
            not_before,
            committed_at: None,
            missing: None,
            has_begun: false,
        }
    }

    /// The stream it keeps.
    pub const fn stream(&self) -> Stream {
        self.stream
    }

    /// What was copied to the store and is followed, as of when it last began to read; absent: it has not begun, or the store is no shard.
    pub fn incoming(&self) -> Option<&Incoming> {
        self.share.incoming().filter(|_| self.has_begun)
    }

    /// What keeps it from going on: the next block makes a subject the shard's whose rows are not there. They are copied from where
    /// they are, and then it is told to [`ask_again`](Self::ask_again); until then it asks by itself now and then.
    pub const fn missing(&self) -> Option<Subject> {
        self.missing
    }

    /// Forgets what it has read beyond the store, and asks the store anew: its rows, or what was copied to it, have changed.
    pub fn ask_again(&mut self) {
        if self.stopped().is_none() {
            self.state = State::Asking;
            self.not_before = UnixNanos(0);
        }
    }

    /// Why it stopped, if it did.
    pub const fn stopped(&self) -> Option<&Stop> {
        match &self.state {
            State::Stopped(stop) => Some(stop),
            State::Asking | State::Reading(_) | State::Writing(..) => None,
        }
    }

    /// Does the next thing, at most one commit.
    pub fn step(&mut self, now: UnixNanos, source: &mut dyn Source, store: &mut dyn Store) -> Step {
        if now < self.not_before && self.stopped().is_none() {
            return Step::Wait(self.not_before);
        }
        match std::mem::replace(&mut self.state, State::Asking) {
            State::Asking => self.ask(now, source, store),
            State::Reading(projector) => self.read(now, projector, source, store),
            State::Writing(projector, batch) => self.write(now, projector, batch, source, store),
            State::Stopped(stop) => self.stop(stop),
        }
    }

    fn ask(&mut self, now: UnixNanos, source: &mut dyn Source, store: &mut dyn Store) -> Step {
        let stored = match store.checkpoint(self.stream) {
            Ok(stored) => stored,
            Err(StoreError::Retry(after)) => return self.pause(now, after, State::Asking),
            Err(StoreError::Fatal(reason)) => return self.stop(Stop::Failed(reason)),
        };
        let origin = Checkpoint { venue: self.venue, epoch: self.writer, seq: Seq::ZERO, hash: Hash256::default() };
        let checkpoint = stored.unwrap_or(origin);
        if checkpoint.venue != self.venue {
            return self.stop(Stop::Diverged(Divergence::Venue(checkpoint.venue)));
        }
        if checkpoint.epoch > self.writer {
            return self.stop(Stop::Fenced(checkpoint.epoch));
        }
        self.resume(now, checkpoint, source, store)
    }

    /// Reads on from where the store is.
    fn resume(
        &mut self,
        now: UnixNanos,
        checkpoint: Checkpoint,
        source: &mut dyn Source,
        store: &mut dyn Store,
    ) -> Step {
        match store.incoming(self.stream) {
            Ok(incoming) => self.share.set_incoming(incoming),
            Err(StoreError::Retry(after)) => return self.pause(now, after, State::Asking),
            Err(StoreError::Fatal(reason)) => return self.stop(Stop::Failed(reason)),
        }
        (self.missing, self.has_begun) = (None, true);
        match resume(self.stream, checkpoint, self.writer, &self.settings, source, store) {
            Ok(projector) => {
                self.state = State::Reading(projector);
                Step::Resumed(checkpoint)
            }
            Err(ResumeError::Store(StoreError::Retry(after))) => self.pause(now, after, State::Asking),
            Err(ResumeError::Store(StoreError::Fatal(reason))) => self.stop(Stop::Failed(reason)),
            Err(ResumeError::Source(error)) => self.stop(error.into()),
        }
    }

    fn read(
        &mut self,
        now: UnixNanos,
        mut projector: Projector,
        source: &mut dyn Source,
        store: &mut dyn Store,
    ) -> Step {
        while !projector.is_full() {
            match source.next() {
                Ok(Some(block)) => {
                    self.missing = self.share.missing(self.stream, block);
                    if self.missing.is_some() {
                        break;
                    }
                    if let Err(gap) = projector.push(block, &mut self.share) {
                        return self.stop(Stop::Failed(gap.to_string()));
                    }
                }
                Ok(None) => break,
                Err(error) => return self.stop(error.into()),
            }
        }
        if projector.command_count() == 0 {
            if self.missing.is_some() {
                // The block was taken from the source: it is read again.
                self.not_before = now.plus(MISSING_RETRY_NS);
                return Step::Wait(self.not_before);
            }
            self.state = State::Reading(projector);
            return Step::Idle;
        }
        let between = u64::try_from(store.commit_interval().as_nanos()).unwrap_or(u64::MAX);
        let interval = if projector.has_rows() { between } else { between.max(EMPTY_COMMIT_INTERVAL_NS) };
        let due = self.committed_at.map_or(now, |committed_at| committed_at.plus(interval));
        if now < due && !projector.is_full() && self.missing.is_none() {
            self.state = State::Reading(projector);
            return Step::Wait(due);
        }
        match projector.take() {
            Some(batch) => self.write(now, projector, Box::new(batch), source, store),
            None => Step::Idle,
        }
    }

    fn write(
        &mut self,
        now: UnixNanos,
        projector: Projector,
        batch: Box<Batch>,
        source: &mut dyn Source,
        store: &mut dyn Store,
    ) -> Step {
        match store.commit(&batch) {
            Outcome::Committed => {
                self.attempt = 0;
                self.committed_at = Some(now);
                if self.missing.is_none() {
                    self.state = State::Reading(projector);
                }
                Step::Committed(batch.to)
            }
            Outcome::Behind(checkpoint) => self.resume(now, checkpoint, source, store),
            Outcome::Retry(after) => self.pause(now, after, State::Writing(projector, batch)),
            Outcome::Fenced(epoch) => self.stop(Stop::Fenced(epoch)),
            Outcome::Diverged(divergence) => self.stop(Stop::Diverged(divergence)),
            Outcome::Fatal(reason) => self.stop(Stop::Failed(reason)),
        }
    }

    fn pause(&mut self, now: UnixNanos, after: Duration, state: State) -> Step {
        let asked = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        let doubled = RETRY_MIN_NS.saturating_mul(1_u64.checked_shl(self.attempt).unwrap_or(u64::MAX));
        self.attempt = self.attempt.saturating_add(1);
        self.not_before = now.plus(asked.max(doubled.min(RETRY_MAX_NS)));
        self.state = state;
        Step::Wait(self.not_before)
    }

    fn stop(&mut self, stop: Stop) -> Step {
        self.state = State::Stopped(stop);
        Step::Stopped
    }
}

impl From<SourceError> for Stop {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Diverged(divergence) => Self::Diverged(divergence),
            SourceError::Gone(seq) => Self::Gone(seq),
            SourceError::Failed(reason) => Self::Failed(reason),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fenced(epoch) => write!(f, "a later writer, of epoch {}, has taken over", epoch.0),
            Self::Diverged(divergence) => write!(f, "{divergence}"),
            Self::Gone(seq) => write!(
                f,
                "the commands from sequence {} on are no longer in the logs; bring back older segments of journal and event \
                 log, or a copy of the store from after that sequence, and start again",
                seq.0
            ),
            Self::Failed(reason) => f.write_str(reason),
        }
    }
}
