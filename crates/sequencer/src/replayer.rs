//! The background replayer: a second engine that follows the journal, compares what it derives with the event log, and
//! writes snapshots. The live engine never pauses for one.

use std::fmt;

use codec::command::CommandReader;
use codec::error::DecodeError;
use codec::snapshot::SnapshotHeader;
use domain::command::{Command, Sequenced};
use domain::event::Event;
use domain::ids::{Hash256, VenueId};
use domain::units::{Epoch, Seq};
use engine::Engine;
use journal::block::BlockHeader;
use journal::error::ReadError;
use journal::read::{Reader, SegmentSource};

use crate::event_log::EventBlocks;
use crate::recovery::RULES_VERSION;

/// Where a replay stands: what a snapshot's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayPoint {
    /// Epoch of the last block.
    pub epoch: Epoch,
    /// Chain hash of the journal block that ends here.
    pub journal_hash: Hash256,
    /// Chain hash of the event log block that ends here.
    pub event_log_hash: Hash256,
}

/// Why a replay cannot go on.
#[derive(Debug)]
pub enum ReplayError {
    /// A log could not be read.
    Read(ReadError),
    /// A record could not be read.
    Decode(DecodeError),
    /// The block was written under rules this binary does not have.
    Rules {
        /// The version asked for.
        version: u32,
    },
    /// The same commands gave other events than the event log has.
    Diverged {
        /// First sequence of the block that differs.
        first_seq: Seq,
    },
    /// The event log ends inside a journal block.
    EventLogShort {
        /// First sequence it does not have.
        missing: Seq,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "{error}"),
            Self::Decode(error) => write!(f, "a record cannot be read: {error}"),
            Self::Rules { version } => write!(
                f,
                "the journal was written under rules version {version}, this binary has {RULES_VERSION}; use a newer one"
            ),
            Self::Diverged { first_seq } => write!(
                f,
                "replaying the block from sequence {} gives other events than the event log has; keep the data directory and report it",
                first_seq.0
            ),
            Self::EventLogShort { missing } => write!(f, "the event log does not have sequence {}", missing.0),
        }
    }
}

impl std::error::Error for ReplayError {}

impl From<ReadError> for ReplayError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// Commands that end a stretch with the block that brings it there: so many that handing it over costs nothing beside them, so
/// few that what came of them is still in the processor's cache when it is looked at.
pub(crate) const STRETCH_COMMANDS: usize = 1_024;

/// Events that a stretch keeps memory for when it is used again.
const EVENTS_KEPT: usize = 64 << 10;

/// Some blocks of the journal in a row, and what came of their commands.
#[derive(Debug, Default)]
pub struct Replayed {
    blocks: Vec<(BlockHeader, Hash256)>,
    commands: Vec<Sequenced<Command>>,
    events: Vec<Event>,
    ends: Vec<u32>,
}

/// A journal block that was replayed.
#[derive(Debug)]
pub struct ReplayedBlock<'a> {
    /// Its header.
    pub header: BlockHeader,
    /// Its chain hash.
    pub hash: Hash256,
    commands: &'a [Sequenced<Command>],
    ends: &'a [u32],
    /// Of all blocks of the stretch; `ends` are places in it.
    events: &'a [Event],
    first_event: usize,
}

impl<'a> ReplayedBlock<'a> {
    /// Each command with its events.
    pub fn iter(&self) -> impl Iterator<Item = (&'a Sequenced<Command>, &'a [Event])> + use<'a> {
        let (all, mut start) = (self.events, self.first_event);
        self.commands.iter().zip(self.ends).map(move |(command, end)| {
            let end = place(*end);
            let events = &all[start..end];
            start = end;
            (command, events)
        })
    }
}

impl Replayed {
    /// Its blocks, in order.
    pub fn blocks(&self) -> impl Iterator<Item = ReplayedBlock<'_>> {
        let (mut start, mut first_event) = (0, 0);
        self.blocks.iter().map(move |(header, hash)| {
            let end = start + place(header.count);
            let block = ReplayedBlock {
                header: *header,
                hash: *hash,
                commands: &self.commands[start..end],
                ends: &self.ends[start..end],
                events: &self.events,
                first_event,
            };
            first_event = block.ends.last().map_or(first_event, |last| place(*last));
            start = end;
            block
        })
    }

    /// How many commands it has.
    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.commands.len()).expect("a length fits into 64 bits")
    }

    /// Applies its commands, which are the engine's next.
    pub(crate) fn apply(&mut self, engine: &mut Engine) {
        engine.apply_block(&self.commands, &mut self.events, &mut self.ends);
    }

    fn clear(&mut self) {
        self.blocks.clear();
        self.commands.clear();
        self.ends.clear();
        self.events.clear();
        self.events.shrink_to(EVENTS_KEPT);
    }
}

fn place(number: u32) -> usize {
    usize::try_from(number).expect("a pointer has at least 32 bits")
}

/// The journal's commands, decoded.
#[derive(Debug)]
pub(crate) struct CommandBlocks {
    journal: Reader,
    /// What is wrong behind the blocks that were handed out.
    failed: Option<ReplayError>,
}

impl CommandBlocks {
    /// What follows the engine's last command.
    pub(crate) fn behind(engine: &Engine, journal: &SegmentSource) -> Self {
        Self { journal: journal.reader(engine.seq().next()), failed: None }
    }

    /// Replaces what is in `stretch` by the next blocks with commands, up to the one that brings it to `commands_min`; false:
    /// none is committed.
    pub(crate) fn next_stretch(
        &mut self,
        committed: Seq,
        commands_min: usize,
        stretch: &mut Replayed,
    ) -> Result<bool, ReplayError> {
        stretch.clear();
        while stretch.commands.len() < commands_min {
            match self.add_block(committed, stretch) {
                Ok(true) => {}
                Ok(false) => break,
                // What is before it comes first: it may be wrong as well.
                Err(error) if !stretch.blocks.is_empty() => {
                    self.failed = Some(error);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(!stretch.blocks.is_empty())
    }

    fn add_block(&mut self, committed: Seq, stretch: &mut Replayed) -> Result<bool, ReplayError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        loop {
            let Some(block) = self.journal.next_block(committed)? else { return Ok(false) };
            let header = block.header;
            if header.rules_version != RULES_VERSION {
                return Err(ReplayError::Rules { version: header.rules_version });
            }
            if header.count > 0 {
                let before = stretch.commands.len();
                for command in CommandReader::new(block.payload, header.first_seq, header.count, header.time) {
                    match command {
                        Ok(command) => stretch.commands.push(command),
                        Err(error) => {
                            stretch.commands.truncate(before);
                            return Err(ReplayError::Decode(error));
                        }
                    }
                }
                stretch.blocks.push((header, block.hash));
                return Ok(true);
            }
        }
    }
}

/// An engine that is fed from the journal.
#[derive(Debug)]
pub struct Replay {
    engine: Engine,
    journal: CommandBlocks,
    stretch: Replayed,
}

impl Replay {
    /// A replay that goes on after the engine's last command.
    pub fn new(engine: Engine, journal: &SegmentSource) -> Self {
        let journal = CommandBlocks::behind(&engine, journal);
        Self { engine, journal, stretch: Replayed::default() }
    }

    /// The engine as it is now.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The engine, at the end.
    pub fn into_engine(self) -> Engine {
        self.engine
    }

    /// Replays the next block with commands, if it is committed.
    pub fn next_block(&mut self, committed: Seq) -> Result<Option<&Replayed>, ReplayError> {
        self.next_stretch(committed, 1)
    }

    /// Replays the next blocks with commands, as far as they are committed, but not very many.
    pub fn next(&mut self, committed: Seq) -> Result<Option<&Replayed>, ReplayError> {
        self.next_stretch(committed, STRETCH_COMMANDS)
    }

    fn next_stretch(&mut self, committed: Seq, commands_min: usize) -> Result<Option<&Replayed>, ReplayError> {
        if !self.journal.next_stretch(committed, commands_min, &mut self.stretch)? {
            return Ok(None);
        }
        self.stretch.apply(&mut self.engine);
        Ok(Some(&self.stretch))
    }
}

/// Compares replayed events with the event log's bytes.
#[derive(Debug)]
pub struct EventCheck {
    event_log: Reader,
    blocks: EventBlocks,
}

impl EventCheck {
    /// A check that begins at `first`.
    pub fn new(event_log: &SegmentSource, first: Seq) -> Self {
        Self { event_log: event_log.reader(first), blocks: EventBlocks::default() }
    }

    /// Compares one replayed journal block as far as the event log is `written`; answers with the chain hash of the event
    /// log's last block for it, or the default where there is none.
    pub fn compare(&mut self, block: &ReplayedBlock<'_>, written: Seq) -> Result<Hash256, ReplayError> {
        let mut hash = Hash256::default();
        for (command, events) in block.iter().take_while(|(command, _)| command.seq <= written) {
            if self.blocks.add(command.seq, command.time, events) {
                hash = self.compare_one(written)?;
            }
        }
        if self.blocks.block().is_some() {
            hash = self.compare_one(written)?;
        }
        Ok(hash)
    }

    fn compare_one(&mut self, written: Seq) -> Result<Hash256, ReplayError> {
        let ours = self.blocks.block().expect("the caller has added something");
        let theirs = loop {
            match self.event_log.next_block(written)? {
                // The seal of an earlier life.
                Some(block) if block.header.count == 0 => {}
                Some(block) => break block,
                None => return Err(ReplayError::EventLogShort { missing: ours.first_seq }),
            }
        };
        if theirs.header.first_seq != ours.first_seq || theirs.payload != ours.payload {
            return Err(ReplayError::Diverged { first_seq: ours.first_seq });
        }
        let hash = theirs.hash;
        self.blocks.clear();
        Ok(hash)
    }
}

/// The background replayer; has no thread of its own.
#[derive(Debug)]
pub struct Replayer {
    venue: VenueId,
    replay: Replay,
    check: EventCheck,
    point: ReplayPoint,
}

impl Replayer {
    /// A replayer that goes on from an engine and the point it stands at.
    pub fn new(
        venue: VenueId,
        engine: Engine,
        point: ReplayPoint,
        journal: &SegmentSource,
        event_log: &SegmentSource,
    ) -> Self {
        let first = engine.seq().next();
        Self { venue, replay: Replay::new(engine, journal), check: EventCheck::new(event_log, first), point }
    }

    /// The last sequence replayed.
    pub fn seq(&self) -> Seq {
        self.replay.engine().seq()
    }

    /// Replays the next blocks whose events are `written`; says whether there were any. `written` must be the end of a block
    /// of the journal, as [`crate::event_log::EventLog::progress`] is.
    pub fn step(&mut self, written: Seq) -> Result<bool, ReplayError> {
        let Some(replayed) = self.replay.next(written)? else { return Ok(false) };
        for block in replayed.blocks() {
            if block.header.last_seq() > written {
                return Err(ReplayError::EventLogShort { missing: written.next() });
            }
            let event_log_hash = self.check.compare(&block, written)?;
            self.point = ReplayPoint { epoch: block.header.epoch, journal_hash: block.hash, event_log_hash };
        }
        Ok(true)
    }

    /// A snapshot of where it stands.
    pub fn snapshot(&self) -> (SnapshotHeader, domain::state::State) {
        let state = self.replay.engine().state();
        let header = SnapshotHeader {
            venue_id: self.venue,
            epoch: self.point.epoch,
            seq: state.seq,
            time: state.time,
            journal_hash: self.point.journal_hash,
            event_log_hash: self.point.event_log_hash,
        };
        (header, state)
    }
}
