//! History out of the two files: each answer is read together with the checkpoint of its stream, in one transaction.

mod walk;
mod orders;
mod fills;
mod ledger;
mod trades;
mod archive;
mod closed;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::ids::OrderId;
use domain::units::Seq;
use projector::batch::Stream;
use projector::candle::Candle;
use projector::history::{
    FillsQuery, LedgerQuery, MinutesQuery, OrderHistory, OrderKey, OrdersQuery, Page, ReadError, TradeHistory,
    TradesQuery,
};
use projector::lineage::Lineage;
use projector::rows::{FillRow, LedgerRow, OrderRow, TradeRow};
use rusqlite::{Connection, ErrorCode};

use crate::decode::Scales;
use crate::fault::Fault;
use crate::name::Name;
use crate::schema::{self, Role};
use crate::store::checkpoint;
use crate::units::Units;

/// Readers of the hot file, for many threads.
#[derive(Debug)]
pub struct SqliteOrders(Readers);

/// Readers of the archive, for many threads.
#[derive(Debug)]
pub struct SqliteTrades(Readers);

impl SqliteOrders {
    /// Opens the hot file, which its store has made, `readers` times: so many calls read at the same time. With a lineage, only what is
    /// of it is answered.
    pub fn open(hot: &Path, readers: usize, lineage: Option<Arc<Lineage>>) -> Result<Self, Fault> {
        Readers::open(hot, Role::Hot, readers, lineage).map(Self)
    }
}

impl SqliteTrades {
    /// Opens the archive, which its store has made, `readers` times: so many calls read at the same time. With a lineage, only what is of
    /// it is answered.
    pub fn open(archive: &Path, readers: usize, lineage: Option<Arc<Lineage>>) -> Result<Self, Fault> {
        Readers::open(archive, Role::Archive, readers, lineage).map(Self)
    }
}

/// Readers of the closed orders in the archive, for many threads.
#[derive(Debug)]
pub struct SqliteClosed(Readers);

impl SqliteClosed {
    /// Opens the archive, which its store has made, `readers` times: so many calls read at the same time.
    pub fn open(archive: &Path, readers: usize) -> Result<Self, Fault> {
        Readers::open(archive, Role::Archive, readers, None).map(Self)
    }
}

/// How long one question may take: whoever asked has gone by then, and others wait.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How often it is looked whether it has taken that long, in steps of SQLite's machine.
const STEPS: i32 = 10_000;

struct Readers {
    idle: Mutex<Vec<File>>,
    returned: Condvar,
    answer_max: Duration,
    name: Name,
    /// Absent: whatever the file holds is read.
    lineage: Option<Arc<Lineage>>,
}

#[derive(Debug)]
struct File {
    connection: Connection,
    units: Units,
    /// When the question ends that is asked at present.
    until: Arc<Mutex<Option<Instant>>>,
}

impl Readers {
    fn open(path: &Path, role: Role, readers: usize, lineage: Option<Arc<Lineage>>) -> Result<Self, Fault> {
        assert!(readers > 0, "somebody must read");
        let idle = (0..readers).map(|_| File::open(path, role)).collect::<Result<Vec<_>, Fault>>()?;
        Ok(Self {
            idle: Mutex::new(idle),
            returned: Condvar::new(),
            answer_max: ANSWER_MAX,
            name: Name::of(path),
            lineage,
        })
    }

    /// Reads rows of a stream and its checkpoint from one snapshot.
    fn read<T>(
        &self,
        stream: Stream,
        rows: impl FnOnce(&mut Scales<'_>) -> Result<Vec<T>, Fault>,
    ) -> Result<Page<T>, ReadError> {
        let (checkpoint, rows) = self.ask(|scales| Ok((checkpoint(scales.connection, stream)?, rows(scales)?)))?;
        if let Some(lineage) = &self.lineage {
            lineage.check(stream, checkpoint.as_ref())?;
        }
        Ok(Page { through: checkpoint.map_or(Seq::ZERO, |checkpoint| checkpoint.seq), rows })
    }

    /// Reads something from one snapshot, for somebody who waits.
    fn ask<T>(&self, what: impl FnOnce(&mut Scales<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let until = Instant::now() + self.answer_max;
        let answer = self.with_file(|file| file.ask(Some(until), what));
        match answer {
            Err(Fault::Sqlite(error)) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                Err(Fault::TooLong(self.answer_max))
            }
            answer => answer,
        }
    }

    /// The same, however long it takes.
    fn ask_for_all<T>(&self, what: impl FnOnce(&mut Scales<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        self.with_file(|file| file.ask(None, what))
    }

    fn with_file<T>(&self, ask: impl FnOnce(&mut File) -> Result<T, Fault>) -> Result<T, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.returned.wait_timeout_while(idle, self.answer_max, |idle| idle.is_empty());
        let file = waited.unwrap_or_else(PoisonError::into_inner).0.pop();
        let mut file = file.ok_or(Fault::TooLong(self.answer_max))?;
        let answer = ask(&mut file);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(file);
        self.returned.notify_one();
        answer
    }
}

impl File {
    fn open(path: &Path, role: Role) -> Result<Self, Fault> {
        let mut connection = schema::open_reader(path, role)?;
        let until = Arc::<Mutex<Option<Instant>>>::default();
        let watched = Arc::clone(&until);
        let is_over = move || {
            let until = *watched.lock().unwrap_or_else(PoisonError::into_inner);
            until.is_some_and(|until| Instant::now() >= until)
        };
        connection.progress_handler(STEPS, Some(is_over))?;
        Ok(Self { connection, units: Units::default(), until })
    }

    /// The first read of the transaction fixes what all others see.
    fn ask<T>(
        &mut self,
        until: Option<Instant>,
        what: impl FnOnce(&mut Scales<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
        let transaction = self.connection.transaction()?;
        what(&mut Scales { connection: &transaction, units: &mut self.units })
    }
}

impl OrderHistory for SqliteOrders {
    fn order(&self, key: OrderKey) -> Result<Page<OrderRow>, ReadError> {
        self.0.read(Stream::Symbols, |scales| match key {
            OrderKey::Id(order) => orders::by_id(orders::HOT, scales, order),
            OrderKey::Client(user, name) => orders::by_client(orders::HOT, scales, user, &name),
        })
    }

    fn orders(&self, query: &OrdersQuery) -> Result<Page<OrderRow>, ReadError> {
        self.0.read(Stream::Symbols, |scales| orders::of_user(orders::HOT, scales, query))
    }

    fn fills(&self, query: &FillsQuery) -> Result<Page<FillRow>, ReadError> {
        self.0.read(Stream::Symbols, |scales| fills::of_user(scales, query))
    }

    fn fills_of_order(&self, order: OrderId) -> Result<Page<FillRow>, ReadError> {
        self.0.read(Stream::Symbols, |scales| fills::of_order(scales, order))
    }

    fn ledger(&self, query: &LedgerQuery) -> Result<Page<LedgerRow>, ReadError> {
        self.0.read(Stream::Users, |scales| ledger::of_user(scales, query))
    }
}

impl TradeHistory for SqliteTrades {
    fn trades(&self, query: &TradesQuery) -> Result<Page<TradeRow>, ReadError> {
        self.0.read(Stream::Trades, |scales| trades::of_symbol(scales, query))
    }

    fn minutes(&self, query: &MinutesQuery) -> Result<Page<Candle>, ReadError> {
        self.0.read(Stream::Trades, |scales| trades::minutes(scales, query))
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

    #[test]
    fn a_question_that_takes_too_long_ends_and_the_next_one_is_answered() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("hot.db");
        schema::open_writer(&path, Role::Hot).expect("a file is made");
        let mut readers = Readers::open(&path, Role::Hot, 1, None).expect("it is opened");
        readers.answer_max = Duration::from_millis(20);
        let ask = |readers: &Readers, sql: &str| {
            readers.ask(|scales| Ok(scales.connection.query_row(sql, [], |row| row.get::<_, i64>(0))?))
        };
        let endless = ask(&readers, ENDLESS);
        assert!(matches!(endless, Err(Fault::TooLong(_))), "{endless:?}");
        readers.answer_max = ANSWER_MAX;
        assert!(matches!(ask(&readers, "SELECT 7"), Ok(7)));
        // Somebody who has the only connection keeps others waiting so long and no longer.
        readers.answer_max = Duration::from_millis(20);
        let inside = readers.ask_for_all(|_| Ok(ask(&readers, "SELECT 7")));
        assert!(matches!(inside, Ok(Err(Fault::TooLong(_)))), "{inside:?}");
    }
}
