//! Going back to a fork: the journal was restored to an earlier point, and documents from the abandoned branch must go.

use std::collections::HashMap;

use documents::checkpoint::Noted;
use documents::collection::{Collection, Kind};
use documents::document::Document;
use documents::rows::id_of_command;
use domain::ids::{Checkpoint, VenueId};
use domain::state::State;
use domain::units::Seq;
use mongodb::bson::rawdoc;
use projector::batch::Stream;

use crate::checkpoint;
use crate::config::MongoConfig;
use crate::encode::encode;
use crate::fault::Fault;
use crate::link::Link;
use crate::migrate::{self, Patience};
use crate::session::{Replacement, Session};
use crate::stream::{each, each_heads};

/// Takes a stream that is past `to` back to it: documents of later commands go, and those that later commands changed are written as they
/// are in `state`, which is the engine's at that sequence. A derived stream is emptied, and made again from the logs: what its sums were at
/// the fork is not in them. Gives whether it was past the fork, or was emptied.
///
/// The checkpoint goes first, so that it is never ahead of the documents; that of a derived stream says that it is being emptied, and nobody
/// reads or writes the stream, until all documents are gone and the checkpoint with them. Interrupted, it is completed by another call: what
/// is later than the checkpoint goes even where the stream is not past the fork, for it may be of the branch that is abandoned. So a derived
/// stream is emptied as well where any document is later than its checkpoint.
///
/// Documents are found and deleted by id, at most `documents_max` with a command, so each command ends soon and none outlasts the call.
pub fn rewind(config: &MongoConfig, stream: Stream, to: &Checkpoint, state: &State) -> Result<bool, Fault> {
    if state.seq != to.seq {
        let what = format!("the state is of sequence {}, the fork at {}", state.seq.0, to.seq.0);
        return Err(Fault::Misuse(what));
    }
    Link::open(config, "rewind")?.run(async |session| {
        migrate::check(session, config.migrates, Patience::ToTheEnd).await?;
        if stream.is_derived() {
            return empty(session, stream, to).await;
        }
        let stored = checkpoint::read(session, stream).await?;
        if let Some(stored) = &stored {
            check_venue(stored.venue, to)?;
        }
        let reached = stored.map_or(Seq::ZERO, |stored| stored.seq);
        let moves = reached > to.seq;
        if moves {
            checkpoint::set(session, stream, stored.as_ref(), to).await?;
        }
        let through = reached.min(to.seq);
        // A stream without a checkpoint begins with the first command.
        let at_fork = if stored.is_some() { documents::fork::documents(stream, state) } else { Vec::new() };
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

fn check_venue(stored: VenueId, to: &Checkpoint) -> Result<(), Fault> {
    if stored == to.venue {
        return Ok(());
    }
    Err(Fault::Misuse("the database follows another journal: use an empty one".into()))
}

/// Empties a derived stream that is past the fork, that may have documents of another branch, or that an earlier call began to empty.
async fn empty(session: &Session, stream: Stream, to: &Checkpoint) -> Result<bool, Fault> {
    let stored = match checkpoint::noted(session, stream).await? {
        Some(Noted::Emptied(venue)) => {
            check_venue(venue, to)?;
            return delete_everything(session, stream).await.map(|()| true);
        }
        Some(Noted::At(stored)) => {
            check_venue(stored.venue, to)?;
            Some(stored)
        }
        None => None,
    };
    let reached = stored.map_or(Seq::ZERO, |stored| stored.seq);
    if reached <= to.seq && !has_later(session, stream, reached).await? {
        return Ok(false);
    }
    checkpoint::begin_emptying(session, stream, stored.as_ref(), to.venue).await?;
    delete_everything(session, stream).await?;
    Ok(true)
}

async fn delete_everything(session: &Session, stream: Stream) -> Result<(), Fault> {
    for collection in Collection::of(stream) {
        delete_range(session, *collection, "").await?;
    }
    checkpoint::end_emptying(session, stream).await
}

/// Whether any document of a stream is later than this.
async fn has_later(session: &Session, stream: Stream, through: Seq) -> Result<bool, Fault> {
    let mut found = false;
    for collection in Collection::of(stream) {
        each_heads(session, *collection, async |heads| {
            found |= heads.iter().any(|(_, seq)| *seq > through);
            Ok(!found)
        })
        .await?;
    }
    Ok(found)
}

/// The ids of what streams add begin with the sequence.
async fn delete_after(session: &Session, collection: Collection, through: Seq) -> Result<(), Fault> {
    delete_range(session, collection, &format!("{}/", id_of_command(through))).await
}

/// Deletes the documents with later ids.
async fn delete_range(session: &Session, collection: Collection, after: &str) -> Result<(), Fault> {
    let name = collection.name();
    loop {
        let heads = session.heads(name, after).await?;
        let Some((last, _)) = heads.last() else { return Ok(()) };
        session.delete(name, rawdoc! { "_id": { "$gt": after, "$lte": last.as_str() } }).await?;
    }
}

/// Of the documents written after the fork, those that were there at the fork are as they were then, and the others are gone. One that is
/// as it was at the fork may be later than a stream that is not there yet, and stays.
async fn restore(
    session: &Session,
    collection: Collection,
    through: Seq,
    at_fork: impl Iterator<Item = &Document>,
) -> Result<(), Fault> {
    let at_fork: HashMap<&str, &Document> = at_fork.map(|document| (document.id.as_ref(), document)).collect();
    each(session, collection, async |document| {
        let then = at_fork.get(document.id.as_ref());
        if document.seq <= through || then == Some(&&document) {
            return Ok(());
        }
        let query = rawdoc! { "_id": document.id.as_ref() };
        let Some(then) = then else { return session.delete(collection.name(), query).await.map(drop) };
        let replacement = Replacement { query, document: encode(then)?, adds: false };
        let written = session.replace(collection.name(), vec![replacement]).await?;
        written.errors.into_iter().next().map_or(Ok(()), |error| Err(Fault::from(error)))
    })
    .await
}
