//! History out of the two files: each answer is read together with the checkpoint of its stream, in one transaction.

mod walk;
mod orders;
mod fills;
mod ledger;
mod trades;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use domain::ids::{Checkpoint, OrderId};
use domain::units::Seq;
use projector::batch::Stream;
use projector::history::{
    Candle, FillsQuery, History, LedgerQuery, MinutesQuery, OrderKey, OrdersQuery, Page, ReadError, TradesQuery,
};
use projector::lineage::Lineage;
use projector::rows::{FillRow, LedgerRow, OrderRow, TradeRow};
use rusqlite::Connection;

use crate::decode::Scales;
use crate::fault::Fault;
use crate::schema::{self, Role};
use crate::store::checkpoint;
use crate::units::Units;

/// Readers of the two files, for many threads.
pub struct SqliteHistory {
    idle: Mutex<Vec<Reader>>,
    returned: Condvar,
    /// Absent: whatever the files hold is read.
    lineage: Option<Arc<Lineage>>,
}

/// One connection to each file.
#[derive(Debug)]
struct Reader {
    hot: File,
    archive: File,
}

#[derive(Debug)]
struct File {
    connection: Connection,
    units: Units,
}

impl SqliteHistory {
    /// Opens both files, which their stores have made, `readers` times: so many calls read at the same time.
    pub fn open(hot: &Path, archive: &Path, readers: usize) -> Result<Self, Fault> {
        assert!(readers > 0, "somebody must read");
        let reader = |_| Ok(Reader { hot: File::open(hot, Role::Hot)?, archive: File::open(archive, Role::Archive)? });
        let idle = (0..readers).map(reader).collect::<Result<Vec<_>, Fault>>()?;
        Ok(Self { idle: Mutex::new(idle), returned: Condvar::new(), lineage: None })
    }

    /// The same, answering only with what is of this lineage.
    #[must_use]
    pub fn of(self, lineage: Arc<Lineage>) -> Self {
        Self { lineage: Some(lineage), ..self }
    }

    /// Reads rows of a stream and its checkpoint from one snapshot.
    fn read<T>(
        &self,
        stream: Stream,
        rows: impl FnOnce(&mut Scales<'_>) -> Result<Vec<T>, Fault>,
    ) -> Result<Page<T>, ReadError> {
        let mut reader = self.take();
        let answer = reader.file(stream).read(stream, rows);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        self.returned.notify_one();
        let (checkpoint, rows) = answer?;
        if let Some(lineage) = &self.lineage {
            lineage.check(stream, checkpoint.as_ref())?;
        }
        Ok(Page { through: checkpoint.map_or(Seq::ZERO, |checkpoint| checkpoint.seq), rows })
    }

    fn take(&self) -> Reader {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut idle = self.returned.wait_while(idle, |idle| idle.is_empty()).unwrap_or_else(PoisonError::into_inner);
        idle.pop().expect("waited until there is one")
    }
}

impl Reader {
    fn file(&mut self, stream: Stream) -> &mut File {
        match stream {
            Stream::Reference | Stream::Symbols | Stream::Users => &mut self.hot,
            Stream::Trades | Stream::Audit => &mut self.archive,
        }
    }
}

impl File {
    fn open(path: &Path, role: Role) -> Result<Self, Fault> {
        Ok(Self { connection: schema::open_reader(path, role)?, units: Units::default() })
    }

    fn read<T>(
        &mut self,
        stream: Stream,
        rows: impl FnOnce(&mut Scales<'_>) -> Result<Vec<T>, Fault>,
    ) -> Result<(Option<Checkpoint>, Vec<T>), Fault> {
        let transaction = self.connection.transaction()?;
        // The first read of a transaction fixes what all others see.
        let checkpoint = checkpoint(&transaction, stream)?;
        let rows = rows(&mut Scales { connection: &transaction, units: &mut self.units })?;
        Ok((checkpoint, rows))
    }
}

impl History for SqliteHistory {
    fn order(&self, key: OrderKey) -> Result<Page<OrderRow>, ReadError> {
        self.read(Stream::Symbols, |scales| match key {
            OrderKey::Id(order) => orders::by_id(scales, order),
            OrderKey::Client(user, name) => orders::by_client(scales, user, &name),
        })
    }

    fn orders(&self, query: &OrdersQuery) -> Result<Page<OrderRow>, ReadError> {
        self.read(Stream::Symbols, |scales| orders::of_user(scales, query))
    }

    fn fills(&self, query: &FillsQuery) -> Result<Page<FillRow>, ReadError> {
        self.read(Stream::Symbols, |scales| fills::of_user(scales, query))
    }

    fn fills_of_order(&self, order: OrderId) -> Result<Page<FillRow>, ReadError> {
        self.read(Stream::Symbols, |scales| fills::of_order(scales, order))
    }

    fn trades(&self, query: &TradesQuery) -> Result<Page<TradeRow>, ReadError> {
        self.read(Stream::Trades, |scales| trades::of_symbol(scales, query))
    }

    fn ledger(&self, query: &LedgerQuery) -> Result<Page<LedgerRow>, ReadError> {
        self.read(Stream::Users, |scales| ledger::of_user(scales, query))
    }

    fn minutes(&self, query: &MinutesQuery) -> Result<Page<Candle>, ReadError> {
        self.read(Stream::Trades, |scales| trades::minutes(scales, query))
    }
}

impl fmt::Debug for SqliteHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteHistory").finish_non_exhaustive()
    }
}
