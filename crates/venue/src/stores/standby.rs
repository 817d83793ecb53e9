//! The standbys of a shard: asked now and then how far they are, for the status, and so that a read knows which to ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use domain::units::Seq;
use projector::batch::Stream;
use projector::history::{OrderHistory, ReadError};
use projector::lineage::Lineage;
use readmodel::standby::Standby;
use store_postgres::history::PostgresOrders;

use super::{READERS, postgres};
use crate::config::{self, Config};

/// Between two questions. What a standby says meanwhile in answers is taken as it comes.
const ASK_PAUSE: Duration = Duration::from_millis(250);

/// A standby, and where it is.
#[derive(Debug)]
pub(crate) struct Watched {
    /// Of its shard.
    pub(crate) shard: String,
    pub(crate) region: Option<String>,
    /// Whether history is read from it: it is of the venue's region, or the venue has none.
    pub(crate) is_read: bool,
    pub(crate) standby: Arc<Standby>,
    pub(crate) orders: Arc<PostgresOrders>,
}

impl Watched {
    /// A standby that need not be there yet.
    pub(crate) fn open(
        config: &Config,
        shard: &config::Shard,
        standby: &config::Standby,
        lineage: Option<Arc<Lineage>>,
    ) -> anyhow::Result<Arc<Self>> {
        let place = postgres::place_of_standby(shard, standby)?;
        let orders = Arc::new(PostgresOrders::open(&place, READERS, lineage)?);
        let history: Arc<dyn OrderHistory> = Arc::<PostgresOrders>::clone(&orders);
        let is_read = config.region.is_none() || config.region == standby.region;
        let (name, region) = (shard.name.clone(), standby.region.clone());
        Ok(Arc::new(Self { shard: name, region, is_read, standby: Arc::new(Standby::new(history)), orders }))
    }

    fn ask(&self) {
        let (before, found) = (self.standby.heard().trouble, self.reached());
        if let Err(error) = &found
            && before.as_ref() != Some(&error.to_string())
        {
            tracing::warn!(shard = self.shard, region = self.region, %error, "a standby is not read from");
        }
        self.standby.hear(found);
    }

    /// Where its streams are.
    fn reached(&self) -> Result<(Seq, Seq), ReadError> {
        let reached = |stream| match self.orders.reached(stream) {
            // Of the past only so much is remembered; a copy from before cannot be told from another venue's.
            Err(ReadError::Foreign(why)) => {
                Err(ReadError::Failed(format!("too far behind, or not of this venue: {why}")))
            }
            found => found,
        };
        Ok((reached(Stream::Symbols)?, reached(Stream::Users)?))
    }
}

/// Watches each from a thread of its own: one that is away holds up nobody else.
pub(crate) fn watch(standbys: &[Arc<Watched>], stop: &Arc<AtomicBool>) -> std::io::Result<Vec<JoinHandle<()>>> {
    let start = |watched: &Arc<Watched>| {
        let (watched, stop) = (Arc::clone(watched), Arc::clone(stop));
        Builder::new().name("standby".into()).spawn(move || {
            while !stop.load(Ordering::Acquire) {
                watched.ask();
                std::thread::sleep(ASK_PAUSE);
            }
        })
    };
    standbys.iter().map(start).collect()
}
