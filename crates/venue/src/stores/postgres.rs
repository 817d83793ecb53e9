//! A PostgreSQL shard: three members, one for each stream, each with a connection of its own.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use domain::ids::{Checkpoint, ShardId};
use domain::shards::Subject;
use domain::state::State;
use projector::batch::{Batch, Stream};
use projector::lineage::Lineage;
use projector::share::Incoming;
use projector::store::{Outcome, ReadStream, Store, StoreError, StoredRow};
use store_postgres::config::PostgresConfig;
use store_postgres::moves::copy::Copying;
use store_postgres::moves::{Leftover, Watch};
use store_postgres::rewind;
use store_postgres::store::{PostgresStore, STREAMS};

use super::member::{Access, Kept, Member, Role};
use crate::config::{Shard, Standby};

/// Where a shard is.
pub(crate) fn place(shard: &Shard) -> anyhow::Result<PostgresConfig> {
    let place = PostgresConfig::new(&shard.url, shard.ca_file.as_ref());
    let mut place = place.with_context(|| format!("shard {}", shard.name))?;
    place.migrates = shard.migrate;
    Ok(place)
}

/// Where a standby of a shard is.
pub(crate) fn place_of_standby(shard: &Shard, standby: &Standby) -> anyhow::Result<PostgresConfig> {
    let place = PostgresConfig::new(&standby.url, shard.ca_file.as_ref());
    place.with_context(|| format!("a standby of {}", shard.name))
}

/// The members of a shard. None of them connects before it is asked something.
pub(crate) fn members(shard: &Shard, access: Access) -> anyhow::Result<Vec<Member>> {
    members_of(shard, access, &Arc::default())
}

/// The same, whose rows are to be of this lineage.
pub(crate) fn members_of(shard: &Shard, access: Access, lineage: &Arc<Lineage>) -> anyhow::Result<Vec<Member>> {
    let mut place = place(shard)?;
    place.migrates &= access == Access::Write;
    let member = |stream: &'static Stream| {
        let store = PostgresStore::open(place.clone(), *stream)?;
        Ok(Member {
            name: shard.name.clone(),
            shard: Some(shard.shard_name()),
            role: Role::Hot,
            streams: vec![*stream],
            lineage: Arc::clone(lineage),
            store: Box::new(OneStream { store, place: place.clone() }),
        })
    };
    STREAMS.iter().map(member).collect()
}

/// One stream of a shard.
#[derive(Debug)]
struct OneStream {
    store: PostgresStore,
    place: PostgresConfig,
}

impl Store for OneStream {
    fn checkpoint(&mut self, stream: Stream) -> Result<Option<Checkpoint>, StoreError> {
        self.store.checkpoint(stream)
    }

    fn commit(&mut self, batch: &Batch) -> Outcome {
        self.store.commit(batch)
    }

    fn incoming(&mut self, stream: Stream) -> Result<Incoming, StoreError> {
        self.store.incoming(stream)
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
    /// All streams of the database at once: the first of the three members takes the others along.
    fn rewind(&mut self, to: &Checkpoint, state: &State) -> anyhow::Result<Vec<Stream>> {
        Ok(rewind::rewind(&self.place, to, state)?)
    }

    fn trouble(&self) -> Option<&str> {
        self.store.trouble()
    }

    fn place(&self) -> Option<PostgresConfig> {
        Some(self.place.clone())
    }

    fn copy(&mut self, subject: Subject, source: &PostgresConfig, watch: &Watch) -> Result<Copying, StoreError> {
        self.store.copy(subject, source, watch)
    }

    fn leftovers(&mut self) -> Result<Vec<Leftover>, StoreError> {
        self.store.leftovers()
    }

    fn found_shard(&mut self) -> Result<Option<ShardId>, StoreError> {
        self.store.found_shard()
    }

    fn set_shard(&mut self, shard: ShardId) {
        self.store.set_shard(shard);
        self.place = self.place.clone().of_shard(shard);
    }
}
