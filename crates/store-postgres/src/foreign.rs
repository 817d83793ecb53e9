//! Reads tables of another program: everything in one snapshot, every value as the server writes it.

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::config::PostgresConfig;
use crate::fault::Fault;
use crate::link::connect_reader;

/// Rows that are fetched at a time.
const FETCH_ROWS: u32 = 10_000;

/// A database of somebody else, as it is at one moment. Nothing can be changed through it.
#[derive(Debug)]
pub struct ForeignTables {
    runtime: Runtime,
    client: Client,
}

impl ForeignTables {
    /// Connects and fixes the moment.
    pub fn open(config: &PostgresConfig) -> Result<Self, Fault> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Fault::Misuse(format!("no runtime: {error}")))?;
        let client = runtime.block_on(async {
            let client = connect_reader(config).await?;
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1").await?;
            Ok::<_, Fault>(client)
        })?;
        Ok(Self { runtime, client })
    }

    /// Hands over each row that the query yields, its columns as text, absent where they are null.
    pub fn each(&self, query: &str, visit: &mut dyn FnMut(&[Option<&str>])) -> Result<(), Fault> {
        self.runtime.block_on(async {
            self.client.batch_execute(&format!("DECLARE rows NO SCROLL CURSOR FOR {query}")).await?;
            loop {
                let mut count = 0;
                for message in self.client.simple_query(&format!("FETCH {FETCH_ROWS} FROM rows")).await? {
                    if let SimpleQueryMessage::Row(row) = message {
                        count += 1;
                        visit(&(0..row.len()).map(|column| row.get(column)).collect::<Vec<_>>());
                    }
                }
                if count == 0 {
                    break;
                }
            }
            Ok(self.client.batch_execute("CLOSE rows").await?)
        })
    }
}
