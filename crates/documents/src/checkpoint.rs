//! How far a stream is, as a document: one for each stream.

use domain::ids::{Checkpoint, Hash256, VenueId};
use domain::units::{Epoch, Seq};
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

/// What is noted of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// Where it is.
    At(Checkpoint),
    /// It is being emptied; whose it was.
    Emptied(VenueId),
}

/// What stands in the place of a checkpoint while a rewind deletes all rows of a derived stream. As long as it is there no row of the
/// stream counts and none is written: another branch would not be told from what is left. What has deleted all of them takes it away.
pub fn emptied(stream: Stream, venue: VenueId) -> Document {
    // At no sequence where a stream can be, so that nobody who knows an earlier checkpoint finds it there.
    let nowhere = Checkpoint { venue, epoch: Epoch(0), seq: Seq::ZERO, hash: Hash256::default() };
    let mut document = document(stream, &nowhere);
    document.fields.push((EMPTIED.into(), Value::Flag(true)));
    document
}

/// What a document notes.
pub fn noted(document: &Document) -> Result<Noted, Malformed> {
    let checkpoint = of(document)?;
    Ok(if document.get(EMPTIED).is_ok() { Noted::Emptied(checkpoint.venue) } else { Noted::At(checkpoint) })
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
