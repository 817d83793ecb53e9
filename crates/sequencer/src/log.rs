//! The seam to whatever makes blocks durable: the local journal today, a replicated log later.

mod writer;

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use domain::units::{Epoch, Seq, UnixNanos};
use journal::block::{BlockKind, BlockToWrite};
use journal::error::JournalError;
use journal::journal::Journal;

use self::writer::{Writer, Written};
use crate::queue::Admission;
use crate::recovery::RULES_VERSION;

/// Blocks submitted and not yet committed: while one is synced, the next is collected.
pub const BLOCKS_IN_FLIGHT_MAX: usize = 2;

/// How long a writer without all the space it should have waits before it looks again.
const NO_SPACE_RETRY: Duration = Duration::from_millis(100);

/// One block on its way into the log.
#[derive(Debug, Default)]
pub struct Block {
    /// Epoch of the writer.
    pub epoch: Epoch,
    /// First sequence.
    pub first_seq: Seq,
    /// Commands in it.
    pub count: u32,
    /// Block time.
    pub time: UnixNanos,
    /// The encoded commands.
    pub payload: Vec<u8>,
}

impl Block {
    fn to_write(&self) -> BlockToWrite<'_> {
        BlockToWrite {
            kind: BlockKind::Commands,
            rules_version: RULES_VERSION,
            epoch: self.epoch,
            first_seq: self.first_seq,
            count: self.count,
            time: self.time,
            payload: &self.payload,
        }
    }
}

/// Takes blocks and says how far they are committed. Nothing here waits.
pub trait Log: fmt::Debug + Send {
    /// Whether another block is taken now.
    fn has_room(&self) -> bool;
    /// Takes the next block; only where there is room.
    fn submit(&mut self, block: Block);
    /// The last sequence that is committed.
    fn committed(&self) -> Seq;
    /// Time of the last block in it: the next one must not be earlier. Blocks without commands have one too.
    fn time(&self) -> UnixNanos;
    /// Why this writer is done for, if it is: nothing must be released any more.
    fn lost(&self) -> Option<String>;
    /// A payload buffer to use again, or a new one.
    fn buffer(&mut self) -> Vec<u8>;
}

/// How far a log is; shared with those who wait for it.
#[derive(Debug)]
pub struct Progress {
    committed: AtomicU64,
    in_flight: AtomicUsize,
    lost: Mutex<Option<String>>,
    changed: Condvar,
}

impl Progress {
    /// Everything up to `committed` is.
    pub fn new(committed: Seq) -> Self {
        Self {
            committed: AtomicU64::new(committed.0),
            in_flight: AtomicUsize::new(0),
            lost: Mutex::new(None),
            changed: Condvar::new(),
        }
    }

    /// The last sequence committed.
    pub fn committed(&self) -> Seq {
        Seq(self.committed.load(Ordering::Acquire))
    }

    /// Why the log is lost, if it is.
    pub fn lost(&self) -> Option<String> {
        self.lock().clone()
    }

    /// Waits until `seq` is committed: false once the log is lost, or after `timeout`.
    pub fn wait_committed(&self, seq: Seq, timeout: Duration) -> bool {
        self.wait(timeout, || self.committed() >= seq)
    }

    /// Waits until another block is taken.
    pub fn wait_room(&self, timeout: Duration) -> bool {
        self.wait(timeout, || self.has_room())
    }

    fn wait(&self, timeout: Duration, ready: impl Fn() -> bool) -> bool {
        if ready() {
            return true;
        }
        let guard = self.lock();
        let waiting = |lost: &mut Option<String>| lost.is_none() && !ready();
        let waited = self.changed.wait_timeout_while(guard, timeout, waiting);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        ready()
    }

    fn has_room(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) < BLOCKS_IN_FLIGHT_MAX
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything up to `seq` is committed, and `blocks` fewer are in flight.
    pub(crate) fn commit(&self, seq: Seq, blocks: usize) {
        let guard = self.lock();
        self.committed.store(seq.0, Ordering::Release);
        self.in_flight.fetch_sub(blocks, Ordering::AcqRel);
        drop(guard);
        self.changed.notify_all();
    }

    /// Nothing further will be committed, and what was committed since the last sync may not be there after a power cut.
    pub fn lose(&self, why: String) {
        self.lock().get_or_insert(why);
        self.changed.notify_all();
    }
}

/// The local journal, written by a thread of its own: all blocks that wait go by one write and one sync.
#[derive(Debug)]
pub struct JournalLog {
    progress: Arc<Progress>,
    time: UnixNanos,
    blocks: Option<Sender<Block>>,
    buffers: Receiver<Vec<u8>>,
    writer: Option<JoinHandle<Journal>>,
}

impl JournalLog {
    /// Starts the writer. It tells `admission` how much room the disk has.
    pub fn start(mut journal: Journal, admission: Arc<Admission>) -> std::io::Result<Self> {
        // Without this thread nobody would notice that a full disk has room again.
        journal.prepare_in_background()?;
        let progress = Arc::new(Progress::new(journal.tip().seq));
        let time = journal.tip().time;
        let (blocks, incoming) = unbounded();
        let (used, buffers) = unbounded();
        let mut writer = Writer::new(journal, Arc::clone(&progress), admission);
        let writer = std::thread::Builder::new().name("journal".into()).spawn(move || {
            let _guard = LoseOnPanic(Arc::clone(&writer.progress));
            run(&mut writer, &incoming, &used);
            writer.journal
        })?;
        Ok(Self { progress, time, blocks: Some(blocks), buffers, writer: Some(writer) })
    }

    /// How far it is committed.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// Waits until everything is written and gives the journal back.
    pub fn finish(mut self) -> Option<Journal> {
        self.end()
    }

    fn end(&mut self) -> Option<Journal> {
        self.blocks = None;
        self.writer.take().and_then(|writer| writer.join().ok())
    }
}

impl Drop for JournalLog {
    /// The directory is locked until the writer has ended; who drops the log may open it again at once.
    fn drop(&mut self) {
        drop(self.end());
    }
}

impl Log for JournalLog {
    fn has_room(&self) -> bool {
        self.progress.has_room()
    }

    fn submit(&mut self, block: Block) {
        self.time = block.time;
        self.progress.in_flight.fetch_add(1, Ordering::AcqRel);
        let sent = self.blocks.as_ref().map(|blocks| blocks.send(block));
        if !matches!(sent, Some(Ok(()))) {
            self.progress.lose("the journal's writer is gone".into());
        }
    }

    fn committed(&self) -> Seq {
        self.progress.committed()
    }

    fn time(&self) -> UnixNanos {
        self.time
    }

    fn lost(&self) -> Option<String> {
        self.progress.lost()
    }

    fn buffer(&mut self) -> Vec<u8> {
        self.buffers.try_recv().unwrap_or_default()
    }
}

/// Tells those who wait for a commit that there will be none.
struct LoseOnPanic(Arc<Progress>);

impl Drop for LoseOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lose("the journal's writer has panicked".into());
        }
    }
}

/// Writes what comes in until the sequencer is gone and nothing waits, or the journal fails.
fn run(writer: &mut Writer, incoming: &Receiver<Block>, used: &Sender<Vec<u8>>) {
    let mut waiting = VecDeque::new();
    let mut was_without_space = false;
    while receive(writer, incoming, &mut waiting) {
        // Nobody takes a buffer back once the sequencer is gone.
        let written = writer.write(&mut waiting, |buffer| drop(used.send(buffer)));
        if let Err(error) = &written {
            return fail(writer, error);
        }
        let is_without_space = matches!(written, Ok(Written::NoSpace));
        if is_without_space && !was_without_space {
            tracing::error!("no space for the journal: nothing is taken until there is some");
        }
        was_without_space = is_without_space;
    }
    if !waiting.is_empty() {
        fail(writer, &JournalError::NoSpace);
    }
}

fn fail(writer: &Writer, error: &JournalError) {
    tracing::error!(%error, "the journal failed; nothing is acknowledged any more");
    writer.progress.lose(error.to_string());
}

/// Waits for blocks, or for the moment to look for space again; false: the sequencer is gone.
fn receive(writer: &Writer, incoming: &Receiver<Block>, waiting: &mut VecDeque<Block>) -> bool {
    let first = if waiting.is_empty() && writer.has_ample_room() {
        incoming.recv().map_err(RecvTimeoutError::from)
    } else {
        incoming.recv_timeout(NO_SPACE_RETRY)
    };
    match first {
        Ok(block) => waiting.push_back(block),
        Err(RecvTimeoutError::Timeout) => return true,
        Err(RecvTimeoutError::Disconnected) => return false,
    }
    waiting.extend(incoming.try_iter());
    true
}

/// The local journal without a thread: blocks are written and synced by [`InlineLog::work`]. For simulators and tests.
#[derive(Debug)]
pub struct InlineLog {
    writer: Writer,
    time: UnixNanos,
    waiting: VecDeque<Block>,
    at_once: bool,
}

impl InlineLog {
    /// A log that writes when [`InlineLog::work`] is called.
    pub fn new(journal: Journal, admission: Arc<Admission>) -> Self {
        let progress = Arc::new(Progress::new(journal.tip().seq));
        let time = journal.tip().time;
        Self { writer: Writer::new(journal, progress, admission), time, waiting: VecDeque::new(), at_once: false }
    }

    /// A log that writes each block as it is submitted.
    pub fn writing_at_once(journal: Journal, admission: Arc<Admission>) -> Self {
        Self { at_once: true, ..Self::new(journal, admission) }
    }

    /// How far it is committed.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.writer.progress
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.writer.journal
    }

    /// Writes and syncs what was submitted; false: what is left finds no space, or the log is lost.
    pub fn work(&mut self) -> bool {
        if self.lost().is_some() {
            return false;
        }
        if !self.writer.has_ample_room() {
            self.writer.journal.prepare_step();
        }
        match self.writer.write(&mut self.waiting, drop) {
            Ok(written) => written == Written::All,
            Err(error) => {
                self.writer.progress.lose(error.to_string());
                false
            }
        }
    }

    /// The journal, at the end. What was submitted and not written is not in it.
    pub fn into_journal(self) -> Journal {
        self.writer.journal
    }
}

impl Log for InlineLog {
    fn has_room(&self) -> bool {
        self.writer.progress.has_room()
    }

    fn submit(&mut self, block: Block) {
        self.time = block.time;
        self.writer.progress.in_flight.fetch_add(1, Ordering::AcqRel);
        self.waiting.push_back(block);
        if self.at_once {
            self.work();
        }
    }

    fn committed(&self) -> Seq {
        self.writer.progress.committed()
    }

    fn time(&self) -> UnixNanos {
        self.time
    }

    fn lost(&self) -> Option<String> {
        self.writer.progress.lost()
    }

    fn buffer(&mut self) -> Vec<u8> {
        Vec::new()
    }
}
