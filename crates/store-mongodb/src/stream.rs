//! All documents of a stream, and its checkpoint from before them.

use documents::collection::{Collection, Kind};
use documents::document::{Document, Malformed};
use documents::rows::derived::bucket_prefix;
use documents::rows::{NoRow, row};
use documents::units::Units;
use domain::ids::Checkpoint;
use domain::units::Seq;
use mongodb::bson::rawdoc;
use projector::batch::Stream;
use projector::buckets::Bucket;
use projector::store::{ReadStream, StoreError, StoredRow};

use crate::checkpoint;
use crate::encode::decode;
use crate::fault::Fault;
use crate::session::{Find, Session};
use crate::store::{MongoStore, read_units};

impl ReadStream for MongoStore {
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

impl MongoStore {
    fn read_rows(&mut self, stream: Stream, visit: &mut dyn FnMut(StoredRow)) -> Result<Option<Checkpoint>, Fault> {
        self.link()?.0.run(async |session| {
            // Whoever writes goes on meanwhile: what is only added and not later than the checkpoint is complete and stays; what changes
            // says itself how late it is.
            let checkpoint = checkpoint::read(session, stream).await?;
            let through = checkpoint.map_or(Seq::ZERO, |checkpoint| checkpoint.seq);
            let mut units = Units::default();
            read_units(session, &mut units).await?;
            for collection in Collection::of(stream) {
                each(session, *collection, async |document| {
                    if collection.kind() == Kind::State || document.seq <= through {
                        visit(row_of(session, *collection, &document, &mut units).await?);
                    }
                    Ok(())
                })
                .await?;
                check_ids(session, *collection).await?;
            }
            Ok(checkpoint)
        })
    }

    /// The rows of these buckets, however new they are.
    pub(crate) fn recall_rows(
        &mut self,
        stream: Stream,
        buckets: &[Bucket],
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<(), Fault> {
        self.link()?.0.run(async |session| {
            let mut units = Units::default();
            read_units(session, &mut units).await?;
            for collection in Collection::of(stream) {
                for bucket in buckets {
                    let prefix = bucket_prefix(bucket);
                    each_from(session, *collection, &prefix, async |document| {
                        let inside = document.id.starts_with(&prefix);
                        if inside {
                            visit(row(*collection, &document, &units)?);
                        }
                        Ok(inside)
                    })
                    .await?;
                }
            }
            Ok(())
        })
    }
}

/// The row that a document is. What its amounts are in may have been listed since that was last read.
async fn row_of(
    session: &Session,
    collection: Collection,
    document: &Document,
    units: &mut Units,
) -> Result<StoredRow, Fault> {
    let mut found = row(collection, document, units);
    if let Err(NoRow::Unknown(_)) = found {
        read_units(session, units).await?;
        found = row(collection, document, units);
    }
    Ok(found.map_err(|why| within(collection, &why.of(document)))?)
}

/// What is wrong with a document of a collection.
fn within(collection: Collection, malformed: &Malformed) -> Malformed {
    Malformed(format!("{}: {}", collection.name(), malformed.0))
}

/// Refuses a collection with a document whose id is no text: whoever goes through it by text does not meet it. All texts are next to each
/// other among the ids, so such a one is at either end.
pub(crate) async fn check_ids(session: &Session, collection: Collection) -> Result<(), Fault> {
    for direction in [1, -1] {
        let end = Find { filter: rawdoc! {}, sort: rawdoc! { "_id": direction }, limit: 1 };
        let Some(found) = session.find(collection.name(), end).await?.pop() else { continue };
        if found.get_str("_id").is_ok_and(|id| !id.is_empty()) {
            continue;
        }
        let id = found.get("_id").map_or_else(|| "none".to_owned(), ToString::to_string);
        let what = format!("the id {id} is no text: somebody else put the document there, and may take it away");
        return Err(within(collection, &Malformed(what)).into());
    }
    Ok(())
}

/// Visits the documents of a collection by id.
pub(crate) async fn each(
    session: &Session,
    collection: Collection,
    mut visit: impl AsyncFnMut(Document) -> Result<(), Fault>,
) -> Result<(), Fault> {
    each_from(session, collection, "", async |document| {
        visit(document).await?;
        Ok(true)
    })
    .await
}

/// Visits the documents of a collection by id, those after an id, until there are no more or the visitor has enough.
async fn each_from(
    session: &Session,
    collection: Collection,
    id: &str,
    mut visit: impl AsyncFnMut(Document) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let mut after = id.to_owned();
    loop {
        let documents = session.find(collection.name(), Find::after(&after, session.documents_max)).await?;
        let Some(last) = documents.last() else { return Ok(()) };
        last.get_str("_id").unwrap_or_default().clone_into(&mut after);
        for document in documents {
            let document = decode(document).map_err(|malformed| within(collection, &malformed))?;
            if !visit(document).await? {
                return Ok(());
            }
        }
    }
}

/// Visits id and sequence of the documents of a collection by id, a page at a time, until there are no more or the visitor has enough.
pub(crate) async fn each_heads(
    session: &Session,
    collection: Collection,
    mut visit: impl AsyncFnMut(&[(String, Seq)]) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let mut after = String::new();
    loop {
        let mut heads = session.heads(collection.name(), &after).await?;
        if !visit(&heads).await? {
            return Ok(());
        }
        let Some((last, _)) = heads.pop() else { return Ok(()) };
        after = last;
    }
}
