//! Where closed orders and their fills go that a shard gives up, and where they are read again.

use std::sync::Arc;

use anyhow::Context;
use domain::ids::VenueId;
use projector::retired::{RetiredHistory, RetiredStore};
use store_sqlite::history::SqliteClosed;
use store_sqlite::retired::SqliteRetired;

use super::{READERS, member};
use crate::config::Config;
use crate::config::archives::EMBEDDED;

/// Opens the place that they are routed to, to bring rows of this venue there; one at a time may be used.
pub(crate) fn writer(config: &Config, venue: VenueId) -> anyhow::Result<Box<dyn RetiredStore>> {
    let place = config.place_of_closed_orders().context("only shards give up closed orders")?;
    anyhow::ensure!(place == EMBEDDED, "closed orders cannot be kept in {place}");
    let file = config.store_directory().join(member::ARCHIVE_FILE);
    let store = SqliteRetired::open(&file, venue).with_context(|| format!("cannot open {}", file.display()))?;
    Ok(Box::new(store))
}

/// Reads them; absent: there is no shard, or the place was never made.
pub(crate) fn reader(config: &Config) -> anyhow::Result<Option<Arc<dyn RetiredHistory>>> {
    let Some(place) = config.place_of_closed_orders() else { return Ok(None) };
    anyhow::ensure!(place == EMBEDDED, "closed orders cannot be kept in {place}");
    let file = config.store_directory().join(member::ARCHIVE_FILE);
    if !file.exists() {
        return Ok(None);
    }
    Ok(Some(Arc::new(SqliteClosed::open(&file, READERS)?)))
}
