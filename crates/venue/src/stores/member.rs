//! One store of a venue.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use domain::ids::Checkpoint;
use domain::state::State;
use projector::batch::Stream;
use projector::lineage::Lineage;
use projector::store::{ReadStream, Store, StoredRow};
use store_sqlite::fault::Fault;
use store_sqlite::store::SqliteStore;

use crate::config::Config;

/// What a venue does with a store.
pub(crate) trait Kept: Store + ReadStream + fmt::Debug + Send {
    /// Takes the streams that are past `to`, or on another branch, back to it; which were.
    fn rewind(&mut self, to: &Checkpoint, state: &State) -> anyhow::Result<Vec<Stream>>;

    /// What keeps the store from being written or read at present, in words for an operator.
    fn trouble(&self) -> Option<&str>;
}

impl Kept for SqliteStore {
    fn rewind(&mut self, to: &Checkpoint, state: &State) -> anyhow::Result<Vec<Stream>> {
        Ok(self.rewind(to, state)?)
    }

    fn trouble(&self) -> Option<&str> {
        None
    }
}

/// What a store is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Orders, fills, money, users.
    Hot,
    /// Trades and audit.
    Archive,
}

impl Role {
    /// Whether such a row is kept: the archive keeps of the reference data only what its numbers mean, no user and no credential.
    pub(crate) const fn keeps(self, row: &StoredRow) -> bool {
        self.of_sqlite().keeps(row)
    }

    const fn of_sqlite(self) -> store_sqlite::store::Role {
        match self {
            Self::Hot => store_sqlite::store::Role::Hot,
            Self::Archive => store_sqlite::store::Role::Archive,
        }
    }
}

/// A store and the streams it is fed, in this order.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) streams: &'static [Stream],
    /// Tells whoever reads it which rows are this venue's.
    pub(crate) lineage: Arc<Lineage>,
    pub(crate) store: Box<dyn Kept>,
}

/// The two files of the embedded store.
pub(crate) fn files(config: &Config) -> [(Role, PathBuf); 2] {
    let directory = config.store_directory();
    [(Role::Hot, directory.join("hot.db")), (Role::Archive, directory.join("archive.db"))]
}

/// Opens the stores to write, and makes them where there are none.
pub(crate) fn open(config: &Config) -> anyhow::Result<Vec<Member>> {
    files(config).into_iter().map(|(role, path)| sqlite(role, &path, SqliteStore::open)).collect()
}

/// Opens the stores that are there.
pub(crate) fn open_present(config: &Config, access: Access) -> anyhow::Result<Present> {
    let open = match access {
        Access::Write => SqliteStore::open,
        Access::Read => SqliteStore::open_to_read,
    };
    let mut present = Present::default();
    for (role, path) in files(config) {
        if path.exists() {
            present.members.push(sqlite(role, &path, open)?);
        } else {
            present.missing.push(path.display().to_string());
        }
    }
    Ok(present)
}

/// What a tool does with the stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Changes rows; no venue may run meanwhile.
    Write,
    /// Changes nothing; a venue may run meanwhile.
    Read,
}

/// The stores that are there, and where others should be.
#[derive(Debug, Default)]
pub(crate) struct Present {
    pub(crate) members: Vec<Member>,
    pub(crate) missing: Vec<String>,
}

type OpenSqlite = fn(&Path, store_sqlite::store::Role) -> Result<SqliteStore, Fault>;

fn sqlite(role: Role, path: &Path, open: OpenSqlite) -> anyhow::Result<Member> {
    let store = open(path, role.of_sqlite()).with_context(|| format!("cannot open the store {}", path.display()))?;
    let name = match role {
        Role::Hot => "hot",
        Role::Archive => "archive",
    };
    Ok(Member {
        name: name.to_owned(),
        role,
        streams: role.of_sqlite().streams(),
        lineage: Arc::default(),
        store: Box::new(store),
    })
}
