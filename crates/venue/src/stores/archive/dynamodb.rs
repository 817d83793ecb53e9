//! DynamoDB.

use std::sync::Arc;

use domain::ids::Checkpoint;
use domain::state::State;
use projector::batch::Stream;
use projector::lineage::Lineage;
use projector::retired::RetiredHistory;
use store_dynamodb::config::DynamoConfig;
use store_dynamodb::history::DynamoHistory;
use store_dynamodb::rewind::rewind;
use store_dynamodb::store::DynamoStore;

use crate::config::archives::Archive;
use crate::stores::collections::Reader;
use crate::stores::member::{Access, Kept};

fn place(archive: &Archive) -> anyhow::Result<DynamoConfig> {
    let unused = "ca_file is not read for DynamoDB: name the authorities in the environment, SSL_CERT_FILE";
    anyhow::ensure!(archive.ca_file.is_none(), "{unused}");
    let mut place = DynamoConfig::new(&archive.url)?;
    place.migrates = archive.migrate;
    Ok(place)
}

pub(super) fn store(archive: &Archive, stream: Stream, access: Access) -> anyhow::Result<Box<dyn Kept>> {
    let mut place = place(archive)?;
    place.migrates &= access == Access::Write;
    Ok(Box::new(DynamoStore::open(place, stream)?))
}

pub(super) fn reader(archive: &Archive, lineage: Option<Arc<Lineage>>) -> anyhow::Result<Reader> {
    Ok(Reader::new(DynamoHistory::open(&place(archive)?, lineage)?))
}

pub(super) fn migrate(archive: &Archive) -> anyhow::Result<String> {
    let migrated = store_dynamodb::migrate::migrate(&place(archive)?)?;
    Ok(match (migrated.from, migrated.to, migrated.tables) {
        (from, to, 0) if from == to => format!("version {to}, up to date"),
        (from, to, tables) => format!("version {from} brought to {to}, {tables} tables made"),
    })
}

impl Kept for DynamoStore {
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
