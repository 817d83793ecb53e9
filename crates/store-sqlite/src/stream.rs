//! All rows of a stream, from one snapshot.

use domain::ids::{Checkpoint, OrderId};
use projector::batch::Stream;
use projector::store::{ReadStream, StoreError, StoredRow};
use rusqlite::{Connection, Row};

use crate::decode::{Columns, Scales, archive, derived, reference, symbols, users};
use crate::fault::Fault;
use crate::schema::Role;
use crate::store::{SqliteStore, checkpoint};

impl ReadStream for SqliteStore {
    fn read_stream(
        &mut self,
        stream: Stream,
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<Option<Checkpoint>, StoreError> {
        Ok(self.read_rows(stream, visit)?)
    }
}

impl SqliteStore {
    fn read_rows(&mut self, stream: Stream, visit: &mut dyn FnMut(StoredRow)) -> Result<Option<Checkpoint>, Fault> {
        self.holds(stream)?;
        let transaction = self.connection.transaction().map_err(Fault::from)?;
        // The first read of a transaction fixes what all others see.
        let checkpoint = checkpoint(&transaction, stream)?;
        let scales = &mut Scales { connection: &transaction, units: &mut self.units };
        let mut table = |select: &str, order: &str, decode: &mut Decode<'_>| {
            each(&transaction, &format!("{select} ORDER BY {order}"), scales, decode, visit)
        };
        match stream {
            Stream::Reference => {
                if self.role == Role::Hot {
                    table(reference::VENUE, "venue_id", &mut |row, _| reference::venue(row).map(StoredRow::Venue))?;
                }
                table(reference::ASSET, "asset_id", &mut |row, _| reference::asset(row).map(StoredRow::Asset))?;
                table(reference::SYMBOL, "symbol_id", &mut |row, _| reference::symbol(row).map(StoredRow::Symbol))?;
                if self.role == Role::Hot {
                    table(reference::USER, "user_id", &mut |row, _| reference::user(row).map(StoredRow::User))?;
                    table(reference::KEY, "key_id", &mut |row, _| reference::key(row).map(StoredRow::Key))?;
                }
            }
            Stream::Symbols => {
                table(symbols::ORDER, "order_id", &mut |row, of| symbols::order(row, of).map(StoredRow::Order))?;
                table("SELECT order_id FROM open_orders", "order_id", &mut |row, _| {
                    Ok(StoredRow::OpenOrder(OrderId(Columns::of(row).long()?)))
                })?;
                table(symbols::FILL, "rowid", &mut |row, of| symbols::fill(row, of).map(StoredRow::Fill))?;
                table(symbols::POSITION, "user_id, symbol_id", &mut |row, of| {
                    symbols::position(row, of).map(StoredRow::Position)
                })?;
            }
            Stream::Users => {
                table(users::BALANCE, "user_id, asset_id", &mut |row, of| {
                    users::balance(row, of).map(StoredRow::Balance)
                })?;
                table(users::CREDIT_LIMIT, "user_id, asset_id", &mut |row, of| {
                    users::credit_limit(row, of).map(StoredRow::CreditLimit)
                })?;
                table(users::LEDGER, "rowid", &mut |row, of| users::ledger(row, of).map(StoredRow::Ledger))?;
                table(users::WITHDRAWAL, "withdrawal_id", &mut |row, of| {
                    users::withdrawal(row, of).map(StoredRow::Withdrawal)
                })?;
            }
            Stream::Trades => {
                table(archive::TRADE, "symbol_id, trade_id", &mut |row, of| {
                    archive::trade(row, of).map(StoredRow::Trade)
                })?;
            }
            Stream::Audit => table(archive::AUDIT, "seq", &mut |row, _| archive::audit(row).map(StoredRow::Audit))?,
            Stream::Klines
            | Stream::HistoricalPositions
            | Stream::MarketSnapshots
            | Stream::Leaderboards
            | Stream::Analytics => derived_rows(stream, &mut table)?,
        }
        Ok(checkpoint)
    }
}

/// The tables of a derived stream.
fn derived_rows(
    stream: Stream,
    table: &mut dyn FnMut(&str, &str, &mut Decode<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    match stream {
        Stream::Klines => table(derived::KLINE, "symbol_id, bucket_seconds, bucket_start", &mut |row, of| {
            derived::kline(row, of).map(StoredRow::Kline)
        })?,
        Stream::HistoricalPositions => {
            table(derived::POSITION, "bucket_seconds, bucket_start, user_id, symbol_id", &mut |row, of| {
                derived::position(row, of).map(StoredRow::PositionHistory)
            })?;
        }
        Stream::MarketSnapshots => {
            table(derived::SNAPSHOT, "symbol_id, bucket_seconds, bucket_start", &mut |row, of| {
                derived::snapshot(row, of).map(StoredRow::MarketSnapshot)
            })?;
        }
        Stream::Leaderboards => table(derived::LEADERBOARD, "1, 2, 3, 4, 5", &mut |row, of| {
            derived::leaderboard(row, of).map(StoredRow::Leaderboard)
        })?,
        Stream::Analytics => {
            table(derived::ANALYTICS, "1, 2, 3, 4", &mut |row, of| {
                derived::analytics(row, of).map(StoredRow::Analytics)
            })?;
            table(derived::ACTIVE_USER, "1, 2, 3, 4, 5", &mut |row, _| {
                derived::active_user(row).map(StoredRow::ActiveUser)
            })?;
        }
        Stream::Reference | Stream::Symbols | Stream::Users | Stream::Trades | Stream::Audit => {}
    }
    Ok(())
}

type Decode<'a> = dyn FnMut(&Row<'_>, &mut Scales<'_>) -> Result<StoredRow, Fault> + 'a;

fn each(
    connection: &Connection,
    sql: &str,
    scales: &mut Scales<'_>,
    decode: &mut Decode<'_>,
    visit: &mut dyn FnMut(StoredRow),
) -> Result<(), Fault> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        visit(decode(row, scales).map_err(Fault::of_a_stored_row)?);
    }
    Ok(())
}
