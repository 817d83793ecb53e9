//! How far a stream is, as a document: one for each stream.

use domain::ids::{Checkpoint, VenueId};
use domain::units::Epoch;
use projector::batch::Stream;
use projector::words::Word as _;

use crate::document::{Document, Malformed, Value, bytes_of, text_of};

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
    let venue = document.text("venue")?;
    let bytes = bytes_of(venue).and_then(|bytes| bytes.try_into().ok());
    let bytes = bytes.ok_or_else(|| Malformed(format!("{}: venue is {venue:?}", document.id)))?;
    Ok(Checkpoint {
        venue: VenueId(bytes),
        epoch: Epoch(document.long("epoch")?),
        seq: document.seq,
        hash: document.hash("hash")?,
    })
}
