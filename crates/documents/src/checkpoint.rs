//! How far a stream is, as a document: one for each stream.

use domain::ids::Checkpoint;
use domain::units::Epoch;
use projector::batch::Stream;
use projector::words::Word as _;

use crate::document::{Document, Malformed, Value, text_of};

/// The collection of checkpoints.
pub const CHECKPOINTS: &str = "checkpoints";

/// A checkpoint as a document.
pub fn document(stream: Stream, checkpoint: &Checkpoint) -> Document {
    let fields = [
        ("venue", Value::from(text_of(&checkpoint.venue.0))),
        ("epoch", checkpoint.epoch.0.into()),
        ("hash", checkpoint.hash.into()),
    ];
    Document::new(stream.word(), checkpoint.seq, fields)
}

/// The checkpoint that a document is.
pub fn of(document: &Document) -> Result<Checkpoint, Malformed> {
    Ok(Checkpoint {
        venue: document.venue("venue")?,
        epoch: Epoch(document.long("epoch")?),
        seq: document.seq,
        hash: document.hash("hash")?,
    })
}
