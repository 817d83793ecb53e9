//! The seam to whatever makes blocks durable: the local journal today, a replicated log later.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use domain::units::{Epoch, Seq, UnixNanos};
use journal::block::{BlockKind, BlockToWrite};
use journal::error::JournalError;
use journal::journal::Journal;
use journal::prepare::Headroom;

use crate::queue::{Admission, Room};
use crate::recovery::RULES_VERSION;

/// Blocks submitted and not yet committed: while one is synced, the next is collected.
pub const BLOCKS_IN_FLIGHT_MAX: usize = 2;

/// How long a writer without space waits before it looks again.
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

    fn last_seq(&self) -> Seq {
        Seq(self.first_seq.0 + u64::from(self.count) - 1)
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

    /// Nothing further will be committed.
    pub(crate) fn lose(&self, why: String) {
        self.lock().get_or_insert(why);
        self.changed.notify_all();
    }
}

/// The local journal, written by a thread of its own: all blocks that wait go by one write and one sync.
#[derive(Debug)]
pub struct JournalLog {
    progress: Arc<Progress>,
    blocks: Option<Sender<Block>>,
    buffers: Receiver<Vec<u8>>,
    writer: Option<JoinHandle<Journal>>,
}

impl JournalLog {
    /// Starts the writer. It tells `admission` how much room the disk has.
    pub fn start(journal: Journal, admission: Arc<Admission>) -> std::io::Result<Self> {
        let progress = Arc::new(Progress::new(journal.tip().seq));
        let (blocks, incoming) = unbounded();
        let (used, buffers) = unbounded();
        let mut writer = Writer { journal, progress: Arc::clone(&progress), admission };
        let writer = std::thread::Builder::new().name("journal".into()).spawn(move || {
            writer.run(&incoming, &used);
            writer.journal
        })?;
        Ok(Self { progress, blocks: Some(blocks), buffers, writer: Some(writer) })
    }

    /// How far it is committed.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// Waits until everything is written and gives the journal back.
    pub fn finish(mut self) -> Option<Journal> {
        self.blocks = None;
        self.writer.take().and_then(|writer| writer.join().ok())
    }
}

impl Log for JournalLog {
    fn has_room(&self) -> bool {
        self.progress.has_room()
    }

    fn submit(&mut self, block: Block) {
        self.progress.in_flight.fetch_add(1, Ordering::AcqRel);
        let sent = self.blocks.as_ref().map(|blocks| blocks.send(block));
        if !matches!(sent, Some(Ok(()))) {
            self.progress.lose("the journal's writer is gone".into());
        }
    }

    fn committed(&self) -> Seq {
        self.progress.committed()
    }

    fn lost(&self) -> Option<String> {
        self.progress.lost()
    }

    fn buffer(&mut self) -> Vec<u8> {
        self.buffers.try_recv().unwrap_or_default()
    }
}

#[derive(Debug)]
struct Writer {
    journal: Journal,
    progress: Arc<Progress>,
    admission: Arc<Admission>,
}

impl Writer {
    fn run(&mut self, incoming: &Receiver<Block>, used: &Sender<Vec<u8>>) {
        let mut waiting = VecDeque::new();
        while let Ok(first) = incoming.recv() {
            waiting.push_back(first);
            waiting.extend(incoming.try_iter());
            if let Err(error) = self.write(&waiting) {
                tracing::error!(%error, "the journal failed; nothing is acknowledged any more");
                self.progress.lose(error.to_string());
                return;
            }
            let last = waiting.back().map_or(Seq::ZERO, Block::last_seq);
            self.progress.commit(last, waiting.len());
            self.tell_room();
            for mut block in waiting.drain(..) {
                block.payload.clear();
                // Nobody takes it back once the sequencer is gone.
                let _ = used.send(block.payload);
            }
        }
    }

    /// Writes and syncs. Without space nothing was written, so waiting for some is safe; any other failure is final.
    fn write(&mut self, blocks: &VecDeque<Block>) -> Result<(), JournalError> {
        let mut blocks: &[BlockToWrite<'_>] = &blocks.iter().map(Block::to_write).collect::<Vec<_>>();
        let mut warned = false;
        while !blocks.is_empty() {
            // One by one where the segment ends: a block never spans two.
            match self.journal.append(blocks) {
                Ok(()) => break,
                Err(JournalError::TooLarge { .. }) if blocks.len() > 1 => {
                    let (first, rest) = blocks.split_at(1);
                    self.journal.append(first)?;
                    blocks = rest;
                }
                Err(JournalError::NoSpace) => {
                    self.admission.set_room(Room::Nothing);
                    if !warned {
                        tracing::error!("no space for the journal: nothing is taken until there is some");
                        warned = true;
                    }
                    std::thread::sleep(NO_SPACE_RETRY);
                }
                Err(error) => return Err(error),
            }
        }
        self.journal.sync()
    }

    fn tell_room(&self) {
        self.admission.set_room(match self.journal.headroom() {
            Headroom::Ample => Room::Ample,
            Headroom::ReserveOnly => Room::CancelsOnly,
            Headroom::Exhausted => Room::Nothing,
        });
    }
}
