//! PostgreSQL servers to measure: private ones beside the bench, or somebody's.

use pg_cluster::options::Options;
use pg_cluster::server::Server;

/// Memory that all private servers together take for their buffers.
const BUFFERS_MIB: usize = 512;
/// The database of a private server.
const DATABASE: &str = "buttonwood";

/// Servers that go when this goes, each with an empty database.
pub(super) struct Private {
    pub(super) servers: Vec<Server>,
}

impl Private {
    /// As durable as in production. Their settings are the defaults, but for the memory, and a WAL that is not cut every few seconds.
    pub(super) fn start(count: usize) -> anyhow::Result<Self> {
        let buffers = format!("{}MB", BUFFERS_MIB / count.max(1));
        let options = Options::default().with("shared_buffers", buffers).with("max_wal_size", "4GB");
        let options = options.with("wal_compression", "lz4").with("max_connections", 40);
        let mut servers = Vec::new();
        for _ in 0..count {
            let server = Server::temporary(&options)?;
            server.create_database(DATABASE)?;
            servers.push(server);
        }
        Ok(Self { servers })
    }

    /// How to reach the database of each.
    pub(super) fn urls(&self) -> Vec<String> {
        self.servers.iter().map(|server| server.url(DATABASE)).collect()
    }
}
