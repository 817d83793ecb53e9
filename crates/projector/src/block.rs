//! What a projector reads: committed commands with what came of them, block by block.

use domain::command::{Command, Sequenced};
use domain::event::Event;
use domain::ids::{Checkpoint, Hash256, VenueId};
use domain::units::{Epoch, Seq, UnixNanos};

/// What a block says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockInfo {
    /// The journal it is of.
    pub venue: VenueId,
    /// Epoch of the writer that wrote it.
    pub epoch: Epoch,
    /// Its first command.
    pub first: Seq,
    /// Its last command.
    pub last: Seq,
    /// Hash of the journal block: the audit chain.
    pub journal: Hash256,
    /// Chain hash of the event log block.
    pub events: Hash256,
}

impl BlockInfo {
    /// Where a follower is that has everything up to and with this block.
    pub const fn checkpoint(&self) -> Checkpoint {
        Checkpoint { venue: self.venue, epoch: self.epoch, seq: self.last, hash: self.events }
    }
}

/// A command and the events that came of it, at least one.
#[derive(Debug, Clone, Copy)]
pub struct CommittedCommand<'a> {
    /// The command.
    pub command: &'a Sequenced<Command>,
    /// What came of it, in order.
    pub events: &'a [Event],
}

/// A journal block joined with its block of the event log. Blocks without commands are in neither and move no checkpoint.
#[derive(Debug, Clone)]
pub struct CommittedBlock {
    info: BlockInfo,
    commands: Vec<Sequenced<Command>>,
    /// The events of all commands, one after the other.
    events: Vec<Event>,
    /// Where in `events` those of each command end.
    ends: Vec<usize>,
}

impl CommittedBlock {
    /// A block to be filled with [`CommittedBlock::push`].
    pub fn new(info: BlockInfo) -> Self {
        assert!(info.first <= info.last, "a block without commands is not projected");
        Self { info, commands: Vec::new(), events: Vec::new(), ends: Vec::new() }
    }

    /// Adds the next command with its events.
    pub fn push(&mut self, command: Sequenced<Command>, events: impl IntoIterator<Item = Event>) {
        let expected = self.commands.last().map_or(self.info.first, |last| last.seq.next());
        assert_eq!(command.seq, expected, "the commands of a block follow each other");
        assert!(command.seq <= self.info.last, "the block says that it ends earlier");
        self.events.extend(events);
        assert!(self.ends.last().copied().unwrap_or(0) < self.events.len(), "every command yields an event");
        self.ends.push(self.events.len());
        self.commands.push(command);
    }

    /// What the block says about itself.
    pub const fn info(&self) -> &BlockInfo {
        &self.info
    }

    /// Time of its last command.
    pub fn last_time(&self) -> Option<UnixNanos> {
        self.commands.last().map(|last| last.time)
    }

    /// How many commands it has.
    pub fn command_count(&self) -> usize {
        self.commands.len()
    }

    /// How many events it has.
    pub fn event_count(&self) -> usize {
        self.events.len()
    }

    /// Its commands, in order.
    pub fn commands(&self) -> impl Iterator<Item = CommittedCommand<'_>> {
        assert_eq!(self.commands.last().map(|last| last.seq), Some(self.info.last), "the block was filled to its end");
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        self.commands
            .iter()
            .zip(begins.zip(&self.ends))
            .map(|(command, (begin, end))| CommittedCommand { command, events: &self.events[begin..*end] })
    }
}
