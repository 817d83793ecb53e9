//! A projector that goes on from where a store is.

use domain::ids::Checkpoint;
use domain::state::State;
use domain::units::{Epoch, Seq};

use super::{Projector, StreamFold};
use crate::batch::Stream;
use crate::follower::{Source, SourceError};
use crate::settings::Settings;
use crate::share::Share;
use crate::store::{Divergence, Store, StoreError, StoredRow};

/// Why a projector cannot go on from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResumeError {
    /// The source has not what is needed.
    Source(SourceError),
    /// The store does not say what it has.
    Store(StoreError),
}

/// A projector of the blocks after a checkpoint of the store, and the source placed there.
///
/// A derived stream goes on from the rows of the buckets that are open at the checkpoint. Some of them may be newer than it, where a
/// commit was interrupted: commands that are in a row are not added to it again. What is not in rows (books, positions, what was
/// earned so far) comes from a state of the venue that is not newer than the checkpoint, and the blocks from there on.
pub fn resume(
    stream: Stream,
    checkpoint: Checkpoint,
    writer: Epoch,
    settings: &Settings,
    source: &mut dyn Source,
    store: &mut dyn Store,
) -> Result<Projector, ResumeError> {
    let time = source.seek(&checkpoint)?;
    let mut projector = Projector::new(stream, checkpoint, writer, settings);
    let (StreamFold::Derived(fold), Some(time)) = (&projector.rows, time) else { return Ok(projector) };
    let mut rows = Vec::new();
    store.recall(stream, &fold.open_at(time), &mut |row| rows.push(row))?;
    // A commit that was interrupted, of a history that goes on otherwise here: what is in its rows is not what comes next.
    if let Some(seq) = rows.iter().filter_map(StoredRow::last_seq).find(|seq| *seq > source.committed()) {
        return Err(ResumeError::Source(SourceError::Diverged(Divergence::Ahead(seq))));
    }
    if stream.needs_state() {
        let state = source.state_before(checkpoint.seq)?;
        projector.follow(&state, checkpoint, source)?;
    }
    if let StreamFold::Derived(fold) = &mut projector.rows {
        fold.remember(rows, checkpoint.seq);
    }
    Ok(projector)
}

impl Projector {
    /// Takes in what was before the checkpoint, from a state on; the rows that come of it are in the store already.
    fn follow(&mut self, state: &State, checkpoint: Checkpoint, source: &mut dyn Source) -> Result<(), ResumeError> {
        assert!(state.seq <= checkpoint.seq, "a state from after the checkpoint");
        if let StreamFold::Derived(fold) = &mut self.rows {
            fold.begin_at(state);
        }
        self.to = Checkpoint { seq: state.seq, ..checkpoint };
        while self.to.seq < checkpoint.seq {
            let block = source.next()?.ok_or_else(|| ends_early(self.to.seq, checkpoint.seq))?;
            self.push(block, &mut Share::whole())
                .map_err(|gap| ResumeError::Source(SourceError::Failed(gap.to_string())))?;
            if self.is_full() {
                self.take();
            }
        }
        if self.to.seq != checkpoint.seq {
            return Err(ends_early(self.to.seq, checkpoint.seq));
        }
        self.take();
        (self.from, self.to) = (checkpoint, checkpoint);
        Ok(())
    }
}

fn ends_early(at: Seq, checkpoint: Seq) -> ResumeError {
    let what = format!("the blocks after a state end at {}, not at the checkpoint {}", at.0, checkpoint.0);
    ResumeError::Source(SourceError::Failed(what))
}

impl From<SourceError> for ResumeError {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl From<StoreError> for ResumeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
