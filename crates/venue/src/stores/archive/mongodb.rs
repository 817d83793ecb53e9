//! MongoDB.

use std::sync::Arc;
use std::time::Duration;

use domain::ids::Checkpoint;
use domain::state::State;
use projector::batch::{Batch, Stream};
use projector::buckets::Bucket;
use projector::history::TradeHistory;
use projector::lineage::Lineage;
use projector::store::{Outcome, ReadStream, Store, StoreError, StoredRow};
use store_mongodb::config::MongoConfig;
use store_mongodb::history::MongoTrades;
use store_mongodb::rewind::rewind;
use store_mongodb::store::MongoStore;

use crate::config::archives::Archive;
use crate::stores::member::{Access, Kept};

fn place(archive: &Archive) -> anyhow::Result<MongoConfig> {
    let mut place = MongoConfig::new(&archive.url, archive.ca_file.as_ref())?;
    place.migrates = archive.migrate;
    Ok(place)
}

pub(super) fn store(archive: &Archive, stream: Stream, access: Access) -> anyhow::Result<Box<dyn Kept>> {
    let mut place = place(archive)?;
    place.migrates &= access == Access::Write;
    let store = MongoStore::open(place.clone(), stream)?;
    Ok(Box::new(OneStream { store, stream, place }))
}

pub(super) fn trades(archive: &Archive, lineage: Option<Arc<Lineage>>) -> anyhow::Result<Arc<dyn TradeHistory>> {
    Ok(Arc::new(MongoTrades::open(&place(archive)?, lineage)?))
}

pub(super) fn migrate(archive: &Archive) -> anyhow::Result<String> {
    let migrated = store_mongodb::migrate::migrate(&place(archive)?)?;
    Ok(match (migrated.from, migrated.to, migrated.indexes) {
        (from, to, 0) if from == to => format!("version {to}, up to date"),
        (from, to, indexes) => format!("version {from} brought to {to}, {indexes} indexes made"),
    })
}

/// One stream of a database.
#[derive(Debug)]
struct OneStream {
    store: MongoStore,
    stream: Stream,
    place: MongoConfig,
}

impl Store for OneStream {
    fn checkpoint(&mut self, stream: Stream) -> Result<Option<Checkpoint>, StoreError> {
        self.store.checkpoint(stream)
    }

    fn commit(&mut self, batch: &Batch) -> Outcome {
        self.store.commit(batch)
    }

    fn recall(
        &mut self,
        stream: Stream,
        buckets: &[Bucket],
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<(), StoreError> {
        self.store.recall(stream, buckets, visit)
    }

    fn commit_interval(&self) -> Duration {
        self.store.commit_interval()
    }

    fn make_durable(&mut self) -> Result<(), StoreError> {
        self.store.make_durable()
    }
}

impl ReadStream for OneStream {
    fn read_stream(
        &mut self,
        stream: Stream,
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<Option<Checkpoint>, StoreError> {
        self.store.read_stream(stream, visit)
    }
}

impl Kept for OneStream {
    fn rewind(&mut self, to: &Checkpoint, state: &State) -> anyhow::Result<Vec<Stream>> {
        let moved = rewind(&self.place, self.stream, to, state)?;
        Ok(if moved { vec![self.stream] } else { Vec::new() })
    }

    fn trouble(&self) -> Option<&str> {
        self.store.trouble()
    }
}
