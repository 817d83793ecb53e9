//! All rows of a stream, from one snapshot.

use domain::ids::{Checkpoint, OrderId};
use projector::batch::Stream;
use projector::store::{ReadStream, StoreError, StoredRow};
use tokio_postgres::{IsolationLevel, Transaction};

use crate::decode::symbols::{select_fills, select_orders};
use crate::decode::users::select_ledger;
use crate::decode::{Columns, reference, symbols, users};
use crate::fault::Fault;
use crate::store::{PostgresStore, checkpoint};
use crate::units::Units;

/// Rows that are fetched at once, and held in memory.
const FETCH_ROWS: i32 = 4_096;

impl ReadStream for PostgresStore {
    fn read_stream(
        &mut self,
        stream: Stream,
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<Option<Checkpoint>, StoreError> {
        self.holds(stream)?;
        let read = self.read_rows(stream, visit);
        Ok(self.conclude(read)?)
    }
}

impl PostgresStore {
    fn read_rows(&mut self, stream: Stream, visit: &mut dyn FnMut(StoredRow)) -> Result<Option<Checkpoint>, Fault> {
        self.link()?.run_long(async |session| {
            let begin =
                session.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
            let transaction = begin.start().await?;
            // As long as there are rows; and tables are read whole here.
            let settings = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
                            SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on";
            transaction.batch_execute(settings).await?;
            let checkpoint = checkpoint(transaction.client(), stream).await?;
            let mut units = Units::default();
            units.read(transaction.client()).await?;
            let mut reader = Reader { transaction, units, visit };
            reader.stream(stream).await?;
            reader.transaction.rollback().await?;
            Ok(checkpoint)
        })
    }
}

/// Reads tables in one transaction.
struct Reader<'a> {
    transaction: Transaction<'a>,
    units: Units,
    visit: &'a mut dyn FnMut(StoredRow),
}

type Decode = fn(&mut Columns<'_>) -> Result<StoredRow, Fault>;

impl Reader<'_> {
    async fn stream(&mut self, stream: Stream) -> Result<(), Fault> {
        match stream {
            Stream::Reference => {
                self.table(reference::VENUE, |row| reference::venue(row).map(StoredRow::Venue)).await?;
                self.table(reference::ASSETS, |row| reference::asset(row).map(StoredRow::Asset)).await?;
                self.table(reference::SYMBOLS, |row| reference::symbol(row).map(StoredRow::Symbol)).await?;
                self.table(reference::USERS, |row| reference::user(row).map(StoredRow::User)).await?;
                self.table(reference::KEYS, |row| reference::key(row).map(StoredRow::Key)).await
            }
            Stream::Symbols => {
                self.table(select_orders!("ORDER BY order_id"), |row| symbols::order(row).map(StoredRow::Order))
                    .await?;
                self.table("SELECT order_id FROM open_orders ORDER BY order_id", |row| {
                    Ok(StoredRow::OpenOrder(OrderId(row.long()?)))
                })
                .await?;
                let fills = select_fills!("ORDER BY seq, event_index");
                self.table(fills, |row| symbols::fill(row).map(StoredRow::Fill)).await?;
                self.table(symbols::POSITIONS, |row| symbols::position(row).map(StoredRow::Position)).await?;
                self.table(symbols::TENURES, |row| symbols::tenure(row).map(StoredRow::SymbolTenure)).await
            }
            Stream::Users => {
                self.table(users::BALANCES, |row| users::balance(row).map(StoredRow::Balance)).await?;
                self.table(users::CREDIT_LIMITS, |row| users::credit_limit(row).map(StoredRow::CreditLimit)).await?;
                let ledger = select_ledger!("ORDER BY seq, event_index, leg");
                self.table(ledger, |row| users::ledger(row).map(StoredRow::Ledger)).await?;
                self.table(users::WITHDRAWALS, |row| users::withdrawal(row).map(StoredRow::Withdrawal)).await?;
                self.table(users::TENURES, |row| users::tenure(row).map(StoredRow::UserTenure)).await
            }
            Stream::Trades
            | Stream::Audit
            | Stream::Klines
            | Stream::HistoricalPositions
            | Stream::MarketSnapshots
            | Stream::Leaderboards
            | Stream::Analytics => Err(Fault::Misuse("PostgreSQL holds no archive".into())),
        }
    }

    async fn table(&mut self, sql: &str, decode: Decode) -> Result<(), Fault> {
        let cursor = self.transaction.bind(sql, &[]).await?;
        loop {
            let rows = self.transaction.query_portal(&cursor, FETCH_ROWS).await?;
            for row in &rows {
                let decoded = decode(&mut Columns::of(row, &self.units));
                (self.visit)(decoded.map_err(Fault::of_a_stored_row)?);
            }
            if rows.is_empty() {
                return Ok(());
            }
        }
    }
}
