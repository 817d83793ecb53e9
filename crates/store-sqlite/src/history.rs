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
use rusqlite::Connection;

use crate::decode::Scales;
use crate::fault::Fault;
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

struct Readers {
    idle: Mutex<Vec<File>>,
    returned: Condvar,
    /// Absent: whatever the file holds is read.
    lineage: Option<Arc<Lineage>>,
}

#[derive(Debug)]
struct File {
    connection: Connection,
    units: Units,
}

impl Readers {
    fn open(path: &Path, role: Role, readers: usize, lineage: Option<Arc<Lineage>>) -> Result<Self, Fault> {
        assert!(readers > 0, "somebody must read");
        let idle = (0..readers).map(|_| File::open(path, role)).collect::<Result<Vec<_>, Fault>>()?;
        Ok(Self { idle: Mutex::new(idle), returned: Condvar::new(), lineage })
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

    /// Reads something from one snapshot.
    fn ask<T>(&self, what: impl FnOnce(&mut Scales<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut file = self.take();
        let answer = file.ask(what);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(file);
        self.returned.notify_one();
        answer
    }

    fn take(&self) -> File {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut idle = self.returned.wait_while(idle, |idle| idle.is_empty()).unwrap_or_else(PoisonError::into_inner);
        idle.pop().expect("waited until there is one")
    }
}

impl File {
    fn open(path: &Path, role: Role) -> Result<Self, Fault> {
        Ok(Self { connection: schema::open_reader(path, role)?, units: Units::default() })
    }

    /// The first read of the transaction fixes what all others see.
    fn ask<T>(&mut self, what: impl FnOnce(&mut Scales<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
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
