//! MongoDB.

use std::sync::Arc;

use domain::ids::{Checkpoint, VenueId};
use domain::state::State;
use projector::batch::Stream;
use projector::lineage::Lineage;
use projector::retired::{RetiredHistory, RetiredStore};
use store_mongodb::config::MongoConfig;
use store_mongodb::history::MongoHistory;
use store_mongodb::retired::MongoRetired;
use store_mongodb::rewind::rewind;
use store_mongodb::store::MongoStore;

use crate::config::archives::Archive;
use crate::stores::collections::Reader;
use crate::stores::member::{Access, Kept};

fn place(archive: &Archive) -> anyhow::Result<MongoConfig> {
    let mut place = MongoConfig::new(&archive.url, archive.ca_file.as_ref())?;
    place.migrates = archive.migrate;
    Ok(place)
}

pub(super) fn store(archive: &Archive, stream: Stream, access: Access) -> anyhow::Result<Box<dyn Kept>> {
    let mut place = place(archive)?;
    place.migrates &= access == Access::Write;
    Ok(Box::new(MongoStore::open(place, stream)?))
}

pub(super) fn reader(archive: &Archive, lineage: Option<Arc<Lineage>>) -> anyhow::Result<Reader> {
    Ok(Reader::new(MongoHistory::open(&place(archive)?, lineage)?))
}

pub(super) fn closed_writer(archive: &Archive, venue: VenueId) -> anyhow::Result<Box<dyn RetiredStore>> {
    Ok(Box::new(MongoRetired::open(place(archive)?, venue)))
}

pub(super) fn closed_reader(archive: &Archive) -> anyhow::Result<Arc<dyn RetiredHistory>> {
    Ok(Arc::new(MongoHistory::open(&place(archive)?, None)?))
}

pub(super) fn migrate(archive: &Archive) -> anyhow::Result<String> {
    let migrated = store_mongodb::migrate::migrate(&place(archive)?)?;
    Ok(match (migrated.from, migrated.to, migrated.indexes) {
        (from, to, 0) if from == to => format!("version {to}, up to date"),
        (from, to, indexes) => format!("version {from} brought to {to}, {indexes} indexes made"),
    })
}

impl Kept for MongoStore {
    fn rewind(
        &mut self,
        to: &Checkpoint,
        state: &State,
        _: Option<&dyn RetiredHistory>,
    ) -> anyhow::Result<Vec<Stream>> {
        let moved = rewind(self.config(), self.stream(), to, state)?;
        Ok(if moved { vec![self.stream()] } else { Vec::new() })
    }

    fn trouble(&self) -> Option<&str> {
        Self::trouble(self)
    }
}
