//! The documents of a batch.

use std::collections::BTreeMap;

use documents::batch::{Documents, Place, Writes};
use documents::collection::{Collection, Kind};
use documents::document::Document;
use documents::units::Units;
use tokio::task::JoinSet;

use crate::fault::Fault;
use crate::item::{Key, SEQ, decode, encode, number, string};
use crate::open_items::OpenItems;
use crate::pack::{DIGEST, Pack, PackPlace};
use crate::session::{BATCH_WRITE_MAX, Condition, Put, Session};

/// Conditional writes that are under way at the same time.
const WRITES_AT_ONCE: usize = 16;
/// Items that are made before they are written: bounds what a large batch takes of memory.
const ITEMS_AT_ONCE: usize = 8 * BATCH_WRITE_MAX;

/// Writes them. Where it is interrupted some are there; written again they meet themselves.
pub(crate) async fn write(
    session: &Session,
    units: &Units,
    open: &mut OpenItems,
    writes: &Writes<'_>,
) -> Result<(), Fault> {
    for set in &writes.sets {
        match set.collection().kind() {
            Kind::Added => add(session, units, open, set).await?,
            Kind::State => put_set(session, units, set).await?,
        }
    }
    for change in &writes.changed {
        let key = Key::of_document(change.collection(), &change.id());
        let found = session.get(key.clone()).await?.ok_or_else(|| Fault::Missing(key.to_string()))?;
        if let Some(document) = change.apply(&decode(found)?)? {
            put_document(session, change.collection(), &document).await?;
        }
    }
    Ok(())
}

/// The place of a document of a numbered collection.
fn place_of(added: &Documents<'_>, index: usize) -> Result<Place, Fault> {
    let collection = added.collection().name();
    added.place(index).ok_or_else(|| Fault::Misuse(format!("{collection} is not numbered")))
}

/// Which documents of a batch go into which item, in the order of their numbers.
fn by_item(added: &Documents<'_>) -> Result<BTreeMap<PackPlace, Vec<usize>>, Fault> {
    let mut items: BTreeMap<PackPlace, Vec<usize>> = BTreeMap::new();
    for index in 0..added.count() {
        let place = place_of(added, index)?;
        items.entry(PackPlace::of(added.collection(), place.partition, place.number)).or_default().push(index);
    }
    Ok(items)
}

async fn add(session: &Session, units: &Units, open: &mut OpenItems, added: &Documents<'_>) -> Result<(), Fault> {
    let items: Vec<(PackPlace, Vec<usize>)> = by_item(added)?.into_iter().collect();
    for items in items.chunks(ITEMS_AT_ONCE) {
        let begin = |place: &PackPlace, indexes: &[usize]| {
            Ok::<_, Fault>(place_of(added, indexes[0])?.number - place.first())
        };
        let grows = |(place, indexes): &(PackPlace, Vec<usize>)| Ok::<_, Fault>((*place, begin(place, indexes)? > 0));
        let places = items.iter().map(grows).collect::<Result<Vec<_>, _>>()?;
        open.look(session, &places).await?;
        let (mut whole, mut growing) = (Vec::new(), Vec::new());
        for (place, indexes) in items {
            let known = open.get(place);
            let pack = extended(place, known, begin(place, indexes)?, added, indexes, units)?;
            match known {
                // It went further than this batch, in an attempt that was interrupted.
                Some(known) if known.count() >= pack.count() => {}
                None if pack.count() == place.capacity() => whole.push(pack.item(place)?),
                Some(_) | None => growing.push((*place, known.map(Pack::digest), pack)),
            }
        }
        session.put_all(whole).await?;
        grow(session, open, growing).await?;
    }
    Ok(())
}

/// What an item holds with the documents of the batch; an error where other documents are in their place.
fn extended(
    place: &PackPlace,
    known: Option<&Pack>,
    begin: u64,
    added: &Documents<'_>,
    indexes: &[usize],
    units: &Units,
) -> Result<Pack, Fault> {
    let mut pack = known.map_or_else(Pack::default, |known| known.first(begin));
    if pack.count() < begin {
        return Err(Fault::Missing(format!("{}: what comes before number {}", place.key(), place.first() + begin)));
    }
    for (expected, index) in (begin..).zip(indexes) {
        let number = place_of(added, *index)?.number;
        if number != place.first() + expected {
            return Err(Fault::Misuse(format!("{}: number {number} leaves a gap", place.key())));
        }
        pack.push(&added.document(*index, units)?)?;
    }
    match known {
        Some(known) if !known.agrees_with(&pack) => Err(Fault::Conflict(place.key().to_string())),
        Some(_) | None => Ok(pack),
    }
}

/// Writes items over what they grew from.
async fn grow(
    session: &Session,
    open: &mut OpenItems,
    items: Vec<(PackPlace, Option<String>, Pack)>,
) -> Result<(), Fault> {
    let mut left = items.into_iter();
    let mut writes = JoinSet::new();
    loop {
        while writes.len() < WRITES_AT_ONCE {
            let Some((place, from, pack)) = left.next() else { break };
            let (session, item) = (session.clone(), pack.item(&place)?);
            writes.spawn(async move {
                let condition = match &from {
                    None => Condition::absent(),
                    Some(digest) => Condition::of("#a = :a", vec![(DIGEST, string(digest))]),
                };
                (place, pack, session.put(item, condition).await)
            });
        }
        let Some(done) = writes.join_next().await else { return Ok(()) };
        let (place, pack, put) = done.map_err(|error| Fault::Misuse(format!("a write ended: {error}")))?;
        match put? {
            Put::Written => open.set(place, pack),
            // An earlier attempt did it, without an answer; or one that went further.
            Put::There(item) => {
                let there = Pack::of_item(&item)?;
                if !there.agrees_with(&pack) || there.count() < pack.count() {
                    return Err(Fault::Conflict(place.key().to_string()));
                }
                open.set(place, there);
            }
        }
    }
}

/// Writes documents over earlier ones, each as an item of its own.
async fn put_set(session: &Session, units: &Units, set: &Documents<'_>) -> Result<(), Fault> {
    let collection = set.collection();
    let mut left = 0..set.count();
    let mut writes = JoinSet::new();
    loop {
        while writes.len() < WRITES_AT_ONCE {
            let Some(index) = left.next() else { break };
            let (session, document) = (session.clone(), set.document(index, units)?);
            writes.spawn(async move { put_document(&session, collection, &document).await });
        }
        let Some(done) = writes.join_next().await else { return Ok(()) };
        done.map_err(|error| Fault::Misuse(format!("a write ended: {error}")))??;
    }
}

async fn put_document(session: &Session, collection: Collection, document: &Document) -> Result<(), Fault> {
    let older = Condition::of("attribute_not_exists(#pk) OR #a < :a", vec![(SEQ, number(document.seq.0))]);
    let key = Key::of_document(collection, &document.id);
    match session.put(encode(&key, document), older).await? {
        Put::Written => Ok(()),
        Put::There(there) => {
            let there = decode(there)?;
            if there.seq > document.seq || there == *document {
                Ok(())
            } else {
                Err(Fault::Conflict(key.to_string()))
            }
        }
    }
}
