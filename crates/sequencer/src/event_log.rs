//! The event log: what came of each command, written behind the acknowledgement, read by every follower.
//!
//! Its blocks follow the journal's: same epoch and time, no block reaches over a journal block's end, and a journal block with
//! more than `EVENT_BLOCK_BYTES` of events is split at the command that passes that. So the log can be derived again, byte by byte;
//! and therefore it is never sealed: nothing in the journal says where a seal would stand.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use domain::event::Event;
use domain::units::{Epoch, Seq, UnixNanos};
use journal::block::{BlockKind, BlockToWrite};
use journal::error::JournalError;
use journal::journal::Journal;

use crate::batch::Batch;
use crate::execution_index::{ExecutionIndex, Notes};
use crate::log::Progress;
use crate::queue::Admission;
use crate::recovery::RULES_VERSION;

/// A block of the event log ends with the command that brings it to this size.
pub const EVENT_BLOCK_BYTES: usize = 2 << 20;

/// Least time between two announcements of what was written. Each one wakes whoever follows, for however little, and nobody who
/// follows is in so much of a hurry.
const ANNOUNCE_INTERVAL: Duration = Duration::from_millis(1);

/// Most batches between two announcements.
const BATCHES_ANNOUNCED_MAX: usize = 64;

/// Bytes from which on the writer syncs what it has. Nobody needs it so soon, but a sync at the end of a segment hands all of that to
/// the disk at once, and the journal's own syncs wait behind it.
const SYNC_BYTES: u64 = 1 << 20;

/// How long the writer waits before it looks for space again.
const NO_SPACE_RETRY: Duration = Duration::from_millis(200);

/// Collects the events of one journal block into blocks of the event log.
#[derive(Debug, Default)]
pub struct EventBlocks {
    payload: Vec<u8>,
    count: u32,
    last: Seq,
}

/// One block of the event log, borrowed from [`EventBlocks`].
#[derive(Debug, Clone, Copy)]
pub struct EventBlock<'a> {
    /// First sequence.
    pub first_seq: Seq,
    /// Commands in it.
    pub count: u32,
    /// Their encoded events.
    pub payload: &'a [u8],
}

impl EventBlocks {
    /// Adds a command's events; true: the block is full and must be taken now.
    pub fn add(&mut self, seq: Seq, time: UnixNanos, events: &[Event]) -> bool {
        codec::event::encode_events(seq, time, events, &mut self.payload);
        self.count += 1;
        self.last = seq;
        self.payload.len() >= EVENT_BLOCK_BYTES
    }

    /// What was collected, if anything.
    pub fn block(&self) -> Option<EventBlock<'_>> {
        let first_seq = Seq((self.last.0 + 1).checked_sub(u64::from(self.count))?);
        (self.count > 0).then_some(EventBlock { first_seq, count: self.count, payload: &self.payload })
    }

    /// Begins the next block.
    pub fn clear(&mut self) {
        self.payload.clear();
        self.count = 0;
    }
}

/// Writes the event log; has no thread of its own.
#[derive(Debug)]
pub struct EventLog {
    journal: Journal,
    blocks: EventBlocks,
    progress: Arc<Progress>,
    index: Option<Arc<ExecutionIndex>>,
    notes: Notes,
    /// Last command noted for the index.
    noted: Seq,
}

impl EventLog {
    /// A writer that goes on where the log ends.
    pub fn new(journal: Journal) -> Self {
        let progress = Arc::new(Progress::new(journal.tip().seq));
        let (blocks, notes, noted) = (EventBlocks::default(), Notes::default(), Seq::ZERO);
        Self { journal, blocks, progress, index: None, notes, noted }
    }

    /// The same, keeping an index up to date. What the log has and the index does not must be brought by
    /// [`EventLog::confirm`] before anything is added.
    #[must_use]
    pub fn with_index(mut self, index: Arc<ExecutionIndex>) -> Self {
        assert!(index.published() <= self.journal.tip().seq, "the index is not ahead of the event log");
        self.noted = index.published();
        self.index = Some(index);
        self
    }

    /// The index of executions, if one is kept: for readers, and for whoever maintains it.
    pub fn index(&self) -> Option<&Arc<ExecutionIndex>> {
        self.index.as_ref()
    }

    /// How far it is written: always the end of a block of the journal. Written is not synced: the journal can derive it again.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// The log itself.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The log itself, to purge.
    pub fn journal_mut(&mut self) -> &mut Journal {
        &mut self.journal
    }

    /// Makes what is written durable.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.journal.sync()
    }

    /// The log itself, at the end.
    pub fn into_journal(self) -> Journal {
        self.journal
    }

    /// Adds the events of one command of a journal block. After a lack of space they are kept: `end_block` tries again.
    pub fn add(&mut self, epoch: Epoch, seq: Seq, time: UnixNanos, events: &[Event]) -> Result<(), JournalError> {
        self.confirm(seq, events);
        if self.blocks.add(seq, time, events) { self.append(epoch, time) } else { Ok(()) }
    }

    /// Notes for the index what the log has of a command; what the index has already is passed over.
    ///
    /// # Panics
    /// If commands are left out: the index would never have them.
    pub fn confirm(&mut self, seq: Seq, events: &[Event]) {
        if self.index.is_some() && seq > self.noted {
            assert!(seq == self.noted.next(), "the index is brought up to date without a gap");
            self.notes.note(seq, events);
            self.noted = seq;
        }
    }

    /// Ends the commands that were confirmed: what was noted of them can be found, and is bounded in memory.
    pub fn end_confirmed(&mut self) {
        if let Some(index) = &self.index
            && self.noted > index.published()
        {
            index.publish(&mut self.notes, self.noted);
            index.bound_memory();
        }
    }

    /// Ends the events of a journal block: all that was added is written, and readers hear of it. Not before: who follows
    /// journal and event log side by side must never find a block of the one whose end the other does not have.
    pub fn end_block(&mut self, epoch: Epoch, time: UnixNanos) -> Result<(), JournalError> {
        self.append(epoch, time)?;
        self.announce();
        Ok(())
    }

    fn announce(&mut self) {
        if let Some(index) = &self.index {
            index.publish(&mut self.notes, self.journal.tip().seq);
        }
        self.progress.commit(self.journal.tip().seq, 0);
    }

    fn append(&mut self, epoch: Epoch, time: UnixNanos) -> Result<(), JournalError> {
        let Some(EventBlock { first_seq, count, payload }) = self.blocks.block() else { return Ok(()) };
        let (kind, rules_version) = (BlockKind::Commands, RULES_VERSION);
        self.journal.append(&[BlockToWrite { kind, rules_version, epoch, first_seq, count, time, payload }])?;
        self.blocks.clear();
        Ok(())
    }

    /// Writes what came of a batch, and readers hear of it.
    pub fn write(&mut self, batch: &Batch) -> Result<(), JournalError> {
        self.append_batch(batch)?;
        self.announce();
        Ok(())
    }

    /// Goes on with a batch that [`EventLog::write`] found no space for: what was encoded is still there.
    pub fn write_rest(&mut self, batch: &Batch) -> Result<(), JournalError> {
        self.append_rest(batch)?;
        self.announce();
        Ok(())
    }

    fn append_batch(&mut self, batch: &Batch) -> Result<(), JournalError> {
        for (command, events) in batch.iter() {
            self.add(batch.epoch, command.seq, command.time, events)?;
        }
        self.append(batch.epoch, batch.time)
    }

    fn append_rest(&mut self, batch: &Batch) -> Result<(), JournalError> {
        let encoded = self.blocks.last;
        self.append(batch.epoch, batch.time)?;
        for (command, events) in batch.iter().filter(|(command, _)| command.seq > encoded) {
            self.add(batch.epoch, command.seq, command.time, events)?;
        }
        self.append(batch.epoch, batch.time)
    }

    /// Writes what comes in, waiting for space where there is none, until the release is gone or the log fails. After a
    /// failure, or when the doors close while there is no space, a restart derives what is missing.
    ///
    /// `spare` should be bounded: batches that do not fit into it are freed.
    pub fn run(&mut self, incoming: &Receiver<Batch>, spare: &Sender<Batch>, admission: &Admission) {
        while let Ok(first) = incoming.recv() {
            for batch in std::iter::once(first).chain(incoming.try_iter()).take(BATCHES_ANNOUNCED_MAX) {
                if let Err(error) = self.append_patiently(&batch, admission) {
                    return self.fail(&error);
                }
                let commands = u64::try_from(batch.commands.len()).expect("bounded by BLOCK_COMMANDS_MAX");
                admission.sub_event_backlog(commands);
                // Nobody takes it back once the sequencer is gone, and nobody needs more than fit.
                drop(spare.try_send(batch));
            }
            self.announce();
            if self.journal.unsynced_bytes() >= SYNC_BYTES
                && let Err(error) = self.sync()
            {
                return self.fail(&error);
            }
            std::thread::sleep(ANNOUNCE_INTERVAL);
        }
    }

    fn fail(&self, error: &JournalError) {
        tracing::error!(%error, "the event log failed; followers stand still until a restart");
        self.progress.lose(error.to_string());
    }

    /// Writes a batch, waiting for space as long as the doors are open.
    fn append_patiently(&mut self, batch: &Batch, admission: &Admission) -> Result<(), JournalError> {
        let mut written = self.append_batch(batch);
        if let Err(JournalError::NoSpace) = written {
            tracing::warn!("no space for the event log: followers stand still until there is some");
        }
        while let Err(JournalError::NoSpace) = written {
            if admission.is_closed() {
                break;
            }
            std::thread::sleep(NO_SPACE_RETRY);
            written = self.append_rest(batch);
        }
        written
    }
}
