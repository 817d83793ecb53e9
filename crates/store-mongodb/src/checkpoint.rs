//! How far each stream is: one document for each, replaced only where it still is what the writer has read.

use documents::checkpoint::{CHECKPOINTS, EMPTIED, Noted, document, emptied};
use domain::ids::{Checkpoint, VenueId};
use mongodb::bson::raw::{CString, RawDocumentBuf};
use mongodb::bson::rawdoc;
use projector::batch::Stream;
use projector::words::Word as _;

use crate::encode::{decode, encode};
use crate::fault::{DUPLICATE_KEY, Fault};
use crate::session::{Replacement, Session};

/// What is noted; absent: nothing was ever written, or it was emptied.
pub(crate) async fn noted(session: &Session, stream: Stream) -> Result<Option<Noted>, Fault> {
    let found = session.find_ids(CHECKPOINTS, [stream.word()].into_iter()).await?.pop();
    found.map(|found| Ok(documents::checkpoint::noted(&decode(found)?)?)).transpose()
}

/// Where a stream is. What is there of one that is being emptied is not to be read, nor to be added to.
pub(crate) async fn read(session: &Session, stream: Stream) -> Result<Option<Checkpoint>, Fault> {
    match noted(session, stream).await? {
        None => Ok(None),
        Some(Noted::At(checkpoint)) => Ok(Some(checkpoint)),
        Some(Noted::Emptied(_)) => Err(Fault::Emptied),
    }
}

/// Moves it, unless somebody else has.
pub(crate) async fn set(
    session: &Session,
    stream: Stream,
    stored: Option<&Checkpoint>,
    to: &Checkpoint,
) -> Result<(), Fault> {
    put(session, stream, stored, encode(&document(stream, to))?).await
}

/// Notes that a stream is being emptied, unless somebody has moved it.
pub(crate) async fn begin_emptying(
    session: &Session,
    stream: Stream,
    stored: Option<&Checkpoint>,
    venue: VenueId,
) -> Result<(), Fault> {
    put(session, stream, stored, encode(&emptied(stream, venue))?).await
}

async fn put(
    session: &Session,
    stream: Stream,
    stored: Option<&Checkpoint>,
    replacement: RawDocumentBuf,
) -> Result<(), Fault> {
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

/// The stream that was emptied has nothing any more.
pub(crate) async fn end_emptying(session: &Session, stream: Stream) -> Result<(), Fault> {
    let mut query = rawdoc! { "_id": stream.word() };
    query.append(CString::try_from(EMPTIED).map_err(|error| Fault::Misuse(error.to_string()))?, true);
    session.delete(CHECKPOINTS, query).await.map(drop)
}

/// Waits until most members have on disk all that was written before.
pub(crate) async fn make_durable(session: &Session, stream: Stream) -> Result<(), Fault> {
    match read(session, stream).await? {
        Some(stored) => set(session, stream, Some(&stored), &stored).await,
        None => Ok(()),
    }
}
