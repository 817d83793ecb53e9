//! Tables that are measured in, and deleted at the end.

use crate::config::DynamoConfig;
use crate::fault::Fault;
use crate::link::Link;
use crate::migrate;

/// Tables of its own beside the named ones.
#[derive(Debug)]
pub struct Scratch {
    config: DynamoConfig,
}

impl Scratch {
    /// Tables that are not there yet.
    pub fn beside(config: &DynamoConfig, name: &str) -> Self {
        Self { config: DynamoConfig { prefix: name.to_owned(), ..config.clone() } }
    }

    /// How to reach it.
    pub fn config(&self) -> DynamoConfig {
        self.config.clone()
    }

    /// Deletes them with everything in them.
    pub fn drop_now(self) -> Result<(), Fault> {
        Link::open(&self.config, "scratch")?.run(async |session| {
            for table in migrate::tables() {
                match session.client.delete_table().table_name(session.table(table)).send().await.map_err(Fault::from) {
                    Err(fault) if !fault.is_no_table() => return Err(fault),
                    Ok(_) | Err(_) => {}
                }
            }
            Ok(())
        })
    }
}
