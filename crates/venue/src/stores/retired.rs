//! Where closed orders and their fills go that a shard gives up, and where they are read again.

use std::sync::Arc;

use anyhow::Context;
use domain::ids::VenueId;
use projector::retired::{RetiredHistory, RetiredStore};
use store_sqlite::history::SqliteClosed;
use store_sqlite::retired::{SqliteRetired, has_any};

use super::{READERS, archive, member};
use crate::config::Config;
use crate::config::archives::{Archive, EMBEDDED};

/// Opens the place that they are routed to, to bring rows of this venue there; one at a time may be used.
pub(crate) fn writer(config: &Config, venue: VenueId) -> anyhow::Result<Box<dyn RetiredStore>> {
    let place = config.place_of_closed_orders().context("only shards give up closed orders")?;
    if place != EMBEDDED {
        return archive::closed_writer(archive_of(config, place)?, venue);
    }
    let file = config.store_directory().join(member::ARCHIVE_FILE);
    let store = SqliteRetired::open(&file, venue).with_context(|| format!("cannot open {}", file.display()))?;
    Ok(Box::new(store))
}

/// Reads them; absent: there is no shard, or the place was never made.
pub(crate) fn reader(config: &Config) -> anyhow::Result<Option<Arc<dyn RetiredHistory>>> {
    let Some(place) = config.place_of_closed_orders() else { return Ok(None) };
    if place != EMBEDDED {
        check_left_behind(config, place)?;
        return archive::closed_reader(archive_of(config, place)?).map(Some);
    }
    let file = config.store_directory().join(member::ARCHIVE_FILE);
    if !file.exists() {
        return Ok(None);
    }
    Ok(Some(Arc::new(SqliteClosed::open(&file, READERS)?)))
}

/// Refuses to leave behind what is in the embedded store: nobody would find it any more.
fn check_left_behind(config: &Config, place: &str) -> anyhow::Result<()> {
    let file = config.store_directory().join(member::ARCHIVE_FILE);
    anyhow::ensure!(
        !file.exists() || !has_any(&file)?,
        "closed_orders is routed to {place}, but {} has closed orders already: route it back to {EMBEDDED:?}, or copy them \
         there and delete the row of closed_orders_extent",
        file.display()
    );
    Ok(())
}

fn archive_of<'a>(config: &'a Config, place: &str) -> anyhow::Result<&'a Archive> {
    let found = config.archives.iter().find(|archive| archive.name == place);
    found.with_context(|| format!("there is no archive {place}"))
}
