//! One reader of both logs for several followers of one thread: each block is decoded once, not once for each of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::ids::Checkpoint;
use domain::state::State;
use domain::units::{Seq, UnixNanos};
use projector::block::CommittedBlock;
use projector::fold::{BATCH_COMMANDS_MAX, BATCH_EVENTS_MAX};
use projector::follower::{Source, SourceError};

use super::Joined;

/// The most that is kept: as far as one follower reads ahead of the others before it commits.
const COMMANDS_MAX: usize = 2 * BATCH_COMMANDS_MAX;
/// One command may yield thousands of events.
const EVENTS_MAX: usize = 2 * BATCH_EVENTS_MAX;

/// The blocks that one of the followers has read and another has not.
#[derive(Debug)]
struct Window {
    /// The block after `end` is its next.
    reader: Joined,
    blocks: VecDeque<Arc<CommittedBlock>>,
    /// Last command of the newest block; absent: nobody has begun.
    end: Option<Seq>,
    command_count: usize,
    event_count: usize,
    /// What each follower has; absent: it has not begun.
    reached: Vec<Option<Seq>>,
}

impl Window {
    fn new(reader: Joined, count: usize) -> Self {
        let (blocks, reached) = (VecDeque::new(), vec![None; count]);
        Self { reader, blocks, end: None, command_count: 0, event_count: 0, reached }
    }

    /// The block that begins after `at`, for one of the followers; absent: it is not written yet.
    fn after(&mut self, follower: usize, at: Seq) -> Result<Option<Arc<CommittedBlock>>, Elsewhere> {
        self.reached[follower] = Some(at);
        self.forget();
        if self.end.is_some_and(|end| at < end) {
            let index = self.blocks.partition_point(|block| block.info().first <= at);
            let found = self.blocks.get(index).filter(|block| block.info().first == at.next());
            return found.map(|block| Some(Arc::clone(block))).ok_or(Elsewhere::Behind);
        }
        if self.end != Some(at) {
            // The first to read, or one that is ahead of all others: from here on it is read together.
            self.reader.start_after(at);
            self.blocks.clear();
            (self.command_count, self.event_count, self.end) = (0, 0, Some(at));
        }
        let read = self.reader.take_next().map_err(|error| {
            // Whoever comes next finds out for itself.
            self.end = None;
            Elsewhere::Failed(error)
        });
        let Some(block) = read? else { return Ok(None) };
        let block = Arc::new(block);
        self.end = Some(block.info().last);
        self.command_count += block.command_count();
        self.event_count += block.event_count();
        self.blocks.push_back(Arc::clone(&block));
        Ok(Some(block))
    }

    /// Drops what every follower has that is not behind the window, and what is too much.
    fn forget(&mut self) {
        while let Some(oldest) = self.blocks.front() {
            let info = *oldest.info();
            let is_wanted = self.reached.iter().flatten().any(|at| (info.first.previous()..info.last).contains(at));
            let is_too_much = self.command_count > COMMANDS_MAX || self.event_count > EVENTS_MAX;
            if is_wanted && !is_too_much {
                return;
            }
            self.command_count -= oldest.command_count();
            self.event_count -= oldest.event_count();
            self.blocks.pop_front();
        }
    }
}

/// Why a window does not have a block.
#[derive(Debug)]
enum Elsewhere {
    /// It is older than what is kept.
    Behind,
    Failed(SourceError),
}

/// What one follower reads: what the others read, as far as that is kept, else by itself.
#[derive(Debug)]
pub(crate) struct Together {
    window: Arc<Mutex<Window>>,
    /// Which of them it is.
    follower: usize,
    /// Finds checkpoints and states, and reads what is older than the window.
    own: Joined,
    /// Where `own` would go on, where that is known.
    own_at: Option<Seq>,
    /// The follower has every command up to here.
    at: Option<Seq>,
    current: Option<Arc<CommittedBlock>>,
}

impl Together {
    /// Readers of the same logs, so many.
    pub(crate) fn readers(count: usize, reader: &impl Fn() -> Joined) -> Vec<Self> {
        let window = Arc::new(Mutex::new(Window::new(reader(), count)));
        let one = |follower| {
            let window = Arc::clone(&window);
            Self { window, follower, own: reader(), own_at: None, at: None, current: None }
        };
        (0..count).map(one).collect()
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its own reader was sent there. What others read from now on is kept for it.
    fn begin(&mut self, at: Seq) {
        (self.at, self.own_at) = (Some(at), Some(at));
        let follower = self.follower;
        self.window().reached[follower] = Some(at);
    }

    fn next_own(&mut self, at: Seq) -> Result<Option<CommittedBlock>, SourceError> {
        if self.own_at != Some(at) {
            self.own.start_after(at);
        }
        self.own_at = None;
        let block = self.own.take_next()?;
        self.own_at = Some(block.as_ref().map_or(at, |block| block.info().last));
        Ok(block)
    }
}

impl Source for Together {
    fn seek(&mut self, checkpoint: &Checkpoint) -> Result<Option<UnixNanos>, SourceError> {
        (self.at, self.own_at) = (None, None);
        let time = self.own.seek(checkpoint)?;
        self.begin(checkpoint.seq);
        Ok(time)
    }

    fn state_before(&mut self, seq: Seq) -> Result<State, SourceError> {
        (self.at, self.own_at) = (None, None);
        let state = self.own.state_before(seq)?;
        self.begin(state.seq);
        Ok(state)
    }

    fn committed(&self) -> Seq {
        self.own.committed()
    }

    fn next(&mut self) -> Result<Option<&CommittedBlock>, SourceError> {
        let Some(at) = self.at else { return Err(SourceError::Failed("nothing was asked for yet".into())) };
        let found = self.window().after(self.follower, at);
        let block = match found {
            Ok(block) => block,
            Err(Elsewhere::Behind) => self.next_own(at)?.map(Arc::new),
            Err(Elsewhere::Failed(error)) => return Err(error),
        };
        let Some(block) = block else { return Ok(None) };
        self.at = Some(block.info().last);
        Ok(Some(self.current.insert(block)))
    }
}
