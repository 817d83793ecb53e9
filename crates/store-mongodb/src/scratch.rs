//! A database that is measured in, and dropped at the end.

use mongodb::bson::rawdoc;

use crate::config::MongoConfig;
use crate::fault::Fault;
use crate::link::Link;

/// A database of its own beside the named one.
#[derive(Debug)]
pub struct Scratch {
    config: MongoConfig,
}

impl Scratch {
    /// A database that is not there yet.
    pub fn beside(config: &MongoConfig, name: &str) -> Self {
        Self { config: MongoConfig { database: name.to_owned(), ..config.clone() } }
    }

    /// How to reach it.
    pub fn config(&self) -> MongoConfig {
        self.config.clone()
    }

    /// Drops it with everything in it.
    pub fn drop_now(self) -> Result<(), Fault> {
        Link::open(&self.config, "scratch")?
            .run(async |session| session.command(rawdoc! { "dropDatabase": 1 }).await.map(drop))
    }
}
