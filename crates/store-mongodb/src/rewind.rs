//! Going back to a fork: the journal was restored to an earlier point, and documents from the abandoned branch must go.

use std::collections::HashMap;

use documents::collection::{Collection, Kind};
use documents::document::Document;
use domain::ids::Checkpoint;
use domain::state::State;
use domain::units::Seq;
use mongodb::bson::rawdoc;
use projector::batch::Stream;

use crate::checkpoint;
use crate::config::MongoConfig;
use crate::encode::{decode, encode};
use crate::fault::Fault;
use crate::link::Link;
use crate::migrate;
use crate::session::{Find, Replacement, Session};

/// Takes a stream that is past `to` back to it: documents of later commands go, and those that later commands changed are written as they
/// are in `state`, which is the engine's at that sequence. Gives whether it was past it.
///
/// The checkpoint goes first, so that it is never ahead of the documents. Interrupted, it is completed by another call: what is later than
/// the checkpoint goes even where the stream is not past the fork.
pub fn rewind(config: &MongoConfig, stream: Stream, to: &Checkpoint, state: &State) -> Result<bool, Fault> {
    if state.seq != to.seq {
        let what = format!("the state is of sequence {}, the fork at {}", state.seq.0, to.seq.0);
        return Err(Fault::Misuse(what));
    }
    Link::open(config, "rewind")?.run(async |session| {
        migrate::check(session, config.migrates).await?;
        let stored = checkpoint::read(session, stream).await?;
        if stream.is_derived() {
            return empty(session, stream, stored.as_ref(), to).await;
        }
        let Some(stored) = stored else { return Ok(false) };
        check_venue(&stored, to)?;
        let moves = stored.seq > to.seq;
        if moves {
            checkpoint::set(session, stream, Some(&stored), to).await?;
        }
        let through = stored.seq.min(to.seq);
        let at_fork = documents::fork::documents(stream, state);
        for collection in Collection::of(stream) {
            match collection.kind() {
                Kind::Added => delete_after(session, *collection, through).await?,
                Kind::State => {
                    let of = at_fork.iter().filter(|(known, _)| known == collection);
                    restore(session, *collection, through, of.map(|(_, document)| document)).await?;
                }
            }
        }
        Ok(moves)
    })
}

fn check_venue(stored: &Checkpoint, to: &Checkpoint) -> Result<(), Fault> {
    if stored.venue == to.venue {
        return Ok(());
    }
    Err(Fault::Misuse("the database follows another journal: use an empty one".into()))
}

/// Empties a derived stream that is past the fork, or that an earlier call began to empty: what its sums were at the fork is not in them.
/// It is made again from the logs.
async fn empty(session: &Session, stream: Stream, stored: Option<&Checkpoint>, to: &Checkpoint) -> Result<bool, Fault> {
    if let Some(stored) = stored {
        check_venue(stored, to)?;
        if stored.seq <= to.seq {
            return Ok(false);
        }
        checkpoint::remove(session, stream).await?;
    }
    for collection in Collection::of(stream) {
        session.delete(collection.name(), rawdoc! {}).await?;
    }
    Ok(stored.is_some())
}

async fn delete_after(session: &Session, collection: Collection, through: Seq) -> Result<(), Fault> {
    session.delete(collection.name(), rawdoc! { "seq": { "$gt": through.0.cast_signed() } }).await.map(drop)
}

/// Of the documents written after the fork, those that were there at the fork are as they were then, and the others are gone.
async fn restore(
    session: &Session,
    collection: Collection,
    through: Seq,
    at_fork: impl Iterator<Item = &Document>,
) -> Result<(), Fault> {
    let at_fork: HashMap<&str, &Document> = at_fork.map(|document| (document.id.as_ref(), document)).collect();
    loop {
        let filter = rawdoc! { "seq": { "$gt": through.0.cast_signed() } };
        let later =
            session.find(collection.name(), Find { filter, sort: rawdoc! { "_id": 1 }, limit: session.documents_max });
        let later = later.await?.into_iter().map(decode).collect::<Result<Vec<_>, _>>()?;
        // One that was changed at the fork itself is later than a stream that is not there yet, and is as it should be.
        let wrong: Vec<_> =
            later.iter().filter(|document| at_fork.get(document.id.as_ref()) != Some(document)).collect();
        if wrong.is_empty() {
            return Ok(());
        }
        for document in wrong {
            let query = rawdoc! { "_id": document.id.as_ref() };
            match at_fork.get(document.id.as_ref()) {
                None => drop(session.delete(collection.name(), query).await?),
                Some(then) => {
                    let replacement = Replacement { query, document: encode(then)?, adds: false };
                    let written = session.replace(collection.name(), vec![replacement]).await?;
                    written.errors.into_iter().next().map_or(Ok(()), |error| Err(Fault::from(error)))?;
                }
            }
        }
    }
}
