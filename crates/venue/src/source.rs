//! Journal and event log joined: what every follower reads.

pub(crate) mod window;

use std::collections::VecDeque;
use std::sync::Arc;

use codec::command::CommandReader;
use codec::event::EventReader;
use domain::command::{Command, Sequenced};
use domain::event::Event;
use domain::ids::{Checkpoint, Hash256, VenueId};
use domain::state::State;
use domain::units::{Seq, UnixNanos};
use journal::error::ReadError;
use journal::read::{Reader, SegmentSource};
use projector::block::{BlockInfo, CommittedBlock};
use projector::follower::{Source, SourceError};
use projector::store::Divergence;
use sequencer::log::Progress;
use sequencer::snapshots::Snapshots;

/// Both logs of a venue, for reading.
#[derive(Debug, Clone)]
pub(crate) struct Logs {
    pub(crate) venue: VenueId,
    pub(crate) journal: SegmentSource,
    pub(crate) event_log: SegmentSource,
}

impl Logs {
    /// Both logs have every command after this one.
    pub(crate) fn complete_after(&self) -> Result<Seq, ReadError> {
        Ok(self.journal.oldest()?.max(self.event_log.oldest()?).map_or(Seq::ZERO, Seq::previous))
    }
}

/// Reads both logs side by side. A block is one of the event log's, with the commands it came of.
#[derive(Debug)]
pub(crate) struct Joined {
    logs: Logs,
    written: Arc<Progress>,
    snapshots: Option<Snapshots>,
    readers: Option<(Reader, Reader)>,
    /// Commands read from the journal whose events come next, each with the hash of its journal block.
    commands: VecDeque<(Sequenced<Command>, Hash256)>,
    events: Vec<Event>,
    current: Option<CommittedBlock>,
}

impl Joined {
    /// A reader up to what is `written` of the event log; it begins where it is sent by `seek`.
    pub(crate) fn new(logs: Logs, written: Arc<Progress>) -> Self {
        Self {
            logs,
            written,
            snapshots: None,
            readers: None,
            commands: VecDeque::new(),
            events: Vec::new(),
            current: None,
        }
    }

    /// The same, which also knows states of the venue.
    pub(crate) fn with_snapshots(self, snapshots: Snapshots) -> Self {
        Self { snapshots: Some(snapshots), ..self }
    }

    /// The next block is the one after this sequence, whatever any follower has.
    pub(crate) fn start_after(&mut self, seq: Seq) {
        self.start_at(seq.next());
    }

    fn start_at(&mut self, seq: Seq) {
        self.commands.clear();
        self.readers = Some((self.logs.journal.reader(seq), self.logs.event_log.reader(seq)));
    }

    /// The next block, for whoever keeps it; absent: nothing more is committed yet.
    fn take_next(&mut self) -> Result<Option<CommittedBlock>, SourceError> {
        Ok(if self.read_next()? { self.current.take() } else { None })
    }

    fn read_next(&mut self) -> Result<bool, SourceError> {
        let written = self.written.committed();
        let Some((journal, event_log)) = &mut self.readers else {
            return Err(SourceError::Failed("nothing was asked for yet".into()));
        };
        let Some(block) = event_log.next_block(written).map_err(gone)? else { return Ok(false) };
        if block.header.count == 0 {
            return self.read_next();
        }
        let (first, last) = (block.header.first_seq, block.header.last_seq());
        let mut groups = EventReader::new(block.payload);
        let mut joined: Option<CommittedBlock> = None;
        for _ in 0..block.header.count {
            let (seq, _) = groups
                .next_into(&mut self.events)
                .ok_or_else(|| failed("a block has too few groups"))?
                .map_err(failed)?;
            let (command, journal_hash) = next_command(journal, &mut self.commands, written, seq)?;
            let joined = joined.get_or_insert_with(|| {
                CommittedBlock::new(BlockInfo {
                    venue: self.logs.venue,
                    epoch: block.header.epoch,
                    first,
                    last,
                    journal: journal_hash,
                    events: block.hash,
                })
            });
            joined.push(command, self.events.drain(..));
        }
        self.current = joined;
        Ok(true)
    }
}

/// The command with this sequence; those before it were not asked for.
fn next_command(
    journal: &mut Reader,
    commands: &mut VecDeque<(Sequenced<Command>, Hash256)>,
    committed: Seq,
    seq: Seq,
) -> Result<(Sequenced<Command>, Hash256), SourceError> {
    loop {
        while let Some((command, hash)) = commands.pop_front() {
            if command.seq == seq {
                return Ok((command, hash));
            }
        }
        let block = journal.next_block(committed).map_err(gone)?;
        let block = block.ok_or_else(|| failed(format!("the journal has no sequence {}", seq.0)))?;
        let header = block.header;
        for command in CommandReader::new(block.payload, header.first_seq, header.count, header.time) {
            commands.push_back((command.map_err(failed)?, block.hash));
        }
    }
}

impl Source for Joined {
    fn seek(&mut self, checkpoint: &Checkpoint) -> Result<Option<UnixNanos>, SourceError> {
        self.readers = None;
        if checkpoint.seq == Seq::ZERO {
            self.start_at(Seq(1));
            return Ok(None);
        }
        if checkpoint.seq > self.written.committed() {
            return Err(SourceError::Diverged(Divergence::Ahead(checkpoint.seq)));
        }
        // The block that ends at the checkpoint must be the one the follower has.
        let mut event_log = self.logs.event_log.reader(checkpoint.seq);
        let block = event_log.next_block(self.written.committed()).map_err(gone)?;
        let block = block.ok_or_else(|| failed("the event log ends before the checkpoint"))?;
        if block.header.last_seq() != checkpoint.seq || block.hash != checkpoint.hash {
            let (seq, stored) = (checkpoint.seq, checkpoint.hash);
            return Err(SourceError::Diverged(Divergence::Hash { seq, stored }));
        }
        let time = block.header.time;
        self.start_at(checkpoint.seq.next());
        Ok(Some(time))
    }

    /// The state of the newest snapshot that is of this history, else the one before the first command.
    fn state_before(&mut self, seq: Seq) -> Result<State, SourceError> {
        let Some(snapshots) = self.snapshots.clone() else {
            self.start_at(Seq(1));
            return Ok(State::default());
        };
        let mut limit = seq;
        loop {
            let (found, _) = snapshots.newest(limit).map_err(failed)?;
            let Some((header, state)) = found else {
                self.start_at(Seq(1));
                return Ok(State::default());
            };
            let (venue, hash) = (header.venue_id, header.event_log_hash);
            match self.seek(&Checkpoint { venue, epoch: header.epoch, seq: header.seq, hash }) {
                Ok(_) if venue == self.logs.venue => return Ok(state),
                // Of another history, or from before the logs begin: an older one cannot help more than the first command.
                Ok(_) | Err(SourceError::Diverged(_) | SourceError::Gone(_)) => limit = header.seq.previous(),
                Err(error @ SourceError::Failed(_)) => return Err(error),
            }
        }
    }

    fn committed(&self) -> Seq {
        self.written.committed()
    }

    fn next(&mut self) -> Result<Option<&CommittedBlock>, SourceError> {
        Ok(if self.read_next()? { self.current.as_ref() } else { None })
    }
}

/// Why logs could not be read, in words.
pub(crate) fn in_words(error: SourceError) -> String {
    match error {
        SourceError::Diverged(divergence) => divergence.to_string(),
        SourceError::Gone(seq) => format!("the logs no longer have what comes from {} on", seq.0),
        SourceError::Failed(why) => why,
    }
}

fn gone(error: ReadError) -> SourceError {
    match error {
        ReadError::Missing(seq) => SourceError::Gone(seq),
        error @ (ReadError::Mismatch { .. } | ReadError::Corruption(_) | ReadError::Io(_)) => failed(error),
    }
}

fn failed(error: impl std::fmt::Display) -> SourceError {
    SourceError::Failed(error.to_string())
}
