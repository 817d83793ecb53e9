//! The router: a database without rows of its own, in which one query reads all shards, through `postgres_fdw`.
//!
//! What is to be there is computed ([`surface`]) from what the shards say they have ([`probe`]), and made so ([`apply`]): what is there
//! already stays, with whatever others have built on it. See `docs/router.md`.

mod probe;
mod surface;
mod apply;
mod quote;

use std::fmt;
use std::path::PathBuf;

use domain::units::Seq;
use tokio::runtime::Builder;

use crate::config::PostgresConfig;
use crate::fault::Fault;
use crate::link::connect_reader;

/// Rows that are fetched from a shard at a time: ten times as many are no faster for reports and ten times slower where a query stops
/// early (measured, see `docs/router.md`).
pub const FETCH_ROWS_DEFAULT: u32 = 1_000;

/// A shard to read.
#[derive(Debug, Clone)]
pub struct RouterShard {
    /// The operator's name for it.
    pub name: String,
    /// Where it is, as its owner: asked what it has.
    pub place: PostgresConfig,
    /// Where the router reads it and as whom, where that is something else.
    pub through: Option<PostgresConfig>,
    /// Authorities its certificate is checked against: a path on the machine of the router's server.
    pub ca_file: Option<PathBuf>,
}

impl RouterShard {
    fn through(&self) -> &PostgresConfig {
        self.through.as_ref().unwrap_or(&self.place)
    }
}

/// How the router is to be.
#[derive(Debug, Clone)]
pub struct RouterOptions {
    /// Role whose members may read; made where it is not there.
    pub role: String,
    /// Rows fetched at a time.
    pub fetch_rows: u32,
}

/// What [`build`] found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The shards, by id.
    pub shards: Vec<BuiltShard>,
    /// Objects made.
    pub made: usize,
    /// Objects dropped, because they are no longer wanted or were made anew.
    pub dropped: usize,
    /// Objects that were there already.
    pub kept: usize,
}

/// A shard as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltShard {
    /// The operator's name for it.
    pub name: String,
    /// Its number in the venue.
    pub id: i32,
    /// Checkpoint of its stream `symbols`.
    pub symbols_through: Seq,
    /// Checkpoint of its stream `users`.
    pub users_through: Seq,
}

/// Why there is no router.
#[derive(Debug)]
pub enum RouterError {
    /// A shard cannot be a part of it.
    Shard {
        /// Which.
        name: String,
        /// Why.
        fault: Fault,
    },
    /// The shards do not belong together.
    Shards(String),
    /// The router's own database.
    Router(Fault),
}

/// Makes the database the router of these shards, all or nothing. It must be empty, or a router already; then only what differs is made
/// anew.
pub fn build(router: &PostgresConfig, shards: &[RouterShard], options: &RouterOptions) -> Result<Built, RouterError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| RouterError::Router(Fault::Misuse(format!("no runtime: {error}"))))?;
    runtime.block_on(async {
        let found = probe::all(shards).await?;
        let mut client = connect_reader(router).await.map_err(RouterError::Router)?;
        let here = probe::collation(&client).await.map_err(RouterError::Router)?;
        for shard in &found {
            if shard.collation != here {
                return Err(RouterError::Shards(format!(
                    "the router's database sorts text by {here}, {} by {}, so that they would disagree about an order: make it with \
                     CREATE DATABASE … TEMPLATE template0 LOCALE '{}'",
                    shard.name,
                    shard.collation,
                    shard.collation.locale()
                )));
            }
        }
        let version = probe::version(&client).await.map_err(RouterError::Router)?;
        let wanted = surface::of(&found, options, version)?;
        let changes = apply::apply(&mut client, &wanted, &found, options).await.map_err(RouterError::Router)?;
        let shards = found.iter().map(probe::Found::built).collect();
        Ok(Built { shards, made: changes.made, dropped: changes.dropped, kept: changes.kept })
    })
}

impl fmt::Display for RouterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shard { name, fault } => write!(f, "shard {name}: {fault}"),
            Self::Shards(what) => f.write_str(what),
            Self::Router(fault) => write!(f, "the router's database: {fault}"),
        }
    }
}

impl std::error::Error for RouterError {}
