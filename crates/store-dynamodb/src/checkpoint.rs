//! How far each stream is: one item for each, replaced only where it still is what the writer has read.
//!
//! While a rewind deletes all documents of a stream, the item says so. Nobody takes what is left for the stream meanwhile, and nobody
//! begins to write it anew: another branch would not be told from what is left.

use aws_sdk_dynamodb::types::AttributeValue;
use documents::checkpoint::{CHECKPOINTS, document, of};
use domain::ids::{Checkpoint, Hash256, VenueId};
use domain::units::{Epoch, Seq};
use projector::batch::Stream;
use projector::words::Word as _;

use crate::fault::Fault;
use crate::item::{Item, Key, decode, encode};
use crate::session::{Condition, Put, Session};

/// Of a stream that is being emptied.
const EMPTIED: &str = "emptied";

fn key(stream: Stream) -> Key {
    Key::plain(CHECKPOINTS, stream.word())
}

/// What is noted of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    /// Where it is.
    At(Checkpoint),
    /// It is being emptied; whose it was.
    Emptied(VenueId),
}

/// What is noted; absent: nothing was ever written, or it was emptied.
pub(crate) async fn noted(session: &Session, stream: Stream) -> Result<Option<Noted>, Fault> {
    let Some(found) = session.get(key(stream)).await? else { return Ok(None) };
    let is_emptied = found.contains_key(EMPTIED);
    let checkpoint = of(&decode(found)?)?;
    Ok(Some(if is_emptied { Noted::Emptied(checkpoint.venue) } else { Noted::At(checkpoint) }))
}

/// Where a stream is.
pub(crate) async fn read(session: &Session, stream: Stream) -> Result<Option<Checkpoint>, Fault> {
    match noted(session, stream).await? {
        None => Ok(None),
        Some(Noted::At(checkpoint)) => Ok(Some(checkpoint)),
        Some(Noted::Emptied(_)) => Err(Fault::Emptied),
    }
}

/// Notes that a stream is being emptied, unless somebody has moved it.
pub(crate) async fn begin_emptying(
    session: &Session,
    stream: Stream,
    stored: Option<&Checkpoint>,
    venue: VenueId,
) -> Result<(), Fault> {
    // At no sequence where a stream can be, so that nobody who knows an earlier checkpoint finds it there.
    let nowhere = Checkpoint { venue, epoch: Epoch(0), seq: Seq::ZERO, hash: Hash256::default() };
    let mut item = encode(&key(stream), &document(stream, &nowhere));
    item.insert(EMPTIED.to_owned(), AttributeValue::Bool(true));
    replace(session, stream, stored, item).await
}

/// A stream that was being emptied has nothing any more.
pub(crate) async fn end_emptying(session: &Session, stream: Stream) -> Result<(), Fault> {
    session.delete_all(CHECKPOINTS, vec![key(stream)]).await
}

/// Moves it, unless somebody else has.
pub(crate) async fn set(
    session: &Session,
    stream: Stream,
    stored: Option<&Checkpoint>,
    to: &Checkpoint,
) -> Result<(), Fault> {
    replace(session, stream, stored, encode(&key(stream), &document(stream, to))).await
}

async fn replace(session: &Session, stream: Stream, stored: Option<&Checkpoint>, item: Item) -> Result<(), Fault> {
    let condition = match stored {
        None => Condition::absent(),
        Some(stored) => {
            let known = encode(&key(stream), &document(stream, stored));
            let compared = ["venue", "epoch", "seq", "hash"]
                .map(|name| (name, known.get(name).cloned().unwrap_or(AttributeValue::Null(true))));
            Condition::of("#a = :a AND #b = :b AND #c = :c AND #d = :d", compared.to_vec())
        }
    };
    match session.put(CHECKPOINTS, item, condition).await? {
        Put::Written => Ok(()),
        Put::There(_) => Err(Fault::Overtaken),
    }
}
