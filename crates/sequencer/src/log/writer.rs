//! Brings blocks into the journal: as many by one write and one sync as it takes.

use std::collections::VecDeque;
use std::sync::Arc;

use journal::block::BlockToWrite;
use journal::error::JournalError;
use journal::journal::Journal;
use journal::prepare::Headroom;

use super::{Block, Progress};
use crate::queue::{Admission, Room};

/// What became of the blocks that waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// All are committed.
    All,
    /// Those that still wait found no space. Nothing of them was written.
    NoSpace,
}

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) journal: Journal,
    pub(super) progress: Arc<Progress>,
    admission: Arc<Admission>,
    room: Room,
}

impl Writer {
    pub(super) fn new(journal: Journal, progress: Arc<Progress>, admission: Arc<Admission>) -> Self {
        Self { journal, progress, admission, room: Room::Ample }
    }

    /// Writes, syncs and commits what waits. A block that was written leaves `waiting`, so that none is ever written twice; its
    /// buffer goes to `used`. Any failure but a lack of space is final.
    pub(super) fn write(
        &mut self,
        waiting: &mut VecDeque<Block>,
        used: impl Fn(Vec<u8>),
    ) -> Result<Written, JournalError> {
        let (appended, written) = self.append(waiting)?;
        if appended > 0 {
            self.journal.sync()?;
            self.progress.commit(self.journal.durable(), appended);
            for mut block in waiting.drain(..appended) {
                block.payload.clear();
                used(block.payload);
            }
        }
        self.tell_room(written);
        Ok(written)
    }

    /// How many of the blocks were appended, and why not all.
    fn append(&mut self, waiting: &VecDeque<Block>) -> Result<(usize, Written), JournalError> {
        let blocks: Vec<BlockToWrite<'_>> = waiting.iter().map(Block::to_write).collect();
        let mut rest = blocks.as_slice();
        let mut together = rest.len();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(together.min(rest.len()));
            match self.journal.append(now) {
                Ok(()) => rest = later,
                // One by one: each alone is small enough, and the first may still fit where all do not.
                Err(JournalError::TooLarge { .. } | JournalError::NoSpace) if now.len() > 1 => together = 1,
                Err(JournalError::NoSpace) => return Ok((blocks.len() - rest.len(), Written::NoSpace)),
                Err(error) => return Err(error),
            }
        }
        Ok((blocks.len(), Written::All))
    }

    /// Whether the disk has all the room it should have. If not, ask again soon: nobody else notices that there is some again.
    pub(super) fn has_ample_room(&self) -> bool {
        self.room == Room::Ample
    }

    fn tell_room(&mut self, written: Written) {
        self.room = match (written, self.journal.headroom()) {
            (Written::NoSpace, _) | (Written::All, Headroom::Exhausted) => Room::Nothing,
            (Written::All, Headroom::ReserveOnly) => Room::CancelsOnly,
            (Written::All, Headroom::Ample) => Room::Ample,
        };
        self.admission.set_room(self.room);
    }
}
