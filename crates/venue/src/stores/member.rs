//! One store of a venue.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use domain::ids::{Checkpoint, ShardId};
use domain::shards::Subject;
use domain::state::State;
use domain::text::ShardName;
use projector::batch::Stream;
use projector::lineage::Lineage;
use projector::retired::{GivenUp, RetiredHistory};
use projector::store::{ReadStream, Store, StoreError, StoredRow};
use store_postgres::config::PostgresConfig;
use store_postgres::moves::copy::Copying;
use store_postgres::moves::{Leftover, Watch};
use store_postgres::retire::{Lost, Writer};
use store_sqlite::fault::Fault;
use store_sqlite::store::SqliteStore;

use super::{archive, postgres};
use crate::config::Config;
use crate::config::archives::EMBEDDED;

/// Names of the files in the store's directory.
pub(crate) const HOT_FILE: &str = "hot.db";
pub(crate) const ARCHIVE_FILE: &str = "archive.db";

/// What a venue does with a store.
pub(crate) trait Kept: Store + ReadStream + fmt::Debug + Send {
    /// Takes the streams that are past `to`, or on another branch, back to it; which were. Orders that were open then may have been
    /// retired since: they come back from there.
    fn rewind(
        &mut self,
        to: &Checkpoint,
        state: &State,
        retired: Option<&dyn RetiredHistory>,
    ) -> anyhow::Result<Vec<Stream>>;

    /// What keeps the store from being written or read at present, in words for an operator.
    fn trouble(&self) -> Option<&str>;

    /// Where the database is, for whoever copies from it; absent: it is no database that another one could be copied to.
    fn place(&self) -> Option<PostgresConfig> {
        None
    }

    /// Copies the rows of a subject from another database, between two batches.
    fn copy(&mut self, _subject: Subject, _source: &PostgresConfig, _watch: &Watch) -> Result<Copying, StoreError> {
        Err(StoreError::Fatal("only a PostgreSQL shard is copied to".into()))
    }

    /// What has left the store and is still there.
    fn leftovers(&mut self) -> Result<Vec<Leftover>, StoreError> {
        Ok(Vec::new())
    }

    /// No start of the venue before this one lets the store give up closed orders from now on. Gives what it gave up.
    fn claim_ranges(&mut self, _writer: Writer) -> Result<GivenUp, StoreError> {
        Ok(GivenUp::default())
    }

    /// Closed orders that the store gave up.
    fn given_up(&mut self) -> Result<GivenUp, StoreError> {
        Ok(GivenUp::default())
    }

    /// Forgets that it gave up more than is there; what was lost, absent: it gives up nothing.
    fn forget_given_up(&mut self, _there: GivenUp) -> Result<Option<Lost>, StoreError> {
        Ok(None)
    }

    /// The shard that the store says it is, if it does.
    fn found_shard(&mut self) -> Result<Option<ShardId>, StoreError> {
        Ok(None)
    }

    /// The store is that of this shard from now on; a store that is no shard does not hear it.
    fn set_shard(&mut self, _shard: ShardId) {}
}

impl Kept for SqliteStore {
    fn rewind(
        &mut self,
        to: &Checkpoint,
        state: &State,
        _: Option<&dyn RetiredHistory>,
    ) -> anyhow::Result<Vec<Stream>> {
        Ok(self.rewind(to, state)?)
    }

    fn trouble(&self) -> Option<&str> {
        Self::trouble(self)
    }
}

/// Why a store could not be read, for whoever asked it once.
pub(crate) fn unread(store: &dyn Kept, error: &StoreError) -> String {
    match error {
        StoreError::Fatal(_) => why(store, error),
        StoreError::Retry(_) => {
            format!("{}; mend that, or wait until it has passed, and say this again", why(store, error))
        }
    }
}

/// Why a store gave no answer.
pub(crate) fn why(store: &dyn Kept, error: &StoreError) -> String {
    match error {
        StoreError::Fatal(why) => why.clone(),
        StoreError::Retry(_) => store.trouble().map_or_else(|| error.to_string(), str::to_owned),
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
    /// Of which shard it holds a stream, if of one.
    pub(crate) shard: Option<ShardName>,
    pub(crate) role: Role,
    pub(crate) streams: Vec<Stream>,
    /// Tells whoever reads it which rows are this venue's.
    pub(crate) lineage: Arc<Lineage>,
    pub(crate) store: Box<dyn Kept>,
}

/// Asks all stores at once, so that several that are away are waited for together. Gives the answers in the order of the stores.
pub(crate) fn ask_together<T: Send>(members: &mut [Member], ask: impl Fn(&mut Member) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let ask = &ask;
        let asked: Vec<_> = members.iter_mut().map(|member| scope.spawn(move || ask(member))).collect();
        asked.into_iter().map(|asked| asked.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// Where a stream is, if its store said so.
type Place = (Stream, Result<Option<Checkpoint>, StoreError>);

/// Asks each store where each of its streams is, once.
pub(crate) fn checkpoints(members: &mut [Member]) -> Vec<Vec<Place>> {
    ask_together(members, |Member { streams, store, .. }| {
        streams.iter().map(|stream| (*stream, store.checkpoint(*stream))).collect()
    })
}

/// A file of the embedded store, and the streams it is fed.
pub(crate) struct SqliteFile {
    role: Role,
    path: PathBuf,
    streams: Vec<Stream>,
}

/// The files of the embedded store: where there are no shards the hot one, and the archive unless everything of it is routed elsewhere,
/// the closed orders of shards included.
pub(crate) fn files(config: &Config) -> Vec<SqliteFile> {
    let directory = config.store_directory();
    let streams_of_hot = store_sqlite::store::Role::Hot.streams().to_vec();
    let hot = SqliteFile { role: Role::Hot, path: directory.join(HOT_FILE), streams: streams_of_hot };
    let streams = config.archived_streams(EMBEDDED);
    let archive = SqliteFile { role: Role::Archive, path: directory.join(ARCHIVE_FILE), streams };
    let hot = Some(hot).filter(|_| config.shards.is_empty());
    hot.into_iter().chain(Some(archive).filter(|archive| !archive.streams.is_empty())).collect()
}

/// The stores that are behind a network.
fn servers(config: &Config, access: Access) -> anyhow::Result<Vec<Member>> {
    let mut members = Vec::new();
    for (place, shard) in config.shards.iter().enumerate() {
        let key = || config.place_of(&format!("shards[{place}]"));
        members.extend(postgres::members(shard, access).with_context(key)?);
    }
    members.extend(archive::members(config, access)?);
    Ok(members)
}

/// Opens the stores to write, and makes them where there are none.
pub(crate) fn open(config: &Config) -> anyhow::Result<Vec<Member>> {
    let mut members = servers(config, Access::Write)?;
    for file in files(config) {
        members.push(sqlite(file, SqliteStore::open)?);
    }
    Ok(members)
}

/// Opens the stores that are there. One that is damaged ends it, unless it is only to be read.
pub(crate) fn open_present(config: &Config, access: Access) -> anyhow::Result<Present> {
    let open = match access {
        Access::Write => SqliteStore::open,
        Access::Read => SqliteStore::open_to_read,
    };
    let mut present = Present { members: servers(config, access)?, ..Present::default() };
    for file in files(config) {
        if !file.path.exists() {
            present.missing.push(file.path.display().to_string());
            continue;
        }
        match (sqlite(file, open), access) {
            (Ok(member), _) => present.members.push(member),
            (Err(error), Access::Read) => present.damaged.push(error),
            (Err(error), Access::Write) => return Err(error),
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
    /// Why others cannot be opened.
    pub(crate) damaged: Vec<anyhow::Error>,
}

type OpenSqlite = fn(&Path, store_sqlite::store::Role) -> Result<SqliteStore, Fault>;

fn sqlite(file: SqliteFile, open: OpenSqlite) -> anyhow::Result<Member> {
    let SqliteFile { role, path, streams } = file;
    let store = open(&path, role.of_sqlite()).with_context(|| format!("cannot open the store {}", path.display()))?;
    let name = match role {
        Role::Hot => "hot",
        Role::Archive => "archive",
    };
    Ok(Member { name: name.to_owned(), shard: None, role, streams, lineage: Arc::default(), store: Box::new(store) })
}
