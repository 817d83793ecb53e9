//! Takes the space of the next segment before it is needed.
//!
//! A file that was only allocated costs a second, metadata write per sync; so it is written full of zeros, in small
//! synced steps that leave the disk to the writer in between. A step makes the file system commit what it allocated,
//! and a sync of the writer that meets it waits for it; so the steps are small and, while there is time, far apart.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::error::IoFailure;
use crate::fields::{length, offset as to_offset};
use crate::storage::{Directory, OpenFile, OpenMode};

const STEP_BYTES: usize = 256 << 10;
const PAUSE: Duration = Duration::from_millis(5);
const SPARE_PREFIX: &str = "spare-";
const SPARE_SUFFIX: &str = ".new";
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How much room the log still has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Headroom {
    /// The next segment is ready or on its way.
    Ample,
    /// The next segment could not be had: what is left of this one is for cancels.
    ReserveOnly,
    /// Not even a whole append is left.
    Exhausted,
}

/// What a step of preparation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrepareStep {
    /// There is more to do.
    More,
    /// The next segment is ready.
    Ready,
    /// No space, or another failure; the next step tries again.
    Failed,
}

/// A zeroed, synced file that is no segment yet.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(crate) name: String,
    pub(crate) file: OpenFile,
}

/// Whether a file is one that was being prepared when its process ended.
pub(crate) fn is_spare_name(name: &str) -> bool {
    name.strip_prefix(SPARE_PREFIX).and_then(|rest| rest.strip_suffix(SPARE_SUFFIX)).is_some()
}

/// Prepares the next segment, by a thread of its own or step by step.
#[derive(Debug)]
pub struct SegmentPreparer {
    directory: Directory,
    segment_bytes: u64,
    state: Mutex<State>,
    changed: Condvar,
    short: AtomicBool,
    /// The writer has used up half of its segment: no more pauses.
    urgent: AtomicBool,
}

#[derive(Debug)]
struct State {
    work: Work,
    files_created: u64,
    stop: bool,
}

#[derive(Debug)]
enum Work {
    Idle,
    Zeroing { spare: Spare, written: u64 },
    Ready(Spare),
}

impl SegmentPreparer {
    pub(crate) const fn new(directory: Directory, segment_bytes: u64) -> Self {
        let state = Mutex::new(State { work: Work::Idle, files_created: 0, stop: false });
        let (short, urgent) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { directory, segment_bytes, state, changed: Condvar::new(), short, urgent }
    }

    /// Does one small piece of work: at most 256 KiB of zeros, synced.
    pub fn prepare_step(&self) -> PrepareStep {
        match self.advance(&mut self.lock()) {
            Ok(step) => step,
            Err(failure) => {
                // Logged here, where it ends; the writer only sees that there is no spare.
                tracing::warn!(%failure, "the next journal segment is not ready");
                PrepareStep::Failed
            }
        }
    }

    /// Whether the last attempt to get space failed.
    pub(crate) fn is_short(&self) -> bool {
        self.short.load(Ordering::Relaxed)
    }

    /// Says that the spare will be needed soon.
    pub(crate) fn hurry(&self) {
        self.urgent.store(true, Ordering::Relaxed);
    }

    /// The spare, finished here and now if it is not ready.
    pub(crate) fn take(&self) -> Result<Spare, IoFailure> {
        let mut state = self.lock();
        loop {
            match std::mem::replace(&mut state.work, Work::Idle) {
                Work::Ready(spare) => {
                    self.urgent.store(false, Ordering::Relaxed);
                    self.changed.notify_all();
                    return Ok(spare);
                }
                unfinished @ (Work::Idle | Work::Zeroing { .. }) => state.work = unfinished,
            }
            self.advance(&mut state)?;
        }
    }

    fn advance(&self, state: &mut State) -> Result<PrepareStep, IoFailure> {
        let result = self.try_advance(state);
        self.short.store(result.is_err(), Ordering::Relaxed);
        result
    }

    fn try_advance(&self, state: &mut State) -> Result<PrepareStep, IoFailure> {
        match std::mem::replace(&mut state.work, Work::Idle) {
            Work::Idle => {
                state.files_created = state.files_created.wrapping_add(1);
                let name = format!("{SPARE_PREFIX}{}{SPARE_SUFFIX}", state.files_created);
                let file = self.directory.open(&name, OpenMode::CreateNew)?;
                state.work = Work::Zeroing { spare: Spare { name, file }, written: 0 };
                Ok(PrepareStep::More)
            }
            Work::Zeroing { spare, written } if written < self.segment_bytes => match self.zero_some(&spare, written) {
                Ok(written) => {
                    state.work = Work::Zeroing { spare, written };
                    Ok(PrepareStep::More)
                }
                Err(failure) => Err(self.give_up(state, spare, written, failure)),
            },
            Work::Zeroing { spare, .. } => match self.directory.sync() {
                Ok(()) => {
                    state.work = Work::Ready(spare);
                    Ok(PrepareStep::Ready)
                }
                Err(failure) => Err(self.give_up(state, spare, 0, failure)),
            },
            ready @ Work::Ready(_) => {
                state.work = ready;
                Ok(PrepareStep::Ready)
            }
        }
    }

    fn zero_some(&self, spare: &Spare, written: u64) -> Result<u64, IoFailure> {
        let bytes = length(self.segment_bytes.saturating_sub(written)).min(STEP_BYTES);
        spare.file.write_bytes(&vec![0; bytes], written)?;
        spare.file.sync()?;
        Ok(written.saturating_add(to_offset(bytes)))
    }

    /// A full disk keeps the space already taken and goes on later. After any other failure, and after every failed
    /// sync, the file cannot be trusted any more: the next step begins a new one.
    fn give_up(&self, state: &mut State, spare: Spare, written: u64, failure: IoFailure) -> IoFailure {
        if failure.is_no_space() && failure.action == "write" {
            state.work = Work::Zeroing { spare, written };
        } else if let Err(remaining) = self.directory.remove(&spare.name) {
            tracing::warn!(failure = %remaining, "an unfinished journal segment stays until the next start");
        }
        failure
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut was_failing = false;
        let mut state = self.lock();
        while !state.stop {
            match self.advance(&mut state) {
                // The lock is released between steps, so that a writer that needs the spare now can finish it.
                Ok(PrepareStep::More) => {
                    let pause = if self.urgent.load(Ordering::Relaxed) { Duration::ZERO } else { PAUSE };
                    state = self.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
                }
                Ok(PrepareStep::Ready | PrepareStep::Failed) => {
                    was_failing = false;
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                Err(failure) => {
                    if !was_failing {
                        tracing::warn!(%failure, "the next journal segment is not ready");
                    }
                    was_failing = true;
                    state = self.changed.wait_timeout(state, RETRY_AFTER).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }
}

/// The thread of a [`SegmentPreparer`]; ends when dropped.
#[derive(Debug)]
pub(crate) struct PreparerThread {
    preparer: Arc<SegmentPreparer>,
    handle: Option<JoinHandle<()>>,
}

impl PreparerThread {
    pub(crate) fn spawn(preparer: Arc<SegmentPreparer>) -> std::io::Result<Self> {
        let runner = Arc::clone(&preparer);
        let handle = std::thread::Builder::new().name("journal-prepare".into()).spawn(move || runner.run())?;
        Ok(Self { preparer, handle: Some(handle) })
    }
}

impl Drop for PreparerThread {
    fn drop(&mut self) {
        self.preparer.lock().stop = true;
        self.preparer.changed.notify_all();
        if let Some(Err(_)) = self.handle.take().map(JoinHandle::join) {
            tracing::warn!("the thread that prepares journal segments had panicked");
        }
    }
}
