//! A file that follows the journal.

use std::path::Path;
use std::time::Duration;

use domain::ids::{Checkpoint, Hash256, VenueId};
use domain::units::{Epoch, Seq};
use projector::batch::{Batch, Rows, Stream};
use projector::buckets::Bucket;
use projector::fault::Trouble;
use projector::store::{Outcome, Store, StoreError, StoredRow, Verdict, judge};
use projector::words::Word;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::fault::Fault;
use crate::name::Name;
pub use crate::schema::Role;
use crate::units::Units;
use crate::{schema, write};

/// A page goes to the WAL with every commit that touches it, and an index by client order id is touched all over. At 10,000 orders
/// a second, commits 50 ms apart write 77 MB/s, and commits so far apart a third of that; the journal's own syncs wait behind it.
const COMMIT_INTERVAL: Duration = Duration::from_millis(500);

/// One of the two files. One process writes a file at a time; many may read it.
#[derive(Debug)]
pub struct SqliteStore {
    pub(crate) connection: Connection,
    pub(crate) role: Role,
    pub(crate) units: Units,
    name: Name,
    /// Why the last batch was not taken, where that may pass.
    trouble: Trouble,
}

impl SqliteStore {
    /// Opens the file, makes it where there is none, and brings its schema up to date.
    pub fn open(path: &Path, role: Role) -> Result<Self, Fault> {
        let connection = schema::open_writer(path, role)?;
        let name = Name::of(path);
        Ok(Self { connection, role, units: Units::default(), name, trouble: Trouble::default() })
    }

    /// Opens a file that another process may be writing, to read it: every commit fails.
    pub fn open_to_read(path: &Path, role: Role) -> Result<Self, Fault> {
        let connection = schema::open_reader(path, role)?;
        let name = Name::of(path);
        Ok(Self { connection, role, units: Units::default(), name, trouble: Trouble::default() })
    }

    /// Which of the two files it is.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// What keeps the file from being written at present, in words for an operator.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.reason()
    }

    /// Makes everything committed so far durable. Readers are not in its way.
    pub fn sync(&mut self) -> Result<(), Fault> {
        self.connection.pragma_update(None, "synchronous", "full")?;
        let written = self.write_version_again();
        self.connection.pragma_update(None, "synchronous", "normal")?;
        written?;
        self.name.check()
    }

    /// A commit that syncs the WAL takes along all that was written to it before; but it must write something, and a row that is
    /// written as it was is not. The version is.
    fn write_version_again(&self) -> Result<(), Fault> {
        let version: i64 = self.connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok(self.connection.pragma_update(None, "user_version", version)?)
    }

    pub(crate) fn holds(&self, stream: Stream) -> Result<(), Fault> {
        if self.role.streams().contains(&stream) {
            return Ok(());
        }
        Err(Fault::Misuse(format!("the {:?} file does not hold the stream {:?}", self.role, stream.word())))
    }

    fn write(&mut self, batch: &Batch) -> Result<Outcome, Fault> {
        let stream = batch.stream();
        self.holds(stream)?;
        self.name.check()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Verdict::Answer(outcome) = judge(checkpoint(&transaction, stream)?.as_ref(), batch) {
            return Ok(outcome);
        }
        match &batch.rows {
            Rows::Reference(rows) => write::reference::write(&transaction, &mut self.units, rows, self.role)?,
            Rows::Symbols(rows) if !rows.tenures.is_empty() => return Err(not_a_shard()),
            Rows::Users(rows) if !rows.tenures.is_empty() => return Err(not_a_shard()),
            Rows::Symbols(rows) => write::symbols::write(&transaction, &mut self.units, rows)?,
            Rows::Users(rows) => write::users::write(&transaction, &mut self.units, rows)?,
            Rows::Trades(rows) => write::archive::trades(&transaction, &mut self.units, rows)?,
            Rows::Audit(rows) => write::archive::audit(&transaction, rows)?,
            Rows::Klines(rows) => write::derived::klines(&transaction, &mut self.units, rows)?,
            Rows::HistoricalPositions(rows) => write::derived::positions(&transaction, &mut self.units, rows)?,
            Rows::MarketSnapshots(rows) => write::derived::snapshots(&transaction, &mut self.units, rows)?,
            Rows::Leaderboards(rows) => write::derived::leaderboards(&transaction, &mut self.units, rows)?,
            Rows::Analytics(rows) => write::derived::analytics(&transaction, &mut self.units, rows)?,
        }
        set_checkpoint(&transaction, stream, &batch.to)?;
        transaction.commit()?;
        Ok(Outcome::Committed)
    }
}

fn not_a_shard() -> Fault {
    Fault::Misuse("the embedded store is no shard: it has no place for tenures".into())
}

impl Store for SqliteStore {
    fn checkpoint(&mut self, stream: Stream) -> Result<Option<Checkpoint>, StoreError> {
        self.holds(stream)?;
        Ok(checkpoint(&self.connection, stream)?)
    }

    fn commit(&mut self, batch: &Batch) -> Outcome {
        let written = self.write(batch);
        let trouble =
            written.as_ref().err().and_then(|fault| fault.trouble(self.connection.path().unwrap_or_default()));
        match trouble {
            Some(trouble) if self.trouble.begin(&trouble) => {
                tracing::warn!(role = ?self.role, trouble, "the store is tried again and again");
            }
            None if self.trouble.end() => tracing::info!(role = ?self.role, "the store takes rows again"),
            Some(_) | None => {}
        }
        written.unwrap_or_else(Outcome::from)
    }

    fn recall(
        &mut self,
        stream: Stream,
        buckets: &[Bucket],
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<(), StoreError> {
        Ok(self.recall_rows(stream, buckets, visit)?)
    }

    fn commit_interval(&self) -> Duration {
        COMMIT_INTERVAL
    }

    fn make_durable(&mut self) -> Result<(), StoreError> {
        Ok(self.sync()?)
    }
}

/// How far a stream is, in the snapshot of the connection.
pub(crate) fn checkpoint(connection: &Connection, stream: Stream) -> Result<Option<Checkpoint>, Fault> {
    let sql = "SELECT venue, epoch, seq, hash FROM checkpoints WHERE stream = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row([stream.word()], |row| {
        Ok(Checkpoint {
            venue: VenueId(row.get(0)?),
            epoch: Epoch(row.get::<_, i64>(1)?.cast_unsigned()),
            seq: Seq(row.get::<_, i64>(2)?.cast_unsigned()),
            hash: Hash256(row.get(3)?),
        })
    });
    Ok(found.optional()?)
}

pub(crate) fn set_checkpoint(connection: &Connection, stream: Stream, to: &Checkpoint) -> Result<(), Fault> {
    let sql = "INSERT OR REPLACE INTO checkpoints (stream, venue, epoch, seq, hash) VALUES (?1, ?2, ?3, ?4, ?5)";
    let (epoch, seq) = (to.epoch.0.cast_signed(), to.seq.0.cast_signed());
    connection.prepare_cached(sql)?.execute(params![stream.word(), to.venue.0, epoch, seq, to.hash.0])?;
    Ok(())
}
