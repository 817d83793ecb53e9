//! Ranges of order ids that may go: what they have, their rows in order, and the transaction that drops them; see `docs/postgresql.md`.
//!
//! The rows are copied elsewhere before. Those of closed orders never change, so whatever is interrupted begins again from what is there.

mod drop;
mod survey;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::ids::{OrderId, SymbolId, TradeId, VenueId};
use domain::units::{Epoch, Seq, UnixNanos};
use projector::retired::{GivenUp, RetireError, RetiredStore};
use projector::rows::{FillRow, OrderRow};
use projector::store::StoreError;
use tokio_postgres::Client;

use crate::config::PostgresConfig;
use crate::decode::Columns;
use crate::decode::symbols::{self, select_fills, select_orders};
use crate::fault::Fault;
use crate::link::{Errands, Session};
use crate::ranges::{RangeWidth, Ranges, stored_width};
use crate::store::PostgresStore;
use crate::units::Units;
use crate::write::int;

/// Rows that are read, and held in memory, at a time.
const PORTION_ROWS: i64 = 2_000;

const NEXT_ORDERS: &str = select_orders!("WHERE order_id > $1 AND order_id < $2 ORDER BY order_id LIMIT $3");
const NEXT_FILLS: &str = select_fills!(
    "WHERE order_id >= $1 AND order_id < $3 AND (order_id > $1 OR trade_id > $2) ORDER BY order_id, trade_id LIMIT $4"
);

/// A range of order ids of one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderRange {
    number: u64,
    width: RangeWidth,
}

impl OrderRange {
    /// Its first order id.
    pub const fn first(self) -> OrderId {
        OrderId(self.number * self.width.orders())
    }

    /// Its last order id.
    pub const fn last(self) -> OrderId {
        OrderId(self.first().0 + (self.width.orders() - 1))
    }

    fn orders(self) -> String {
        format!("orders_r{}", self.number)
    }

    fn fills(self) -> String {
        format!("order_fills_r{}", self.number)
    }
}

/// Who drops: rows of another venue are not ours to drop, and a database that a later start wrote to is not ours any more.
#[derive(Debug, Clone, Copy)]
pub struct Writer {
    /// The venue.
    pub venue: VenueId,
    /// This start of it.
    pub epoch: Epoch,
    /// Tells it from another start with the same epoch, of a copy of the data directory.
    pub start: [u8; 16],
}

/// Whose it is to drop ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The epoch of another start whose it is.
    pub other: Option<Epoch>,
    /// What must be elsewhere.
    pub given_up: GivenUp,
}

/// What ranges there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// How many are gone.
    pub retired: u64,
    /// Those whose orders are old, oldest first.
    pub old: Vec<OldRange>,
}

/// A range before the newest one, all of whose orders were placed before the time that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldRange {
    /// Which.
    pub range: OrderRange,
    /// The first of its orders that is open, if one is.
    pub open: Option<OrderId>,
}

/// What a range has, all of whose orders are closed, and are of symbols that the shard owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Which.
    pub range: OrderRange,
    /// How many orders.
    pub orders: u64,
    /// How many fills of them.
    pub fills: u64,
    /// The last sequence that changed any of them.
    pub last_seq: Seq,
    /// Its block time.
    pub updated_time: UnixNanos,
    /// The checkpoint of the stream `symbols` when it was looked at.
    checkpoint: Seq,
    sums: survey::Sums,
}

/// Why a range stays for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stays {
    /// This order is open.
    Open(OrderId),
    /// It has rows of a symbol that the shard does not own: they moved away, or are to be this shard's.
    NotOwned(SymbolId),
    /// Another start of the venue has the database.
    Fenced(Epoch),
    /// The database is before where it was when it was looked at, or the rows are others now.
    Changed,
    /// Somebody reads the tables, and would have to be waited for.
    Busy,
    /// It is not there any more.
    Gone,
}

impl fmt::Display for Stays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(order) => write!(f, "order {} is open", order.0),
            Self::NotOwned(symbol) => {
                write!(f, "it has rows of symbol {}, which moves here or has moved away", symbol.0)
            }
            Self::Fenced(epoch) => write!(f, "another start of the venue has the database, with epoch {}", epoch.0),
            Self::Changed => f.write_str("its rows are not those that were copied: they are copied again"),
            Self::Busy => f.write_str("somebody reads the tables, and is not held up"),
            Self::Gone => f.write_str("it is gone"),
        }
    }
}

/// Why rows were not copied.
#[derive(Debug)]
pub enum CopyError {
    /// The database that has them.
    Here(Fault),
    /// Where they go.
    There(RetireError),
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(fault) => fault.fmt(f),
            Self::There(error) => write!(f, "the archive does not take its rows: {error}"),
        }
    }
}

impl std::error::Error for CopyError {}

/// What came of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Copied {
    /// All rows are there, for good.
    Whole,
    /// They are not those that were found before.
    Changed,
    /// Somebody ended it.
    Stopped,
}

/// Looks at the ranges of a database and drops some, over a connection of its own. One at a time for each database.
#[derive(Debug)]
pub struct Retirer {
    errands: Errands,
    units: Units,
}

impl Retirer {
    /// One that connects when it is first asked. It leaves the schema as it is.
    pub fn new(config: PostgresConfig) -> Self {
        Self { errands: Errands::new(config, "retire"), units: Units::default() }
    }

    /// Makes it this start's to drop ranges, unless a later one has it, or, where it is not `anew`, another one of the same epoch.
    pub fn claim(&mut self, writer: Writer, anew: bool) -> Result<Claim, Fault> {
        self.with(&async |session, _| {
            let other = claim(&session.client, writer, anew).await?;
            Ok(Claim { other, given_up: given_up(&session.client).await? })
        })
    }

    /// The ranges whose orders were all placed before this block time; never the newest one that has orders, nor those after it.
    pub fn look(&mut self, placed_before: UnixNanos) -> Result<Look, Fault> {
        self.with(&async |session, _| {
            let retired = session.client.query_one("SELECT count(*) FROM retired_ranges", &[]).await?;
            let retired = retired.get::<_, i64>(0).cast_unsigned();
            let mut look = Look { retired, old: Vec::new() };
            let Some(width) = stored_width(&session.client).await? else { return Ok(look) };
            let newest: Option<i64> = session.client.query_one("SELECT max(order_id) FROM orders", &[]).await?.get(0);
            let newest = newest.map(|order| width.range_of(OrderId(order.cast_unsigned())));
            for number in Ranges::stored(&session.client).await? {
                if newest.is_none_or(|newest| number >= newest) {
                    break;
                }
                let ids = width.ids(number);
                let placed = "SELECT placed_time FROM orders WHERE order_id >= $1 AND order_id < $2 ORDER BY order_id DESC LIMIT 1";
                let is_old = match session.client.query_opt(placed, &[&ids.start, &ids.end]).await? {
                    // Ids are given out in the order of time.
                    Some(row) => row.get::<_, i64>(0) < int(placed_before.0),
                    None => is_passed(&session.client, ids.end).await?,
                };
                if !is_old {
                    break;
                }
                let range = OrderRange { number, width };
                look.old.push(OldRange { range, open: survey::open(&session.client, range).await? });
            }
            Ok(look)
        })
    }

    /// What a range has, or why it stays. Reads all of it.
    pub fn survey(&mut self, range: OrderRange, writer: Writer) -> Result<Result<Contents, Stays>, Fault> {
        self.errands.run(|link| {
            link.run_long(async |session| {
                let surveyed = survey::survey(session, range, writer).await;
                roll_back(session).await;
                surveyed
            })
        })
    }

    /// Copies all rows of a range to where they go.
    pub fn copy(
        &mut self,
        contents: &Contents,
        place: &mut dyn RetiredStore,
        stop: &AtomicBool,
    ) -> Result<Copied, CopyError> {
        let (mut orders, mut fills) = (0_u64, 0_u64);
        let mut after = None;
        loop {
            if stop.load(Ordering::Acquire) {
                return Ok(Copied::Stopped);
            }
            let rows = self.orders(contents.range, after).map_err(CopyError::Here)?;
            let Some(last) = rows.last() else { break };
            after = Some(last.order);
            if rows.iter().any(|row| row.status.is_open() || row.last_seq > contents.last_seq) {
                return Ok(Copied::Changed);
            }
            place.add(&rows, &[]).map_err(CopyError::There)?;
            orders += count(&rows);
        }
        let mut after = None;
        loop {
            if stop.load(Ordering::Acquire) {
                return Ok(Copied::Stopped);
            }
            let rows = self.fills(contents.range, after).map_err(CopyError::Here)?;
            let Some(last) = rows.last() else { break };
            after = Some((last.order, last.trade));
            place.add(&[], &rows).map_err(CopyError::There)?;
            fills += count(&rows);
        }
        Ok(if (orders, fills) == (contents.orders, contents.fills) { Copied::Whole } else { Copied::Changed })
    }

    /// Drops a range that was copied, if it still has what was copied and nobody has to wait long for it. Where its rows are, rows had
    /// been added so often when the last of them were there ([`projector::retired::Extent::additions`]).
    pub fn drop_range(
        &mut self,
        contents: &Contents,
        additions: u64,
        writer: Writer,
    ) -> Result<Result<(), Stays>, Fault> {
        self.errands.run(|link| {
            link.run_long(async |session| {
                let dropped = drop::drop_range(session, contents, additions, writer).await;
                if !matches!(dropped, Ok(Ok(()))) {
                    roll_back(session).await;
                }
                dropped
            })
        })
    }

    /// The next orders of a range, by id.
    fn orders(&mut self, range: OrderRange, after: Option<OrderId>) -> Result<Vec<OrderRow>, Fault> {
        let ids = range.width.ids(range.number);
        let after = after.map_or(ids.start - 1, |order| int(order.0));
        self.with(&async |session, units| {
            let next = session.statement(NEXT_ORDERS).await?;
            let rows = session.client.query(&next, &[&after, &ids.end, &PORTION_ROWS]).await?;
            rows.iter().map(|row| symbols::order(&mut Columns::of(row, units))).collect()
        })
    }

    /// The next fills of a range, by order and trade.
    fn fills(&mut self, range: OrderRange, after: Option<(OrderId, TradeId)>) -> Result<Vec<FillRow>, Fault> {
        let ids = range.width.ids(range.number);
        let (order, trade) = after.map_or((ids.start, -1), |(order, trade)| (int(order.0), int(trade.0)));
        self.with(&async |session, units| {
            let next = session.statement(NEXT_FILLS).await?;
            let rows = session.client.query(&next, &[&order, &trade, &ids.end, &PORTION_ROWS]).await?;
            rows.iter().map(|row| symbols::fill(&mut Columns::of(row, units))).collect()
        })
    }

    /// Does something in the units that the database's symbols have; a second time where one was listed since.
    fn with<T>(&mut self, work: &impl AsyncFn(&mut Session, &Units) -> Result<T, Fault>) -> Result<T, Fault> {
        if !self.errands.is_open() {
            self.units = Units::default();
        }
        let Self { errands, units } = self;
        errands.run(|link| {
            link.run(async |session| {
                let done = work(session, units).await;
                if matches!(done, Err(Fault::UnknownAsset(_) | Fault::UnknownSymbol(_))) {
                    units.read(&session.client).await?;
                    return work(session, units).await;
                }
                done
            })
        })
    }
}

/// Whether no order from before this id is to come any more: a copy can bring later ones, and then a range that was made ahead is empty.
async fn is_passed(client: &Client, end: i64) -> Result<bool, Fault> {
    let next =
        "SELECT placed_seq <= checkpoint_of('symbols') FROM orders WHERE order_id >= $1 ORDER BY order_id LIMIT 1";
    let next = client.query_opt(next, &[&end]).await?;
    Ok(next.is_some_and(|row| row.get::<_, Option<bool>>(0) == Some(true)))
}

async fn given_up(client: &Client) -> Result<GivenUp, Fault> {
    let sql = "SELECT coalesce(max(last_seq), 0), coalesce(max(additions), 0) FROM retired_ranges WHERE orders > 0";
    let found = client.query_one(sql, &[]).await?;
    let long = |column| found.get::<_, i64>(column).cast_unsigned();
    Ok(GivenUp { last_seq: Seq(long(0)), additions: long(1) })
}

/// Makes it this start's to drop ranges, unless a later one has it, or, where it is not `anew`, another one of the same epoch. Gives the
/// epoch of that one. Inside a transaction it stays so to its end.
async fn claim(client: &Client, writer: Writer, anew: bool) -> Result<Option<Epoch>, Fault> {
    let (epoch, start) = (int(writer.epoch.0), &writer.start[..]);
    let take = "INSERT INTO retirer AS r (epoch, start) VALUES ($1, $2)
        ON CONFLICT (single) DO UPDATE SET epoch = EXCLUDED.epoch, start = EXCLUDED.start
        WHERE r.epoch < EXCLUDED.epoch OR r.epoch = EXCLUDED.epoch AND $3";
    client.execute(take, &[&epoch, &start, &anew]).await?;
    let found = client.query_one("SELECT epoch, start FROM retirer FOR UPDATE", &[]).await?;
    let (of, its_start): (i64, &[u8]) = (found.get(0), found.get(1));
    Ok(if (of, its_start) == (epoch, start) { None } else { Some(Epoch(of.cast_unsigned())) })
}

/// What a database gave up and no place has any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// Ranges of order ids, some rows of which at least are lost.
    pub ranges: u64,
    /// Orders that were in them.
    pub orders: u64,
    /// Fills of those orders.
    pub fills: u64,
}

async fn forget(client: &Client, there: GivenUp) -> Result<Lost, Fault> {
    let sql = "WITH lost AS (
            UPDATE retired_ranges SET last_seq = least(last_seq, $1), additions = least(additions, $2)
            WHERE orders > 0 AND (last_seq > $1 OR additions > $2) RETURNING orders, fills
        ) SELECT count(*), coalesce(sum(orders), 0)::bigint, coalesce(sum(fills), 0)::bigint FROM lost";
    let found = client.query_one(sql, &[&int(there.last_seq.0), &int(there.additions)]).await?;
    let long = |column| found.get::<_, i64>(column).cast_unsigned();
    Ok(Lost { ranges: long(0), orders: long(1), fills: long(2) })
}

impl PostgresStore {
    /// Makes it this start's to drop ranges: none before it drops any from now on. Gives what is gone.
    pub fn claim_ranges(&mut self, writer: Writer) -> Result<GivenUp, StoreError> {
        let claimed = self.link().and_then(|link| {
            link.run(async |session| {
                claim(&session.client, writer, true).await?;
                given_up(&session.client).await
            })
        });
        Ok(self.conclude(claimed)?)
    }

    /// Forgets that the database gave up more than is `there`: what else there was is lost, and nobody asks for it any more.
    pub fn forget_given_up(&mut self, there: GivenUp) -> Result<Lost, StoreError> {
        let found = self.link().and_then(|link| link.run(async |session| forget(&session.client, there).await));
        Ok(self.conclude(found)?)
    }

    /// What the database has given up.
    pub fn given_up(&mut self) -> Result<GivenUp, StoreError> {
        let found = self.link().and_then(|link| link.run(async |session| given_up(&session.client).await));
        Ok(self.conclude(found)?)
    }
}

async fn roll_back(session: &Session) {
    if session.client.batch_execute("ROLLBACK").await.is_err() {
        tracing::debug!("the transaction ended with its connection");
    }
}

fn count<T>(rows: &[T]) -> u64 {
    u64::try_from(rows.len()).unwrap_or(u64::MAX)
}
