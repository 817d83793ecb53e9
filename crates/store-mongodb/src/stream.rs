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
use crate::encode::decode;
use crate::fault::Fault;
use crate::session::{Find, Session};
use crate::store::{MongoStore, read_units};

/// How long to wait for the checkpoint of documents that are written already.
const UNFINISHED_WAIT: Duration = Duration::from_millis(100);
/// How often.
const UNFINISHED_LOOKS: u32 = 50;

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
}

impl MongoStore {
    fn read_rows(&mut self, stream: Stream, visit: &mut dyn FnMut(StoredRow)) -> Result<Option<Checkpoint>, Fault> {
        self.link()?.0.run(async |session| {
            // Whoever writes goes on meanwhile: what is only added and not later than the checkpoint is complete and stays.
            let (checkpoint, states) = settled(session, stream).await?;
            let through = checkpoint.map_or(Seq::ZERO, |checkpoint| checkpoint.seq);
            let mut units = Units::default();
            read_units(session, &mut units).await?;
            for (collection, document) in &states {
                visit(row(*collection, document, &units)?);
            }
            for collection in Collection::of(stream).iter().filter(|collection| collection.kind() == Kind::Added) {
                each(session, *collection, async |document| {
                    if document.seq <= through {
                        visit(row(*collection, &document, &units)?);
                    }
                    Ok(())
                })
                .await?;
            }
            Ok(checkpoint)
        })
    }
}

impl MongoStore {
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
            each(session, *collection, async |document| {
                states.push((*collection, document));
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
            let what = format!(
                "{unfinished} documents are later than the checkpoint at {}: a writer was interrupted; start the venue, which \
                 completes them",
                through.0
            );
            return Err(Fault::Misuse(what));
        }
        tokio::time::sleep(UNFINISHED_WAIT).await;
    }
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
            if !visit(decode(document)?).await? {
                return Ok(());
            }
        }
    }
}
