//! How far each stream is: one document for each, replaced only where it still is what the writer has read.

use documents::checkpoint::{CHECKPOINTS, document, of};
use domain::ids::Checkpoint;
use mongodb::bson::rawdoc;
use projector::batch::Stream;
use projector::words::Word as _;

use crate::encode::{decode, encode};
use crate::fault::{DUPLICATE_KEY, Fault};
use crate::session::{Replacement, Session};

/// Where a stream is.
pub(crate) async fn read(session: &Session, stream: Stream) -> Result<Option<Checkpoint>, Fault> {
    let found = session.find_ids(CHECKPOINTS, [stream.word()].into_iter()).await?.pop();
    found.map(|found| Ok(of(&decode(found)?)?)).transpose()
}

/// Moves it, unless somebody else has.
pub(crate) async fn set(
    session: &Session,
    stream: Stream,
    stored: Option<&Checkpoint>,
    to: &Checkpoint,
) -> Result<(), Fault> {
    let replacement = encode(&document(stream, to))?;
    let written = match stored {
        None => session.insert(CHECKPOINTS, vec![replacement]).await?,
        Some(stored) => {
            let query = encode(&document(stream, stored))?;
            session.replace(CHECKPOINTS, vec![Replacement { query, document: replacement, adds: false }]).await?
        }
    };
    match written.errors.into_iter().next() {
        Some(error) if error.code == DUPLICATE_KEY => Err(Fault::Overtaken),
        Some(error) => Err(error.into()),
        None if written.count == 1 => Ok(()),
        None => Err(Fault::Overtaken),
    }
}

/// The stream has nothing any more.
pub(crate) async fn remove(session: &Session, stream: Stream) -> Result<(), Fault> {
    session.delete(CHECKPOINTS, rawdoc! { "_id": stream.word() }).await.map(drop)
}

/// Waits until most members have on disk all that was written before.
pub(crate) async fn make_durable(session: &Session, stream: Stream) -> Result<(), Fault> {
    match read(session, stream).await? {
        Some(stored) => set(session, stream, Some(&stored), &stored).await,
        None => Ok(()),
    }
}
