//! Whose rows a store holds: what tells a reader that another process has taken the store over.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use domain::ids::Checkpoint;
use domain::units::Seq;

use crate::batch::Stream;
use crate::follower::Stop;
use crate::history::ReadError;

/// Checkpoints remembered for each stream. A reader that is slower than so many commits is refused, and may ask again.
pub const CHECKPOINTS_MAX: usize = 1_024;

/// The checkpoints that the streams of a store can have as long as one venue alone writes it: those it was found with, and those
/// the venue's follower has written since, each noted before it can be seen in the store.
///
/// Only a whole checkpoint says whose rows they are: two copies of a data directory have the same venue, and started at the same
/// moment the same epoch; but never the same hash at the same sequence once either has written something the other has not.
#[derive(Debug, Default)]
pub struct Lineage {
    streams: Mutex<BTreeMap<Stream, Line>>,
}

#[derive(Debug, Default)]
struct Line {
    known: BTreeMap<Seq, Checkpoint>,
    /// Why nothing is to be read any more.
    closed: Option<String>,
}

impl Lineage {
    /// The stream has this checkpoint, or will have it: it lies on the venue's own history.
    pub fn admit(&self, stream: Stream, checkpoint: Checkpoint) {
        self.with(stream, |line| {
            line.known.insert(checkpoint.seq, checkpoint);
            if line.known.len() > CHECKPOINTS_MAX {
                line.known.pop_first();
            }
        });
    }

    /// The follower of the stream has stopped. Where it did so because the rows are another's, nothing is read any more; where it
    /// cannot go on for another reason, what it has written so far stays right.
    pub fn close(&self, stream: Stream, stop: &Stop) {
        match stop {
            Stop::Fenced(_) | Stop::Diverged(_) => self.with(stream, |line| line.closed = Some(stop.to_string())),
            Stop::Gone(_) | Stop::Failed(_) => {}
        }
    }

    /// Whether rows read together with this checkpoint (absent: with none) are the venue's own.
    pub fn check(&self, stream: Stream, found: Option<&Checkpoint>) -> Result<(), ReadError> {
        self.with(stream, |line| {
            if let Some(why) = &line.closed {
                return Err(ReadError::Foreign(why.clone()));
            }
            match found {
                // A store that was away, or refused by its follower, when the venue started.
                Some(_) if line.known.is_empty() => {
                    Err(ReadError::Failed("its follower has not looked at it yet".to_owned()))
                }
                Some(found) if line.known.get(&found.seq) != Some(found) => {
                    let (seq, epoch) = (found.seq.0, found.epoch.0);
                    let why = format!("it is at sequence {seq} in epoch {epoch}, where this venue did not bring it");
                    Err(ReadError::Foreign(why))
                }
                Some(_) | None => Ok(()),
            }
        })
    }

    fn with<T>(&self, stream: Stream, act: impl FnOnce(&mut Line) -> T) -> T {
        act(self.streams.lock().unwrap_or_else(PoisonError::into_inner).entry(stream).or_default())
    }
}
