//! How far each stream is: one item for each, replaced only where it still is what the writer has read.

use aws_sdk_dynamodb::types::AttributeValue;
use documents::checkpoint::{CHECKPOINTS, Noted, document, emptied};
use domain::ids::{Checkpoint, VenueId};
use projector::batch::Stream;
use projector::words::Word as _;

use crate::fault::Fault;
use crate::item::{Item, Key, decode, encode};
use crate::session::{Condition, Put, Session};

fn key(stream: Stream) -> Key {
    Key::plain(CHECKPOINTS, stream.word())
}

/// What is noted; absent: nothing was ever written, or it was emptied.
pub(crate) async fn noted(session: &Session, stream: Stream) -> Result<Option<Noted>, Fault> {
    let found = session.get(key(stream)).await?;
    found.map(|found| Ok(documents::checkpoint::noted(&decode(found)?)?)).transpose()
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
    replace(session, stream, stored, encode(&key(stream), &emptied(stream, venue))).await
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
