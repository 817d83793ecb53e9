//! How far each stream is: one item for each, replaced only where it still is what the writer has read.

use aws_sdk_dynamodb::types::AttributeValue;
use documents::checkpoint::{CHECKPOINTS, document, of};
use domain::ids::Checkpoint;
use projector::batch::Stream;
use projector::words::Word as _;

use crate::fault::Fault;
use crate::item::{Key, decode, encode};
use crate::session::{Condition, Put, Session};

fn key(stream: Stream) -> Key {
    Key::plain(CHECKPOINTS, stream.word())
}

/// The stream has nothing any more.
pub(crate) async fn remove(session: &Session, stream: Stream) -> Result<(), Fault> {
    session.delete_all(CHECKPOINTS, vec![key(stream)]).await
}

/// Where a stream is.
pub(crate) async fn read(session: &Session, stream: Stream) -> Result<Option<Checkpoint>, Fault> {
    let found = session.get(key(stream)).await?;
    found.map(|found| Ok(of(&decode(found)?)?)).transpose()
}

/// Moves it, unless somebody else has.
pub(crate) async fn set(
    session: &Session,
    stream: Stream,
    stored: Option<&Checkpoint>,
    to: &Checkpoint,
) -> Result<(), Fault> {
    let condition = match stored {
        None => Condition::absent(),
        Some(stored) => {
            let known = encode(&key(stream), &document(stream, stored));
            let compared = ["venue", "epoch", "seq", "hash"]
                .map(|name| (name, known.get(name).cloned().unwrap_or(AttributeValue::Null(true))));
            Condition::of("#a = :a AND #b = :b AND #c = :c AND #d = :d", compared.to_vec())
        }
    };
    match session.put(CHECKPOINTS, encode(&key(stream), &document(stream, to)), condition).await? {
        Put::Written => Ok(()),
        Put::There(_) => Err(Fault::Overtaken),
    }
}
