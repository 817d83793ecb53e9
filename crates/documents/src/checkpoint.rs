//! How far a stream is, as a document: one for each stream.

use domain::ids::Checkpoint;
use domain::units::Epoch;
use projector::batch::Stream;
use projector::words::Word as _;

use crate::document::{Document, Malformed, Value, text_of};

/// The collection of checkpoints.
pub const CHECKPOINTS: &str = "checkpoints";

/// What the checkpoint of a stream says in addition whose rows are being deleted.
pub const EMPTIED: &str = "emptied";

/// A checkpoint as a document.
pub fn document(stream: Stream, checkpoint: &Checkpoint) -> Document {
    let fields = [
        ("venue", Value::from(text_of(&checkpoint.venue.0))),
        ("epoch", checkpoint.epoch.0.into()),
        ("hash", checkpoint.hash.into()),
    ];
    Document::new(stream.word(), checkpoint.seq, fields)
}

/// The checkpoint of a derived stream whose rows a rewind is deleting. As long as it is there no row of the stream counts and none is
/// written; what has deleted all of them takes it away.
pub fn emptied(stream: Stream, checkpoint: &Checkpoint) -> Document {
    let mut document = document(stream, checkpoint);
    document.fields.push((EMPTIED.into(), Value::Flag(true)));
    document
}

/// Whether a document is such a one.
pub fn is_emptied(document: &Document) -> bool {
    document.get(EMPTIED).is_ok()
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
