//! A database under test, with a fuse: triggers that let a commit fail after so many writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::ids::Checkpoint;
use domain::state::State;
use pg_cluster::options::Options;
use pg_cluster::server::Server;
use projector::batch::{Batch, Stream};
use projector::block::CommittedBlock;
use projector::conformance::rewind::Rewinds;
use projector::conformance::{self, Subject};
use projector::share::Share;
use projector::store::{Outcome, ReadStream, Store, StoreError, StoredRow};
use store_postgres::config::PostgresConfig;
use store_postgres::rewind::rewind;
use store_postgres::store::{PostgresStore, STREAMS};

/// A server that makes a database for whoever asks.
#[derive(Debug)]
pub(crate) struct Databases {
    pub(crate) server: Server,
    made: AtomicUsize,
}

impl Databases {
    pub(crate) fn new(options: &Options) -> Arc<Self> {
        Arc::new(Self { server: Server::temporary(options).unwrap(), made: AtomicUsize::new(0) })
    }

    /// For what is not about crashes.
    pub(crate) fn quick() -> Arc<Self> {
        Self::new(&Options::default().without_fsync())
    }

    /// Name of a new, empty database.
    pub(crate) fn make(&self) -> String {
        let name = format!("test_{}", self.made.fetch_add(1, Ordering::Relaxed));
        self.server.create_database(&name).unwrap();
        name
    }

    pub(crate) fn config(&self, database: &str) -> PostgresConfig {
        PostgresConfig::new(&self.server.url(database), None).unwrap()
    }
}

/// The writers of all streams of one database.
#[derive(Debug)]
pub(crate) struct Stores(Vec<PostgresStore>);

impl Stores {
    pub(crate) fn open(config: &PostgresConfig) -> Self {
        Self(STREAMS.map(|stream| PostgresStore::open(config.clone(), stream).unwrap()).into())
    }

    pub(crate) fn of(&mut self, stream: Stream) -> &mut PostgresStore {
        let index = STREAMS.iter().position(|known| *known == stream).unwrap();
        &mut self.0[index]
    }

    /// Each with its stream.
    pub(crate) fn each(&mut self) -> impl Iterator<Item = (Stream, &mut PostgresStore)> {
        STREAMS.into_iter().zip(&mut self.0)
    }

    /// Puts all blocks into all streams; without any, only connects.
    pub(crate) fn fill(&mut self, blocks: &[CommittedBlock]) {
        self.fill_part(blocks, &Share::whole());
    }

    /// Puts what of all blocks is in the share into all streams.
    pub(crate) fn fill_part(&mut self, blocks: &[CommittedBlock], share: &Share) {
        for stream in STREAMS {
            if blocks.is_empty() {
                assert_eq!(self.of(stream).checkpoint(stream), Ok(None));
                continue;
            }
            let batch = conformance::part(stream, blocks, 0, blocks.len(), share.clone());
            assert_eq!(self.of(stream).commit(&batch), Outcome::Committed, "{stream:?}");
        }
    }

    /// All rows of all streams, with the checkpoints.
    pub(crate) fn everything(&mut self) -> Vec<(Stream, Option<Checkpoint>, Vec<StoredRow>)> {
        let read = |stream: Stream| {
            let mut rows = Vec::new();
            let checkpoint = self.of(stream).read_stream(stream, &mut |row| rows.push(row)).unwrap();
            (stream, checkpoint, rows)
        };
        STREAMS.into_iter().map(read).collect()
    }
}

pub(crate) struct PostgresSubject {
    databases: Arc<Databases>,
    database: String,
    stores: Stores,
}

/// Lets every write of every table count down. A sequence counts, because a transaction that fails does not take it back; and what
/// the fuse says is what a server says that had to choose between two transactions.
const FUSE: &str = "
    CREATE SEQUENCE fuse_burnt;
    CREATE TABLE fuse (writes bigint NOT NULL);
    CREATE FUNCTION burn() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM fuse WHERE nextval('fuse_burnt') > writes + 1) THEN
            RAISE EXCEPTION 'fuse has blown' USING ERRCODE = 'serialization_failure';
        END IF;
        RETURN coalesce(NEW, OLD);
    END $$;
    DO $$
    DECLARE name text;
    BEGIN
        FOR name IN SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
                       AND NOT c.relispartition AND c.relname NOT IN ('fuse', 'refinery_schema_history') LOOP
            EXECUTE format('CREATE TRIGGER burn BEFORE INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION burn()', name);
        END LOOP;
    END $$;";

impl PostgresSubject {
    pub(crate) fn new(databases: &Arc<Databases>) -> Self {
        let database = databases.make();
        let config = databases.config(&database);
        store_postgres::migrate::migrate(&config).unwrap();
        databases.server.query(&database, FUSE).unwrap();
        Self { stores: Stores::open(&config), databases: Arc::clone(databases), database }
    }
}

impl Store for PostgresSubject {
    fn checkpoint(&mut self, stream: Stream) -> Result<Option<Checkpoint>, StoreError> {
        self.stores.of(stream).checkpoint(stream)
    }

    fn commit(&mut self, batch: &Batch) -> Outcome {
        self.stores.of(batch.stream()).commit(batch)
    }
}

impl ReadStream for PostgresSubject {
    fn read_stream(
        &mut self,
        stream: Stream,
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<Option<Checkpoint>, StoreError> {
        self.stores.of(stream).read_stream(stream, visit)
    }
}

impl Subject for PostgresSubject {
    fn streams(&self) -> Vec<Stream> {
        STREAMS.to_vec()
    }

    fn keeps(&self, _row: &StoredRow) -> bool {
        true
    }

    fn interrupt_after(&mut self, writes: Option<u64>) {
        let set = writes.map_or(String::new(), |writes| format!("INSERT INTO fuse VALUES ({writes});"));
        let sql = format!("SELECT setval('fuse_burnt', 1); DELETE FROM fuse; {set}");
        self.databases.server.query(&self.database, &sql).unwrap();
    }

    fn reopen(&mut self) {
        self.stores = Stores::open(&self.databases.config(&self.database));
    }
}

impl Rewinds for PostgresSubject {
    fn rewind(&mut self, to: &Checkpoint, state: &State) -> Result<Vec<Stream>, String> {
        rewind(&self.databases.config(&self.database), to, state, None).map_err(|error| format!("{error:?}"))
    }
}
