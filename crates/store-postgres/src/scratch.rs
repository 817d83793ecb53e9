//! A database of its own on somebody's server, for a measurement: made, and dropped with everything in it.

use crate::config::PostgresConfig;
use crate::fault::Fault;
use crate::link::Link;

/// The database. Nothing else on the server is touched.
#[derive(Debug)]
pub struct Scratch {
    server: PostgresConfig,
    name: String,
    dropped: bool,
}

impl Scratch {
    /// Makes a database beside the one that the configuration names; its user must be allowed to. The name has lower-case letters,
    /// digits and `_`, and is new.
    pub fn make(server: PostgresConfig, name: &str) -> Result<Self, Fault> {
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(Fault::Misuse(format!("not a plain name: {name:?}")));
        }
        execute(&server, &format!("CREATE DATABASE {name}"))?;
        Ok(Self { server, name: name.to_owned(), dropped: false })
    }

    /// How to reach it.
    pub fn config(&self) -> PostgresConfig {
        self.server.in_database(&self.name)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Drops it, whoever is connected.
    pub fn drop_now(mut self) -> Result<(), Fault> {
        self.dropped = true;
        execute(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.dropped {
            return;
        }
        if let Err(fault) = execute(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name)) {
            tracing::warn!(database = self.name, %fault, "a database for a measurement is left behind");
        }
    }
}

fn execute(server: &PostgresConfig, sql: &str) -> Result<(), Fault> {
    Link::open(server, "bench")?.run_long(async |session| Ok(session.client.batch_execute(sql).await?))
}
