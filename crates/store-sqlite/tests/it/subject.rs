//! A file under test, with a fuse: triggers that let a commit fail after so many writes.

use domain::ids::Checkpoint;
use domain::state::State;
use projector::batch::{Batch, Stream};
use projector::block::CommittedBlock;
use projector::buckets::Bucket;
use projector::conformance::rewind::Rewinds;
use projector::conformance::{self, Subject};
use projector::store::{Divergence, Outcome, ReadStream, Store, StoreError, StoredRow};
use rusqlite::Connection;
use store_sqlite::store::{Role, SqliteStore};
use tempfile::TempDir;

pub(crate) const FUSE: &str = "fuse has blown";

pub(crate) struct SqliteSubject {
    store: Option<SqliteStore>,
    role: Role,
    /// Sets the fuse; open all the time, so that a store that is reopened finds the WAL as it left it.
    fuse: Connection,
    directory: TempDir,
}

impl SqliteSubject {
    pub(crate) fn new(role: Role) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        let store = SqliteStore::open(&path, role).unwrap();
        let fuse = Connection::open(&path).unwrap();
        fuse.pragma_update(None, "synchronous", "off").unwrap();
        lay(&fuse);
        Self { store: Some(store), role, fuse, directory }
    }

    pub(crate) fn store(&mut self) -> &mut SqliteStore {
        self.store.as_mut().unwrap()
    }
}

/// Lets every write of every table count down.
pub(crate) fn lay(connection: &Connection) {
    connection.execute_batch("CREATE TABLE fuse (writes_left INTEGER NOT NULL) STRICT").unwrap();
    let mut tables =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'fuse'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    for table in tables {
        for write in ["INSERT", "UPDATE", "DELETE"] {
            let trigger = format!(
                "CREATE TRIGGER {table}_{write} BEFORE {write} ON {table} BEGIN
                    SELECT RAISE(ABORT, '{FUSE}') FROM fuse WHERE writes_left = 0;
                    UPDATE fuse SET writes_left = writes_left - 1;
                 END"
            );
            connection.execute_batch(&trigger).unwrap();
        }
    }
}

/// The next writes but so many fail, or none does.
pub(crate) fn set_fuse(connection: &Connection, writes: Option<u64>) {
    connection.execute("DELETE FROM fuse", []).unwrap();
    if let Some(writes) = writes {
        connection.execute("INSERT INTO fuse VALUES (?1)", [i64::try_from(writes).unwrap()]).unwrap();
    }
}

impl Store for SqliteSubject {
    fn checkpoint(&mut self, stream: Stream) -> Result<Option<Checkpoint>, StoreError> {
        self.store().checkpoint(stream)
    }

    fn recall(
        &mut self,
        stream: Stream,
        buckets: &[Bucket],
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<(), StoreError> {
        self.store().recall(stream, buckets, visit)
    }

    fn commit(&mut self, batch: &Batch) -> Outcome {
        match self.store().commit(batch) {
            Outcome::Diverged(Divergence::Row(what)) if what.contains(FUSE) => {
                Outcome::Retry(std::time::Duration::ZERO)
            }
            outcome => outcome,
        }
    }
}

impl ReadStream for SqliteSubject {
    fn read_stream(
        &mut self,
        stream: Stream,
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<Option<Checkpoint>, StoreError> {
        self.store().read_stream(stream, visit)
    }
}

impl Subject for SqliteSubject {
    fn streams(&self) -> Vec<Stream> {
        self.role.streams().to_vec()
    }

    fn keeps(&self, row: &StoredRow) -> bool {
        self.role.keeps(row)
    }

    fn interrupt_after(&mut self, writes: Option<u64>) {
        set_fuse(&self.fuse, writes);
    }

    fn reopen(&mut self) {
        self.store = None;
        self.store = Some(SqliteStore::open(&self.directory.path().join("store.db"), self.role).unwrap());
    }
}

impl Rewinds for SqliteSubject {
    fn rewind(&mut self, to: &Checkpoint, state: &State) -> Result<Vec<Stream>, String> {
        self.store().rewind(to, state).map_err(|error| format!("{error:?}"))
    }
}

/// Puts all blocks into all streams of a store.
pub(crate) fn fill(store: &mut SqliteStore, blocks: &[CommittedBlock]) {
    for stream in store.role().streams() {
        let batch = conformance::batch(*stream, blocks, 0, blocks.len());
        assert_eq!(store.commit(&batch), Outcome::Committed, "{stream:?}");
    }
}

/// All rows of all streams, with the checkpoints.
pub(crate) fn everything(store: &mut SqliteStore) -> Vec<(Stream, Option<Checkpoint>, Vec<StoredRow>)> {
    let role = store.role();
    let read = |stream: &Stream| {
        let mut rows = Vec::new();
        let checkpoint = store.read_stream(*stream, &mut |row| rows.push(row)).unwrap();
        (*stream, checkpoint, rows)
    };
    role.streams().iter().map(read).collect()
}
