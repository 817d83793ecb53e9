//! What travels from the sequencer to the release thread and on to the event log: one block with all that came of it.

use std::fmt;

use domain::command::{Command, Sequenced};
use domain::event::Event;
use domain::units::{Epoch, Seq, UnixNanos};
use readmodel::answer::Answer;
use tokio::sync::oneshot;

/// Takes answers inside the process, on the release thread: must not block.
pub trait AnswerSink: Send + Sync + fmt::Debug {
    /// The command that was submitted with `token` is committed.
    fn answered(&self, token: u64, seq: Seq, events: &[Event]);
}

/// Where an answer goes.
#[derive(Debug)]
pub enum ReplyTo {
    /// Nowhere.
    Nobody,
    /// To one waiting task.
    Task(oneshot::Sender<Answer>),
    /// To one of the sinks that the release was made with.
    Sink {
        /// Its place in that list.
        sink: usize,
        /// The submitter's name for the command.
        token: u64,
    },
}

/// One block: its commands, where their answers go, and their events.
#[derive(Debug, Default)]
pub struct Batch {
    /// Epoch of the writer.
    pub epoch: Epoch,
    /// Block time.
    pub time: UnixNanos,
    /// In order; never empty.
    pub commands: Vec<Sequenced<Command>>,
    /// One per command.
    pub replies: Vec<ReplyTo>,
    /// All events, in order.
    pub events: Vec<Event>,
    /// Where each command's events end in `events`.
    pub ends: Vec<u32>,
}

impl Batch {
    /// First sequence.
    pub fn first_seq(&self) -> Seq {
        self.commands.first().expect("a batch has commands").seq
    }

    /// Last sequence.
    pub fn last_seq(&self) -> Seq {
        self.commands.last().expect("a batch has commands").seq
    }

    /// Each command with its events.
    pub fn iter(&self) -> impl Iterator<Item = (&Sequenced<Command>, &[Event])> {
        let mut start = 0;
        self.commands.iter().zip(&self.ends).map(move |(command, end)| {
            let end = usize::try_from(*end).expect("a pointer has at least 32 bits");
            let events = &self.events[start..end];
            start = end;
            (command, events)
        })
    }

    /// Empties it, keeping its memory.
    pub(crate) fn clear(&mut self) {
        self.commands.clear();
        self.replies.clear();
        self.events.clear();
        self.ends.clear();
    }
}
