//! The documents of a batch.

use std::collections::HashMap;

use documents::batch::{Documents, Writes};
use documents::collection::{Collection, Kind};
use documents::document::Document;
use documents::units::Units;
use mongodb::bson::rawdoc;

use crate::encode::{decode, encode};
use crate::fault::{DUPLICATE_KEY, Fault};
use crate::session::{Replacement, Session, WriteError};

/// Writes them. Where it is interrupted some are there; written again they meet themselves.
pub(crate) async fn write(session: &Session, units: &Units, writes: &Writes<'_>) -> Result<(), Fault> {
    for set in &writes.sets {
        let mut begin = 0;
        while begin < set.count() {
            let end = set.count().min(begin + session.documents_max);
            write_some(session, units, set, begin..end).await?;
            begin = end;
        }
    }
    for change in &writes.changed {
        let id = change.id();
        let found = session.find_ids(change.collection().name(), [id.as_str()].into_iter()).await?.pop();
        let stored = found.ok_or(Fault::Missing(id)).and_then(|found| Ok(decode(found)?))?;
        if let Some(document) = change.apply(&stored)? {
            put(session, change.collection(), &[&document]).await?;
        }
    }
    Ok(())
}

/// Writes so many documents with one command.
async fn write_some(
    session: &Session,
    units: &Units,
    set: &Documents<'_>,
    which: std::ops::Range<usize>,
) -> Result<(), Fault> {
    let documents = which.map(|index| set.document(index, units)).collect::<Result<Vec<_>, _>>()?;
    let documents: Vec<&Document> = documents.iter().collect();
    match set.collection().kind() {
        Kind::Added => add(session, set.collection(), &documents).await,
        Kind::State => put(session, set.collection(), &documents).await,
    }
}

/// Adds documents that never change.
pub(crate) async fn add(session: &Session, collection: Collection, documents: &[&Document]) -> Result<(), Fault> {
    let encoded = documents.iter().map(|document| encode(document)).collect::<Result<Vec<_>, _>>()?;
    let written = session.insert(collection.name(), encoded).await?;
    let name = collection.name();
    for (own, stored) in repeated(session, collection, documents, written.errors).await? {
        match stored {
            Some(stored) if stored == *own => {}
            Some(_) => return Err(Fault::Conflict(format!("{name} {}", own.id))),
            None => {
                let what = format!("{name} {}: a document with another id has its place in a unique index", own.id);
                return Err(Fault::Conflict(what));
            }
        }
    }
    Ok(())
}

/// Writes documents over earlier ones; derived ones also over those of the same command, for how they are cut is a setting and may have
/// changed since an attempt that was interrupted.
async fn put(session: &Session, collection: Collection, documents: &[&Document]) -> Result<(), Fault> {
    let statements = documents.iter().map(|document| statement(collection, document)).collect::<Result<Vec<_>, _>>()?;
    let written = session.replace(collection.name(), statements).await?;
    // Where there is one that it is not written over, the server tried to add a second one.
    for (own, stored) in repeated(session, collection, documents, written.errors).await? {
        let id = || format!("{} {}", collection.name(), own.id);
        match stored {
            Some(stored) if stored.seq > own.seq || stored == *own => {}
            Some(_) => return Err(Fault::Conflict(id())),
            // It has expired.
            None => return Err(Fault::Gone(id())),
        }
    }
    Ok(())
}

/// A document over an earlier one, or where there is none.
pub(crate) fn statement(collection: Collection, document: &Document) -> Result<Replacement, Fault> {
    let seq = document.seq.0.cast_signed();
    let earlier = if collection.is_bucketed() {
        rawdoc! { "$lte": seq }
    } else {
        rawdoc! { "$lt": seq }
    };
    let query = rawdoc! { "_id": document.id.as_ref(), "seq": earlier };
    Ok(Replacement { query, document: encode(document)?, adds: true })
}

/// Documents that were not written because there was one with that id already, and what is there now.
async fn repeated<'a>(
    session: &Session,
    collection: Collection,
    documents: &[&'a Document],
    errors: Vec<WriteError>,
) -> Result<Vec<(&'a Document, Option<Document>)>, Fault> {
    let mut repeated = Vec::new();
    for error in errors {
        match documents.get(error.index) {
            Some(document) if error.code == DUPLICATE_KEY => repeated.push(*document),
            Some(_) | None => return Err(error.into()),
        }
    }
    if repeated.is_empty() {
        return Ok(Vec::new());
    }
    let found = session.find_ids(collection.name(), repeated.iter().map(|document| document.id.as_ref())).await?;
    let mut stored = HashMap::new();
    for found in found {
        let document = decode(found)?;
        stored.insert(document.id.clone(), document);
    }
    Ok(repeated.into_iter().map(|own| (own, stored.remove(&own.id))).collect())
}
