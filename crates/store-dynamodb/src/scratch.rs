//! A table that is measured in, and deleted at the end.

use crate::config::DynamoConfig;
use crate::fault::Fault;
use crate::store::Link;

/// A table of its own beside the named one.
#[derive(Debug)]
pub struct Scratch {
    config: DynamoConfig,
}

impl Scratch {
    /// A table that is not there yet.
    pub fn beside(config: &DynamoConfig, name: &str) -> Self {
        Self { config: DynamoConfig { table: name.to_owned(), ..config.clone() } }
    }

    /// How to reach it.
    pub fn config(&self) -> DynamoConfig {
        self.config.clone()
    }

    /// Deletes it with everything in it.
    pub fn drop_now(self) -> Result<(), Fault> {
        Link::open(&self.config, "scratch")?.run(async |session| {
            session.client.delete_table().table_name(&session.table).send().await?;
            Ok(())
        })
    }
}
