//! The documents of a batch.

use std::collections::BTreeMap;

use documents::batch::{Documents, Place, Writes};
use documents::collection::{Collection, Kind};
use documents::document::Document;
use documents::units::Units;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::fault::Fault;
use crate::item::{Key, SEQ, decode, encode, number, string};
use crate::open_items::OpenItems;
use crate::pack::{DIGEST, Pack, PackPlace};
use crate::session::{Condition, Put, Session};
use crate::span;

/// Writes that are under way at the same time.
const WRITES_AT_ONCE: usize = 16;
/// Items that are made before they are written: bounds what a large batch takes of memory.
const ITEMS_AT_ONCE: usize = 256;

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
pub(crate) fn by_item(added: &Documents<'_>) -> Result<BTreeMap<PackPlace, Vec<usize>>, Fault> {
    let mut items: BTreeMap<PackPlace, Vec<usize>> = BTreeMap::new();
    for index in 0..added.count() {
        let place = place_of(added, index)?;
        items.entry(PackPlace::of(added.collection(), place.partition, place.number)).or_default().push(index);
    }
    Ok(items)
}

/// An item, and what it grows from.
struct Growth {
    place: PackPlace,
    /// Digest of what is there; absent: nothing is.
    from: Option<String>,
    pack: Pack,
}

async fn add(session: &Session, units: &Units, open: &mut OpenItems, added: &Documents<'_>) -> Result<(), Fault> {
    let items: Vec<(PackPlace, Vec<usize>)> = by_item(added)?.into_iter().collect();
    for items in items.chunks(ITEMS_AT_ONCE) {
        let begin =
            |place: &PackPlace, indexes: &[usize]| Ok::<_, Fault>(place_of(added, indexes[0])?.number - place.first());
        let grows = |(place, indexes): &(PackPlace, Vec<usize>)| Ok::<_, Fault>((*place, begin(place, indexes)? > 0));
        let places = items.iter().map(grows).collect::<Result<Vec<_>, _>>()?;
        open.look(session, &places).await?;
        let mut growing = Vec::new();
        for (place, indexes) in items {
            let known = open.get(place);
            let pack = extended(place, known, begin(place, indexes)?, added, indexes, units)?;
            // Otherwise it went further than this batch, in an attempt that was interrupted.
            if known.is_none_or(|known| known.count() < pack.count()) {
                growing.push(Growth { place: *place, from: known.map(Pack::digest), pack });
            }
        }
        let grown = stream::iter(growing).map(|growth| grow(session, growth)).buffer_unordered(WRITES_AT_ONCE);
        let grown: Vec<(PackPlace, Pack)> = grown.try_collect().await?;
        for (place, pack) in grown {
            open.set(place, pack);
        }
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

/// Writes an item over what it grew from, and over nothing else: two writers with different histories cannot take anything from each
/// other. Gives what is there then.
async fn grow(session: &Session, growth: Growth) -> Result<(PackPlace, Pack), Fault> {
    let Growth { place, from, pack } = growth;
    let condition = match &from {
        None => Condition::absent(),
        Some(digest) => Condition::of("#a = :a", vec![(DIGEST, string(digest))]),
    };
    match session.put(place.collection.name(), pack.item(&place)?, condition).await? {
        Put::Written => Ok((place, pack)),
        Put::There(item) if item.is_empty() => Err(Fault::Missing(place.key().to_string())),
        // An earlier attempt did it, without an answer; or one that went further.
        Put::There(item) => {
            let there = Pack::of_item(&item)?;
            if !there.agrees_with(&pack) {
                return Err(Fault::Conflict(place.key().to_string()));
            }
            // Another writer has added less, or more than this one knew of: it is looked at again.
            if there.count() < pack.count() { Err(Fault::Overtaken) } else { Ok((place, there)) }
        }
    }
}

/// Writes documents over earlier ones, each as an item of its own.
async fn put_set(session: &Session, units: &Units, set: &Documents<'_>) -> Result<(), Fault> {
    let collection = set.collection();
    let written = stream::iter(0..set.count()).map(async |index| {
        let document = set.document(index, units)?;
        put_document(session, collection, &document).await
    });
    let () = written.buffer_unordered(WRITES_AT_ONCE).try_collect().await?;
    if span::is_kept(collection) { span::widen(session, collection, set.buckets()).await } else { Ok(()) }
}

/// What is derived depends on settings besides the commands. They may have changed since an attempt that was interrupted, so what is of the
/// same command is written over as well.
async fn put_document(session: &Session, collection: Collection, document: &Document) -> Result<(), Fault> {
    let is_replaced = if collection.is_bucketed() {
        "attribute_not_exists(#pk) OR #a <= :a"
    } else {
        "attribute_not_exists(#pk) OR #a < :a"
    };
    let replaced = Condition::of(is_replaced, vec![(SEQ, number(document.seq.0))]);
    let key = Key::of_document(collection, &document.id);
    match session.put(collection.name(), encode(&key, document), replaced).await? {
        Put::Written => Ok(()),
        // It has expired in between.
        Put::There(there) if there.is_empty() => Err(Fault::Overtaken),
        Put::There(there) => {
            let there = decode(there)?;
            if there.seq > document.seq || there == *document { Ok(()) } else { Err(Fault::Conflict(key.to_string())) }
        }
    }
}
