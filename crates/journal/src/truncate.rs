//! Removing blocks: from the end, for replication, and whole segments from the beginning.

use domain::units::Seq;

use crate::archive::purge_before;
use crate::cursor::{At, Cursor};
use crate::error::{JournalError, ReadError};
use crate::journal::{Active, Journal};
use crate::recover::zero;
use crate::segment::{Segment, covering, list_segments, segment_name};
use crate::storage::OpenMode;
use crate::tip::Tip;
use crate::window::Window;

/// Where a segment is to be cut, and what goes.
struct Plan {
    offset: u64,
    tip: Tip,
    /// Start and end of the blocks behind, in order.
    behind: Vec<(u64, u64)>,
}

impl Journal {
    /// Removes everything behind the block that ends at `seq`, durably. Nothing committed may be behind it: readers
    /// are not told.
    ///
    /// A crash in between leaves a longer log, still a prefix of the old one: call it again.
    pub fn truncate_after(&mut self, seq: Seq) -> Result<(), JournalError> {
        self.sync()?;
        let segments = list_segments(&self.directory)?;
        let target = covering(&segments, seq).or(segments.first().copied().filter(|first| *first == seq.next()));
        let target = target.filter(|_| seq <= self.tip.seq).ok_or(JournalError::NotABoundary(seq))?;
        let segment = Segment::open(&self.directory, target, self.config.identity, OpenMode::ReadWrite)?;
        let mut cursor = Cursor::new(segment, Window::new());
        let plan = plan(&mut cursor, seq)?.ok_or(JournalError::NotABoundary(seq))?;

        // From the newest to the oldest, each step durable before the next: never a hole.
        for first_seq in segments.iter().rev().take_while(|first_seq| **first_seq > target) {
            let removed = self.directory.remove(&segment_name(*first_seq));
            self.note(removed)?;
        }
        let synced = self.directory.sync();
        self.note(synced)?;
        for (from, to) in plan.behind.iter().rev() {
            let cleared = zero(&cursor, *from, *to).and_then(|()| cursor.segment.file.sync());
            self.note(cleared)?;
        }
        let prepared = self.note(cursor.segment.file.size())?;
        let active = Active { segment: cursor.segment, end: plan.offset, synced_to: plan.offset, prepared };
        self.continue_at(active, plan.tip);
        Ok(())
    }

    /// Removes the segments that hold nothing from `seq` on, never the one being written; says how many.
    pub fn purge_before(&mut self, seq: Seq) -> Result<usize, JournalError> {
        self.alive()?;
        purge_before(&self.directory, seq).map_err(|error| {
            self.poison();
            error.into()
        })
    }
}

fn plan(cursor: &mut Cursor, seq: Seq) -> Result<Option<Plan>, ReadError> {
    let mut plan = Plan { offset: cursor.offset, tip: cursor.tip, behind: Vec::new() };
    loop {
        let start = cursor.offset;
        match cursor.step()? {
            At::Block(found) if found.header.count > 0 && found.header.last_seq() <= seq => {
                plan = Plan { offset: cursor.offset, tip: cursor.tip, behind: Vec::new() };
            }
            At::Block(_) => plan.behind.push((start, cursor.offset)),
            At::Nothing => return Ok(Some(plan).filter(|plan| plan.tip.seq == seq)),
            At::Bad(damage) => return Err(cursor.corrupt(damage).into()),
        }
    }
}
