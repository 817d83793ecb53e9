//! How far each stream is: one document for each, replaced only where it still is what the writer has read.

use documents::checkpoint::{CHECKPOINTS, EMPTIED, document, emptied, is_emptied, of};
use documents::document::Document;
use domain::ids::{Checkpoint, Hash256};
use domain::units::Seq;
use mongodb::bson::raw::{CString, RawDocumentBuf};
use mongodb::bson::rawdoc;
use projector::batch::Stream;
use projector::words::Word as _;

use crate::encode::{decode, encode};
use crate::fault::{DUPLICATE_KEY, Fault};
use crate::session::{Replacement, Session};

/// What is noted of a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Noted {
    /// It is at a checkpoint.
    At(Checkpoint),
    /// It was there, and its documents are being deleted.
    Emptied(Checkpoint),
}

/// Where a stream is, whether or not it is of any use.
pub(crate) async fn look(session: &Session, stream: Stream) -> Result<Option<Noted>, Fault> {
    let found = session.find_ids(CHECKPOINTS, [stream.word()].into_iter()).await?.pop();
    let noted = |document: Document| {
        let checkpoint = of(&document)?;
        Ok(if is_emptied(&document) { Noted::Emptied(checkpoint) } else { Noted::At(checkpoint) })
    };
    found.map(|found| noted(decode(found)?)).transpose()
}

/// Where a stream is. What is there of one that is being emptied is not to be read, nor to be added to.
pub(crate) async fn read(session: &Session, stream: Stream) -> Result<Option<Checkpoint>, Fault> {
    match look(session, stream).await? {
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

/// Notes that all documents of a stream are to go, unless somebody else has moved it. One that is nowhere gets a checkpoint from before
/// the first command for that.
pub(crate) async fn begin_emptying(
    session: &Session,
    stream: Stream,
    stored: Option<&Checkpoint>,
    fork: &Checkpoint,
) -> Result<(), Fault> {
    let origin = Checkpoint { seq: Seq::ZERO, hash: Hash256::default(), ..*fork };
    put(session, stream, stored, encode(&emptied(stream, stored.unwrap_or(&origin)))?).await
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
            let mut query = encode(&document(stream, stored))?;
            // Everything else that is noted of one that is being emptied is the same.
            let emptied = CString::try_from(EMPTIED).map_err(|error| Fault::Misuse(error.to_string()))?;
            query.append(emptied, rawdoc! { "$exists": false });
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
