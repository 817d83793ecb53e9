//! The heart: one thread that turns a queue of commands into blocks and events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use domain::command::Sequenced;
use domain::ids::VenueId;
use domain::units::{Epoch, Seq};
use engine::Engine;
use journal::config::Config;

use crate::batch::Batch;
use crate::clock::{BlockClock, Reading};
use crate::log::{Block, Log};
use crate::queue::{Exit, Submission};

/// Most commands in a block.
pub const BLOCK_COMMANDS_MAX: usize = 1_024;

/// A block ends with the command that brings it to this size.
pub const BLOCK_BYTES: usize = 1 << 20;

/// No command is encoded in more bytes: the longest holds a sealed secret, whose length has 16 bits.
pub const COMMAND_BYTES_MAX: usize = 128 << 10;

const _: () = assert!(
    Config::commands(VenueId([0; 16])).append_bytes_max > (BLOCK_BYTES + COMMAND_BYTES_MAX + 4096) as u64,
    "the journal takes every block"
);

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Cut a block of so many commands.
    Block(usize),
    /// Nothing to do.
    Idle,
    /// The log takes no block yet.
    LogBusy,
}

/// The log is lost: the process must end and recover from what is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Why.
    pub why: String,
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the journal is lost: {}", self.why)
    }
}

impl std::error::Error for Lost {}

/// What an operator tells the sequencer while it runs, and what it tells an operator.
#[derive(Debug, Default)]
pub struct Controls {
    accept_clock: AtomicBool,
    clock_jumped: AtomicBool,
    sequenced: AtomicU64,
}

impl Controls {
    /// The wall clock is right, whatever it did.
    pub fn accept_clock(&self) {
        self.accept_clock.store(true, Ordering::Release);
    }

    /// The last command given a sequence: ahead of what is committed while blocks are on their way to the disk.
    pub fn sequenced(&self) -> Seq {
        Seq(self.sequenced.load(Ordering::Acquire))
    }

    /// Whether the wall clock has jumped and is not believed.
    pub fn clock_jumped(&self) -> bool {
        self.clock_jumped.load(Ordering::Acquire)
    }
}

/// The one writer. Owns engine and log; has no thread of its own.
#[derive(Debug)]
pub struct Sequencer<L> {
    engine: Engine,
    epoch: Epoch,
    clock: BlockClock,
    controls: Arc<Controls>,
    queue: Exit,
    log: L,
    /// Taken out of the queue while waiting, first in the next block.
    held: Option<Submission>,
    out: Sender<Batch>,
    /// Batches that come back to be used again.
    spare: Receiver<Batch>,
}

impl<L: Log> Sequencer<L> {
    /// A sequencer that goes on after the engine's last command.
    ///
    /// `out` should be bounded: where the release is slower than the journal, sending waits, and the queue in front fills up
    /// instead of the memory behind.
    pub fn new(
        engine: Engine,
        epoch: Epoch,
        queue: Exit,
        log: L,
        controls: Arc<Controls>,
        (out, spare): (Sender<Batch>, Receiver<Batch>),
    ) -> Self {
        assert!(log.committed() == engine.seq(), "the engine has applied exactly what is committed");
        // The log can be later than the engine: the blocks of an epoch's beginning and of a clean end have times too.
        let clock = BlockClock::new(engine.time().max(log.time()));
        controls.sequenced.store(engine.seq().0, Ordering::Release);
        Self { engine, epoch, clock, controls, queue, log, held: None, out, spare }
    }

    /// Takes what waits into one block, hands the block to the log, applies it, and hands the events to the release.
    ///
    /// Applying before the block is committed is speculation: if the log is lost, this engine is thrown away.
    pub fn step(&mut self, now: Reading) -> Result<Step, Lost> {
        if let Some(why) = self.log.lost() {
            return Err(Lost { why });
        }
        if !self.log.has_room() {
            return Ok(Step::LogBusy);
        }
        if self.held.is_none() && self.queue.is_empty() {
            return Ok(Step::Idle);
        }
        let mut batch = self.spare.try_recv().unwrap_or_default();
        batch.clear();
        batch.epoch = self.epoch;
        batch.time = self.stamp(now);
        let payload = self.collect(&mut batch);
        if batch.commands.is_empty() {
            return Ok(Step::Idle);
        }
        self.submit(&batch, payload);
        self.engine.apply_block(&batch.commands, &mut batch.events, &mut batch.ends);
        let commands = batch.commands.len();
        self.out.send(batch).or(Err(Lost { why: "the release thread is gone".into() }))?;
        Ok(Step::Block(commands))
    }

    /// Waits for a command, or until `timeout`.
    pub fn wait_for_work(&mut self, timeout: Duration) {
        if self.held.is_none() {
            self.held = self.queue.wait(timeout);
        }
    }

    /// Between two blocks: lets commands collect for so long, unless there are enough for a whole block, or room gets scarce.
    pub fn gather(&self, time: Duration) {
        if !time.is_zero() && !self.queue.has_plenty(BLOCK_COMMANDS_MAX) {
            std::thread::sleep(time);
        }
    }

    /// The log.
    pub fn log(&self) -> &L {
        &self.log
    }

    /// The log, for one that is worked from outside.
    pub fn log_mut(&mut self) -> &mut L {
        &mut self.log
    }

    /// The engine: ahead of what is committed.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether nothing waits to be taken.
    pub fn is_drained(&self) -> bool {
        self.held.is_none() && self.queue.is_empty()
    }

    /// The engine and the log, at the end.
    pub fn into_parts(self) -> (Engine, L) {
        (self.engine, self.log)
    }

    fn stamp(&mut self, now: Reading) -> domain::units::UnixNanos {
        if self.controls.accept_clock.swap(false, Ordering::AcqRel) {
            self.clock.accept();
        }
        let time = self.clock.stamp(now);
        let jumped = self.clock.has_jumped();
        if jumped && !self.controls.clock_jumped.load(Ordering::Relaxed) {
            tracing::error!(
                "the wall clock has jumped by more than a second; block time goes on without it until an operator accepts it"
            );
        }
        self.controls.clock_jumped.store(jumped, Ordering::Release);
        time
    }

    /// Takes commands into the batch until one of the limits of a block is reached: the encoded commands.
    fn collect(&mut self, batch: &mut Batch) -> Vec<u8> {
        let mut payload = self.log.buffer();
        let mut seq = self.engine.seq();
        while batch.commands.len() < BLOCK_COMMANDS_MAX && payload.len() < BLOCK_BYTES {
            let Some(Submission { command, reply }) = self.held.take().or_else(|| self.queue.take()) else { break };
            seq = seq.next();
            codec::command::encode_command(&command, &mut payload);
            batch.commands.push(Sequenced { seq, time: batch.time, content: command });
            batch.replies.push(reply);
        }
        payload
    }

    fn submit(&mut self, batch: &Batch, payload: Vec<u8>) {
        let count = u32::try_from(batch.commands.len()).expect("bounded by BLOCK_COMMANDS_MAX");
        let (epoch, first_seq, time) = (self.epoch, batch.first_seq(), batch.time);
        // Before the log has it: whoever reads both finds nothing committed that is not sequenced.
        self.controls.sequenced.store(batch.last_seq().0, Ordering::Release);
        self.log.submit(Block { epoch, first_seq, count, time, payload });
    }
}
