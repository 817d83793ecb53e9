//! All documents of a stream.

use std::collections::{BTreeSet, HashMap};

use documents::collection::{Collection, Kind};
use documents::document::Document;
use documents::rows::derived::{bucket_prefix, subject_of_scope};
use documents::rows::{NoRow, row};
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
use crate::session::{Answer, Range, Scan, Session};
use crate::span::is_span;
use crate::store::{DynamoStore, read_units};

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

    fn has_snapshots(&self) -> bool {
        false
    }
}

impl DynamoStore {
    fn read_rows(&mut self, stream: Stream, visit: &mut dyn FnMut(StoredRow)) -> Result<Option<Checkpoint>, Fault> {
        self.link()?.run(async |session| {
            // First: what is found later than this was written meanwhile, or by a commit that was interrupted. What is only added and not
            // later is complete and stays.
            let checkpoint = checkpoint::read(session, stream).await?;
            let through = checkpoint.map_or(Seq::ZERO, |checkpoint| checkpoint.seq);
            let mut rows = Rows::new(session).await?;
            for collection in Collection::of(stream) {
                match collection.kind() {
                    Kind::Added => rows.each_added(*collection, through, visit).await?,
                    Kind::State => rows.each_state(*collection, visit).await?,
                }
            }
            Ok(checkpoint)
        })
    }
}

/// Makes rows of documents, as they come.
struct Rows<'a> {
    session: &'a Session,
    units: Units,
}

impl<'a> Rows<'a> {
    async fn new(session: &'a Session) -> Result<Self, Fault> {
        let mut units = Units::default();
        read_units(session, &mut units).await?;
        Ok(Self { session, units })
    }

    async fn each_state(&mut self, collection: Collection, visit: &mut dyn FnMut(StoredRow)) -> Result<(), Fault> {
        each_page(self.session, collection.name(), &Scan::Whole, async |items| {
            for item in items.into_iter().filter(|item| !is_span(item)) {
                let document = decode(item)?;
                let found = match row(collection, &document, &self.units) {
                    // Listed meanwhile.
                    Err(NoRow::Unknown(_)) => {
                        read_units(self.session, &mut self.units).await?;
                        row(collection, &document, &self.units)
                    }
                    found => found,
                };
                visit(found.map_err(|why| why.of(&document))?);
            }
            Ok(())
        })
        .await
    }

    async fn each_added(
        &mut self,
        collection: Collection,
        through: Seq,
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<(), Fault> {
        for partition in partitions(self.session, collection).await? {
            self.check_listed(collection, partition).await?;
            each(self.session, PackPlace::of(collection, partition, 0), through, &mut |document| {
                visit(row(collection, document, &self.units)?);
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// Trades wait for the listing of their symbol: those of another one are of a branch that was abandoned.
    async fn check_listed(&mut self, collection: Collection, partition: u32) -> Result<(), Fault> {
        let symbol = SymbolId(partition);
        if collection != Collection::CompletedTrades || self.units.symbol(symbol).is_ok() {
            return Ok(());
        }
        read_units(self.session, &mut self.units).await?;
        let is_listed = self.units.symbol(symbol).is_ok();
        let stray = || Fault::Stray(format!("there are trades of symbol {partition}, which is not listed"));
        if is_listed { Ok(()) } else { Err(stray()) }
    }
}

/// Visits the items of a table, a page at a time.
pub(crate) async fn each_page(
    session: &Session,
    table: &'static str,
    of: &Scan,
    mut visit: impl AsyncFnMut(Vec<Item>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut after = None;
    loop {
        let Answer { items, next } = session.scan(table, of, after.as_ref()).await?;
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

/// The sequences of numbers of a collection, whatever they are of: a symbol that is not listed any more may have left some. So they are
/// looked for among the keys of the whole table.
pub(crate) async fn partitions(session: &Session, collection: Collection) -> Result<BTreeSet<u32>, Fault> {
    match collection {
        Collection::CompletedTrades => {
            let mut partitions = BTreeSet::new();
            let table = collection.name();
            each_page(session, table, &Scan::Keys, async |items| {
                for item in items {
                    partitions.insert(PackPlace::of_key(collection, &Key::of_item(table, &item)?)?.partition);
                }
                Ok(())
            })
            .await?;
            Ok(partitions)
        }
        Collection::AuditLogs => Ok(BTreeSet::from([0])),
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
        | Collection::ClosedOrderFills => Ok(BTreeSet::new()),
    }
}

/// Visits the documents of a sequence of numbers that are not later than a checkpoint, in their order.
async fn each(
    session: &Session,
    from: PackPlace,
    through: Seq,
    visit: &mut dyn FnMut(&Document) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut begin = from;
    loop {
        let places: Vec<PackPlace> =
            (0..ITEMS_AT_ONCE).map(|item| PackPlace { item: begin.item + item, ..begin }).collect();
        let packs = packs(session, &places, through).await?;
        let last = packs.len();
        for pack in &packs {
            for document in pack.documents()? {
                if document.seq > through {
                    return Ok(());
                }
                visit(&document)?;
            }
        }
        if last < places.len() {
            return Ok(());
        }
        begin.item += ITEMS_AT_ONCE;
    }
}

/// The items of these places, which follow each other, up to the first that is not there. An error where that one was lost: numbers have no
/// gaps, so before a document that the checkpoint covers there is every other one.
pub(crate) async fn packs(session: &Session, places: &[PackPlace], through: Seq) -> Result<Vec<Pack>, Fault> {
    let found: HashMap<Key, Item> = session.get_all(places.iter().map(PackPlace::key)).await?.into_iter().collect();
    let items = places.iter().map_while(|place| found.get(&place.key()));
    let packs = items.map(|item| Ok(Pack::of_item(item)?)).collect::<Result<Vec<_>, Fault>>()?;
    let Some(absent) = places.get(packs.len()) else { return Ok(packs) };
    let is_lost = match last_number(absent.collection, through) {
        Some(last) => absent.first() <= last,
        // Behind an item that has room there is nothing yet.
        None if packs.iter().zip(places).next_back().is_some_and(|(pack, place)| pack.has_room(place)) => false,
        None => is_covered_after(session, absent, through).await?,
    };
    if is_lost { Err(Fault::Missing(absent.key().to_string())) } else { Ok(packs) }
}

/// The last number that a checkpoint covers, where the checkpoint says so: every command is audited.
pub(crate) fn last_number(collection: Collection, through: Seq) -> Option<u64> {
    (collection == Collection::AuditLogs).then_some(through.0)
}

/// Whether the next item that is there after a place begins with a document that is not later. Several items are written at once, so those
/// that are later may have gaps before them.
async fn is_covered_after(session: &Session, place: &PackPlace, through: Seq) -> Result<bool, Fault> {
    let table = place.collection.name();
    let range = Range { from: Some(place.next().key().sk), limit: Some(1), ..Range::default() };
    let mut next: Option<(String, Item)> = None;
    for shard in PackPlace::shards(place.partition) {
        for item in session.query(table, &shard, &range, None).await?.items {
            let Key { sk, .. } = Key::of_item(table, &item)?;
            if next.as_ref().is_none_or(|(known, _)| sk < *known) {
                next = Some((sk, item));
            }
        }
    }
    let Some((_, item)) = next else { return Ok(false) };
    Ok(Pack::of_item(&item)?.count_through(through) > 0)
}
