//! All documents of a stream, as they were at its checkpoint.

use std::time::Duration;

use documents::collection::{Collection, Kind};
use documents::document::Document;
use documents::rows::derived::bucket_prefix;
use documents::rows::row;
use documents::units::Units;
use domain::ids::Checkpoint;
use domain::units::Seq;
use projector::batch::Stream;
use projector::buckets::Bucket;
use projector::store::{ReadStream, StoreError, StoredRow};

use crate::checkpoint;
use crate::fault::Fault;
use crate::item::{Item, Key, decode, long};
use crate::pack::{Pack, PackPlace};
use crate::session::Session;
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

/// All documents of a collection that is not numbered.
pub(crate) async fn items(session: &Session, collection: Collection) -> Result<Vec<Item>, Fault> {
    if collection.is_bucketed() {
        // Nobody knows which buckets there are.
        return session.scan_all(&format!("{}#", collection.name())).await;
    }
    session.query_all(collection.name()).await
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
                    for partition in Key::partitions_of_bucket(*collection, &bucket_prefix(bucket)) {
                        for item in session.query_all(&partition).await? {
                            visit(row(*collection, &decode(item)?, &units)?);
                        }
                    }
                }
            }
            Ok(())
        })
    }
}

/// The sequences of numbers of a collection.
pub(crate) async fn partitions(session: &Session, collection: Collection) -> Result<Vec<u32>, Fault> {
    match collection {
        Collection::CompletedTrades => {
            let symbols = session.query_all(Collection::Symbols.name()).await?;
            let number = |item| Ok(u32::try_from(long(&item, "symbol_id")?).unwrap_or(u32::MAX));
            symbols.into_iter().map(number).collect()
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
        | Collection::ActiveUsers => Ok(Vec::new()),
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
        let places: Vec<PackPlace> = (0..ITEMS_AT_ONCE).map(|item| PackPlace { item: begin.item + item, ..begin }).collect();
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
    let mut found = std::collections::HashMap::new();
    for item in session.get_all(places.iter().map(PackPlace::key)).await? {
        found.insert(Key::of_item(&item)?, item);
    }
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
            for item in items(session, *collection).await? {
                states.push((*collection, decode(item)?));
            }
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
