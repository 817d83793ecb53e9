//! Closed orders and their fills that a shard gives up, into the archive: beside the file's follower, with a connection of its own.

use std::path::Path;
use std::time::Duration;

use domain::ids::{OrderId, TradeId, VenueId};
use domain::units::{Seq, UnixNanos};
use projector::retired::{Extent, RetireError, RetiredStore};
use projector::rows::{FillRow, OrderRow};
use projector::store::Divergence;
use projector::words::Word as _;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use crate::decode::{Scales, symbols};
use crate::fault::Fault;
use crate::name::Name;
use crate::schema::{self, Role};
use crate::units::{Decimal, Units};
use crate::write::symbols::{Kind, insert_fill, kind};
use crate::write::{client_hash, int};

/// How long the file is left alone after each commit: SQLite has no queue of writers, and its follower looks for its turn each
/// millisecond.
const PAUSE: Duration = Duration::from_millis(5);
/// Version of an archive from which on it has a place for them.
const FIRST_VERSION: usize = 3;
/// Rows come in order, so few pages are needed again.
const CACHE_KIB: u32 = 16 * 1024;

/// Writes the closed orders of an archive.
#[derive(Debug)]
pub struct SqliteRetired {
    connection: Connection,
    units: Units,
    venue: VenueId,
    name: Name,
}

impl SqliteRetired {
    /// Opens the archive to bring rows of this venue, makes it where there is none, and brings its schema up to date.
    pub fn open(archive: &Path, venue: VenueId) -> Result<Self, Fault> {
        let connection = schema::open_writer(archive, Role::Archive)?;
        // Each commit is synced: once it has returned, the shard drops its rows.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "cache_size", -i64::from(CACHE_KIB))?;
        Ok(Self { connection, units: Units::default(), venue, name: Name::of(archive) })
    }

    /// Runs `change` in a transaction on rows of this venue.
    fn write(
        &mut self,
        change: impl FnOnce(&Connection, &mut Units, Option<Extent>) -> Result<(), Fault>,
    ) -> Result<(), RetireError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = transaction.map_err(Fault::from)?;
        let extent = extent(&transaction)?;
        if let Some(other) = extent.filter(|extent| extent.venue != self.venue) {
            return Err(RetireError::Diverged(Divergence::Venue(other.venue)));
        }
        change(&transaction, &mut self.units, extent)?;
        transaction.commit().map_err(Fault::from)?;
        self.name.check()?;
        std::thread::sleep(PAUSE);
        Ok(())
    }
}

impl RetiredStore for SqliteRetired {
    fn add(&mut self, orders: &[OrderRow], fills: &[FillRow]) -> Result<(), RetireError> {
        let nothing = Extent::none(self.venue);
        self.write(|connection, units, extent| {
            add_orders(connection, units, orders)?;
            add_fills(connection, units, fills)?;
            set_extent(connection, extent.unwrap_or(nothing).with(orders, fills))
        })
    }

    fn forget_after(&mut self, fork: Seq) -> Result<(), RetireError> {
        self.write(|connection, units, extent| {
            // Assets and symbols of the abandoned branch may have meant something else.
            *units = Units::default();
            let Some(extent) = extent.filter(|extent| extent.last_seq > fork) else { return Ok(()) };
            connection.execute("DELETE FROM closed_order_fills WHERE seq > ?1", [int(fork.0)])?;
            connection.execute("DELETE FROM closed_orders WHERE last_seq > ?1", [int(fork.0)])?;
            let left = found_extent(connection, extent.venue)?;
            set_extent(connection, Extent { additions: extent.additions, ..left })
        })
    }
}

/// Whether an archive that is there, of whatever version, has closed orders.
pub fn has_any(archive: &Path) -> Result<bool, Fault> {
    let (connection, version) = schema::open_to_look(archive, Role::Archive)?;
    if version < FIRST_VERSION {
        return Ok(false);
    }
    Ok(connection.query_row("SELECT EXISTS (SELECT 1 FROM closed_orders_extent)", [], |row| row.get(0))?)
}

fn add_orders(connection: &Connection, units: &mut Units, rows: &[OrderRow]) -> Result<(), Fault> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO closed_orders (order_id, user_id, symbol_id, side, kind, price, time_in_force, placed_quantity,
            placed_quote, client_order_id, client_hash, maker_ppm, taker_ppm, placed_seq, placed_time, quantity,
            executed, executed_quote, status, close_reason, last_seq, updated_time)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)
         ON CONFLICT (order_id) DO NOTHING",
    )?;
    let mut select = connection.prepare_cached(&format!("{} WHERE order_id = ?1", symbols::CLOSED_ORDER))?;
    for row in rows {
        let placed: Kind = kind(connection, units, row)?;
        let (status, close_reason) = row.status.words();
        let inserted = insert.execute(params![
            int(row.order.0),
            row.user.0,
            row.symbol.0,
            row.side.word(),
            placed.word,
            placed.price,
            placed.time_in_force,
            placed.quantity,
            placed.quote,
            row.client_order_id.as_str(),
            client_hash(row.user, &row.client_order_id),
            row.fees.maker.0,
            row.fees.taker.0,
            int(row.placed.0),
            int(row.placed_time.0),
            row.quantity.map(|quantity| int(quantity.0)),
            int(row.executed.0),
            Decimal(row.executed_quote, units.symbol(connection, row.symbol)?.quote),
            status,
            close_reason,
            int(row.last_seq.0),
            int(row.updated_time.0),
        ])?;
        if inserted == 0 {
            let mut found = select.query([int(row.order.0)])?;
            let there =
                found.next()?.map(|found| symbols::order(found, &mut Scales { connection, units })).transpose()?;
            same(there.as_ref() == Some(row), || format!("closed_orders {}", row.order.0))?;
        }
    }
    Ok(())
}

fn add_fills(connection: &Connection, units: &mut Units, rows: &[FillRow]) -> Result<(), Fault> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO closed_order_fills (seq, event_index, time, order_id, user_id, execution, symbol_id, trade_id, side,
            liquidity, price, quantity, quote, fee, fee_asset_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
         ON CONFLICT (order_id, trade_id) DO NOTHING",
    )?;
    let by_key = format!("{} WHERE order_id = ?1 AND trade_id = ?2", symbols::CLOSED_FILL);
    let mut select = connection.prepare_cached(&by_key)?;
    for row in rows {
        if insert_fill(&mut insert, connection, units, row)? == 0 {
            let mut found = select.query([int(row.order.0), int(row.trade.0)])?;
            let there =
                found.next()?.map(|found| symbols::fill(found, &mut Scales { connection, units })).transpose()?;
            let key = || format!("closed_order_fills {} of trade {}", row.order.0, row.trade.0);
            same(there.as_ref() == Some(row), key)?;
        }
    }
    Ok(())
}

fn same(is_same: bool, key: impl FnOnce() -> String) -> Result<(), Fault> {
    if is_same { Ok(()) } else { Err(Fault::Conflict(key())) }
}

/// How far the rows reach.
pub(crate) fn extent(connection: &Connection) -> Result<Option<Extent>, Fault> {
    let sql = "SELECT order_id, trade_id, last_seq, time, venue, additions FROM closed_orders_extent";
    let found = connection.prepare_cached(sql)?.query_row([], |row| {
        let (venue, additions) = (VenueId(row.get(4)?), row.get::<_, i64>(5)?.cast_unsigned());
        Ok(Extent { additions, ..reached(row, venue)? })
    });
    Ok(found.optional()?)
}

/// The same, out of all rows.
fn found_extent(connection: &Connection, venue: VenueId) -> Result<Extent, Fault> {
    let orders = "SELECT ifnull(max(order_id), 0), 0, ifnull(max(last_seq), 0), ifnull(max(updated_time), 0)
        FROM closed_orders";
    let fills = "SELECT ifnull(max(order_id), 0), ifnull(max(trade_id), 0), ifnull(max(seq), 0), ifnull(max(time), 0)
        FROM closed_order_fills";
    let of = |sql| connection.query_row(sql, [], |row| reached(row, venue));
    Ok(of(orders)?.max(of(fills)?))
}

fn reached(row: &Row<'_>, venue: VenueId) -> rusqlite::Result<Extent> {
    let long = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    let (order, trade) = (OrderId(long(0)?), TradeId(long(1)?));
    Ok(Extent { venue, order, trade, last_seq: Seq(long(2)?), time: UnixNanos(long(3)?), additions: 0 })
}

fn set_extent(connection: &Connection, extent: Extent) -> Result<(), Fault> {
    let sql =
        "INSERT OR REPLACE INTO closed_orders_extent (extent_id, venue, order_id, trade_id, last_seq, time, additions)
        VALUES (0, ?1, ?2, ?3, ?4, ?5, ?6)";
    let Extent { venue, order, trade, last_seq, time, additions } = extent;
    let of = params![venue.0, int(order.0), int(trade.0), int(last_seq.0), int(time.0), int(additions)];
    connection.prepare_cached(sql)?.execute(of)?;
    Ok(())
}
