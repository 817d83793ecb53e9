//! All documents of a stream, as they were at its checkpoint.

use std::collections::HashMap;
use std::time::Duration;

use documents::collection::{Collection, Kind};
use documents::document::Document;
use documents::rows::derived::{bucket_prefix, subject_of_scope};
use documents::rows::row;
use documents::units::Units;
use domain::ids::{AssetId, Checkpoint, SymbolId};
use domain::units::Seq;
use projector::batch::Stream;
use projector::buckets::{Bucket, Scope};
use projector::store::{ReadStream, StoreError, StoredRow};

use crate::checkpoint;
use crate::fault::Fault;
use crate::item::{Item, Key, Layout, decode, layout};
use crate::pack::{Pack, PackPlace};
use crate::session::{Answer, Range, Session};
use crate::span::is_span;
use crate::store::{DynamoStore, read_units};

/// How long to wait for the checkpoint of documents that are written already.
const UNFINISHED_WAIT: Duration = Duration::from_millis(200);
/// How often.
const UNFINISHED_LOOKS: u32 = 50;
/// Packed items that are read at once.
const ITEMS_AT_ONCE: u64 = 100;

impl ReadStream for DynamoStore {
    fn read_stream(
        &mut self,
        stream: Stream,
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<Option<Checkpoint>, StoreError> {
        self.holds(stream)?;
        let read = self.read_rows(stream, visit);
        Ok(self.conclude(read)?)
    }
}

impl DynamoStore {
    fn read_rows(&mut self, stream: Stream, visit: &mut dyn FnMut(StoredRow)) -> Result<Option<Checkpoint>, Fault> {
        self.link()?.run(async |session| {
            // Whoever writes goes on meanwhile: what is only added and not later than the checkpoint is complete and stays.
            let (checkpoint, states) = settled(session, stream).await?;
            let through = checkpoint.map_or(Seq::ZERO, |checkpoint| checkpoint.seq);
            let mut units = Units::default();
            read_units(session, &mut units).await?;
            for (collection, document) in &states {
                visit(row(*collection, document, &units)?);
            }
            for collection in Collection::of(stream).iter().filter(|collection| collection.kind() == Kind::Added) {
                for partition in partitions(session, *collection).await? {
                    each(session, PackPlace::of(*collection, partition, 0), &mut |document| {
                        let shown = document.seq <= through;
                        if shown {
                            visit(row(*collection, document, &units)?);
                        }
                        Ok(shown)
                    })
                    .await?;
                }
            }
            Ok(checkpoint)
        })
    }
}

/// Visits the items of a collection that is not packed, a page at a time.
pub(crate) async fn each_page(
    session: &Session,
    collection: Collection,
    mut visit: impl AsyncFnMut(Vec<Item>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut after = None;
    loop {
        let Answer { items, next } = session.scan(collection.name(), after.as_ref()).await?;
        visit(items).await?;
        match next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

impl DynamoStore {
    /// The rows of these buckets, however new they are.
    pub(crate) fn recall_rows(
        &mut self,
        stream: Stream,
        buckets: &[Bucket],
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<(), Fault> {
        self.link()?.run(async |session| {
            let mut units = Units::default();
            read_units(session, &mut units).await?;
            for collection in Collection::of(stream) {
                for bucket in buckets {
                    for item in items_of_bucket(session, *collection, bucket).await? {
                        visit(row(*collection, &decode(item)?, &units)?);
                    }
                }
            }
            Ok(())
        })
    }
}

/// Everything that a collection has of a bucket.
async fn items_of_bucket(session: &Session, collection: Collection, bucket: &Bucket) -> Result<Vec<Item>, Fault> {
    let prefix = bucket_prefix(bucket);
    match layout(collection) {
        Layout::Crowd => {
            let mut items = Vec::new();
            for partition in Key::partitions_of_bucket(&prefix) {
                items.extend(session.query_all(collection.name(), &partition, &Range::default()).await?);
            }
            Ok(items)
        }
        Layout::Series => {
            let subjects = subjects(session, collection).await?;
            let keys = subjects.iter().map(|subject| Key::of_document(collection, &format!("{prefix}{subject}")));
            Ok(session.get_all(keys).await?.into_iter().map(|(_, item)| item).collect())
        }
        Layout::Few | Layout::Packed => Ok(Vec::new()),
    }
}

/// What the ids of a series end with, for everything that may have one.
async fn subjects(session: &Session, collection: Collection) -> Result<Vec<String>, Fault> {
    let numbers = async |collection: Collection, name: &str| {
        let documents = few(session, collection).await?;
        documents.iter().map(|document| document.small::<u32>(name)).collect::<Result<Vec<_>, _>>().map_err(Fault::from)
    };
    let symbols = numbers(Collection::Symbols, "symbol_id").await?;
    if collection != Collection::Analytics {
        return Ok(symbols.iter().map(|symbol| format!("{symbol:010}")).collect());
    }
    let assets = numbers(Collection::Assets, "asset_id").await?;
    let assets = assets.into_iter().map(|asset| Scope::Asset(AssetId(asset)));
    let symbols = symbols.into_iter().map(|symbol| Scope::Symbol(SymbolId(symbol)));
    Ok(assets.chain(symbols).chain([Scope::Venue]).map(subject_of_scope).collect())
}

/// The documents of a collection of which there are few.
pub(crate) async fn few(session: &Session, collection: Collection) -> Result<Vec<Document>, Fault> {
    let items = session.query_all(collection.name(), collection.name(), &Range::default()).await?;
    Ok(items.into_iter().map(decode).collect::<Result<_, _>>()?)
}

/// The sequences of numbers of a collection.
pub(crate) async fn partitions(session: &Session, collection: Collection) -> Result<Vec<u32>, Fault> {
    match collection {
        Collection::CompletedTrades => {
            let symbols = few(session, Collection::Symbols).await?;
            Ok(symbols.iter().map(|symbol| symbol.small("symbol_id")).collect::<Result<_, _>>()?)
        }
        Collection::AuditLogs => Ok(vec![0]),
        // Not numbered.
        Collection::Assets
        | Collection::Symbols
        | Collection::Klines
        | Collection::HistoricalPositions
        | Collection::MarketSnapshots
        | Collection::Leaderboards
        | Collection::Analytics
        | Collection::ActiveUsers
        | Collection::ClosedOrders
        | Collection::ClosedOrderFills => Ok(Vec::new()),
    }
}

/// Visits the documents of a sequence of numbers in their order, until there are no more or the visitor has enough.
pub(crate) async fn each(
    session: &Session,
    from: PackPlace,
    visit: &mut dyn FnMut(&Document) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let mut begin = from;
    loop {
        let places: Vec<PackPlace> =
            (0..ITEMS_AT_ONCE).map(|item| PackPlace { item: begin.item + item, ..begin }).collect();
        let packs = packs(session, &places).await?;
        let last = packs.len();
        for pack in &packs {
            for document in pack.documents()? {
                if !visit(&document)? {
                    return Ok(());
                }
            }
        }
        if last < places.len() {
            return Ok(());
        }
        begin.item += ITEMS_AT_ONCE;
    }
}

/// The items of these places up to the first that is not there.
pub(crate) async fn packs(session: &Session, places: &[PackPlace]) -> Result<Vec<Pack>, Fault> {
    let found: HashMap<Key, Item> = session.get_all(places.iter().map(PackPlace::key)).await?.into_iter().collect();
    let items = places.iter().map_while(|place| found.get(&place.key()));
    items.map(|item| Ok(Pack::of_item(item)?)).collect()
}

/// The checkpoint, and the documents that change, none of them later than it.
async fn settled(
    session: &Session,
    stream: Stream,
) -> Result<(Option<Checkpoint>, Vec<(Collection, Document)>), Fault> {
    let mut looks = 0;
    loop {
        let before = checkpoint::read(session, stream).await?;
        let mut states = Vec::new();
        for collection in Collection::of(stream).iter().filter(|collection| collection.kind() == Kind::State) {
            each_page(session, *collection, async |items| {
                for item in items.into_iter().filter(|item| !is_span(item)) {
                    states.push((*collection, decode(item)?));
                }
                Ok(())
            })
            .await?;
        }
        let after = checkpoint::read(session, stream).await?;
        let through = after.map_or(Seq::ZERO, |checkpoint| checkpoint.seq);
        let unfinished = states.iter().filter(|(_, document)| document.seq > through).count();
        if before == after && unfinished == 0 {
            return Ok((after, states));
        }
        looks += 1;
        if looks == UNFINISHED_LOOKS {
            return Err(Fault::Misuse(format!(
                "{unfinished} documents are later than the checkpoint at {}: a writer was interrupted; start the venue, which \
                 completes them",
                through.0
            )));
        }
        tokio::time::sleep(UNFINISHED_WAIT).await;
    }
}
