//! A PostgreSQL shard: three members, one for each stream, each with a connection of its own.

use std::sync::Arc;

use anyhow::Context;
use domain::ids::{Checkpoint, ShardId};
use domain::shards::Subject;
use domain::state::State;
use projector::batch::Stream;
use projector::lineage::Lineage;
use projector::retired::{GivenUp, RetiredHistory};
use projector::store::StoreError;
use store_postgres::config::PostgresConfig;
use store_postgres::moves::copy::Copying;
use store_postgres::moves::{Leftover, Watch};
use store_postgres::retire::{Lost, Writer};
use store_postgres::rewind;
use store_postgres::store::{PostgresStore, STREAMS};

use super::member::{Access, Kept, Member, Role};
use crate::config::{Shard, Standby};

/// Where a shard is.
pub(crate) fn place(shard: &Shard) -> anyhow::Result<PostgresConfig> {
    let place = PostgresConfig::new(&shard.url, shard.ca_file.as_ref());
    let mut place = place.with_context(|| format!("shard {}", shard.name))?;
    place.migrates = shard.migrate;
    place.range_width = shard.range_width();
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
            store: Box::new(store),
        })
    };
    STREAMS.iter().map(member).collect()
}

impl Kept for PostgresStore {
    /// All streams of the database at once: the first of the three members takes the others along.
    fn rewind(
        &mut self,
        to: &Checkpoint,
        state: &State,
        retired: Option<&dyn RetiredHistory>,
    ) -> anyhow::Result<Vec<Stream>> {
        Ok(rewind::rewind(self.config(), to, state, retired)?)
    }

    fn trouble(&self) -> Option<&str> {
        Self::trouble(self)
    }

    fn place(&self) -> Option<PostgresConfig> {
        Some(self.config().clone())
    }

    fn copy(&mut self, subject: Subject, source: &PostgresConfig, watch: &Watch) -> Result<Copying, StoreError> {
        Self::copy(self, subject, source, watch)
    }

    fn leftovers(&mut self) -> Result<Vec<Leftover>, StoreError> {
        Self::leftovers(self)
    }

    fn claim_ranges(&mut self, writer: Writer) -> Result<GivenUp, StoreError> {
        Self::claim_ranges(self, writer)
    }

    fn given_up(&mut self) -> Result<GivenUp, StoreError> {
        Self::given_up(self)
    }

    fn forget_given_up(&mut self, there: GivenUp) -> Result<Option<Lost>, StoreError> {
        Self::forget_given_up(self, there).map(Some)
    }

    fn found_shard(&mut self) -> Result<Option<ShardId>, StoreError> {
        Self::found_shard(self)
    }

    fn set_shard(&mut self, shard: ShardId) {
        Self::set_shard(self, shard);
    }
}
