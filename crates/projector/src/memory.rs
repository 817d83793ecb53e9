//! A store in memory, without transactions: the model of a document database. Each row is written on its own and the
//! checkpoint last, so a commit can stop between any two writes. What makes a repetition harmless: keys are a function of
//! the events, an added row meets itself, and a state row never goes back to an earlier sequence. So between two commits a row
//! may be newer than the checkpoint, never older.

mod tables;

use std::collections::BTreeMap;
use std::time::Duration;

use domain::ids::Checkpoint;

use crate::batch::{Batch, ReferenceRows, Rows, Stream, SymbolsRows, UsersRows};
use crate::buckets::Bucket;
use crate::store::{Divergence, Outcome, ReadStream, Store, StoreError, StoredRow, Verdict, judge};
use tables::{Tables, WriteError};

/// What an interrupted commit asks for.
const RETRY_AFTER: Duration = Duration::from_millis(1);

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    tables: Tables,
    checkpoints: BTreeMap<Stream, Checkpoint>,
}

impl MemoryStore {
    /// From now on each commit stops after so many writes (the checkpoint is the last), or runs through.
    pub const fn interrupt_after(&mut self, writes: Option<u64>) {
        self.tables.writes_max = writes;
    }

    /// Gives away the rows that no later batch changes: closed orders, fills, movements of money, trades, audit records.
    pub fn take_settled(&mut self, visit: &mut dyn FnMut(StoredRow)) {
        let tables = &mut self.tables;
        tables.orders.take(|row| !row.status.is_open(), |row| visit(StoredRow::Order(row)));
        tables.fills.take(|_| true, |row| visit(StoredRow::Fill(row)));
        tables.ledger.take(|_| true, |row| visit(StoredRow::Ledger(row)));
        tables.trades.take(|_| true, |row| visit(StoredRow::Trade(row)));
        tables.audit.take(|_| true, |row| visit(StoredRow::Audit(row)));
    }

    fn write(&mut self, batch: &Batch) -> Result<(), WriteError> {
        self.tables.writes = 0;
        match &batch.rows {
            Rows::Reference(rows) => self.reference(rows)?,
            Rows::Symbols(rows) => self.symbols(rows)?,
            Rows::Users(rows) => self.users(rows)?,
            Rows::Trades(rows) => {
                for row in rows {
                    self.tables.write(|tables| tables.trades.add(row.id, row))?;
                }
            }
            Rows::Audit(rows) => {
                for row in rows {
                    self.tables.write(|tables| tables.audit.add(row.seq, row))?;
                }
            }
            Rows::Klines(_)
            | Rows::HistoricalPositions(_)
            | Rows::MarketSnapshots(_)
            | Rows::Leaderboards(_)
            | Rows::Analytics(_) => self.derived(&batch.rows)?,
        }
        self.tables.write(|_| Ok(()))?;
        self.checkpoints.insert(batch.stream(), batch.to);
        Ok(())
    }

    fn reference(&mut self, rows: &ReferenceRows) -> Result<(), WriteError> {
        let tables = &mut self.tables;
        if let Some(row) = &rows.venue {
            tables.write(|tables| tables.venue.put((), row))?;
        }
        for row in &rows.assets {
            tables.write(|tables| tables.assets.put(row.asset.id, row))?;
        }
        for row in &rows.symbols {
            tables.write(|tables| tables.symbols.put(row.instrument.id(), row))?;
        }
        for change in &rows.symbols_changed {
            tables.write(|tables| tables.symbols.change(&change.symbol, change.last_seq, |row| row.change(change)))?;
        }
        for row in &rows.users {
            tables.write(|tables| tables.users.put(row.user, row))?;
        }
        for change in &rows.users_changed {
            tables.write(|tables| tables.users.change(&change.user, change.last_seq, |row| row.change(change)))?;
        }
        for row in &rows.keys {
            tables.write(|tables| tables.keys.put(row.key, row))?;
        }
        for revoked in &rows.keys_revoked {
            tables.write(|tables| tables.keys.change(&revoked.key, revoked.last_seq, |row| row.revoke(revoked)))?;
        }
        Ok(())
    }

    fn symbols(&mut self, rows: &SymbolsRows) -> Result<(), WriteError> {
        let tables = &mut self.tables;
        for row in &rows.placed {
            tables.write(|tables| tables.orders.put(row.order, row))?;
            tables.write(|tables| tables.open_or_not(row.order))?;
        }
        for change in &rows.changed {
            tables.write(|tables| tables.orders.change(&change.order, change.last_seq, |row| row.change(change)))?;
            tables.write(|tables| tables.open_or_not(change.order))?;
        }
        for row in &rows.fills {
            tables.write(|tables| tables.fills.add(row.id, row))?;
        }
        for row in &rows.positions {
            tables.write(|tables| tables.positions.put((row.user, row.symbol), row))?;
        }
        for row in &rows.tenures {
            tables.write(|tables| tables.symbol_tenures.add((row.symbol, row.from), row))?;
        }
        Ok(())
    }

    fn users(&mut self, rows: &UsersRows) -> Result<(), WriteError> {
        let tables = &mut self.tables;
        for row in &rows.balances {
            tables.write(|tables| tables.balances.put((row.user, row.asset), row))?;
        }
        for row in &rows.credit_limits {
            tables.write(|tables| tables.credit_limits.put((row.user, row.asset), row))?;
        }
        for row in &rows.ledger {
            tables.write(|tables| tables.ledger.add((row.id, row.leg), row))?;
        }
        for row in &rows.withdrawals {
            tables.write(|tables| tables.withdrawals.put(row.withdrawal, row))?;
        }
        for row in &rows.tenures {
            tables.write(|tables| tables.user_tenures.add((row.user, row.from), row))?;
        }
        Ok(())
    }
}

impl MemoryStore {
    fn derived(&mut self, rows: &Rows) -> Result<(), WriteError> {
        let tables = &mut self.tables;
        match rows {
            Rows::Klines(rows) => {
                for row in rows {
                    tables.write(|tables| tables.klines.put((row.symbol, row.bucket), row))?;
                }
            }
            Rows::HistoricalPositions(rows) => {
                for row in rows {
                    let key = (row.bucket, row.user, row.symbol);
                    tables.write(|tables| tables.position_history.put(key, row))?;
                }
            }
            Rows::MarketSnapshots(rows) => {
                for row in rows {
                    tables.write(|tables| tables.market_snapshots.put((row.symbol, row.bucket), row))?;
                }
            }
            Rows::Leaderboards(rows) => {
                for row in rows {
                    tables.write(|tables| tables.leaderboards.put((row.scope, row.bucket, row.user), row))?;
                }
            }
            Rows::Analytics(rows) => {
                for row in &rows.analytics {
                    tables.write(|tables| tables.analytics.put((row.scope, row.bucket), row))?;
                }
                for row in &rows.active_users {
                    tables.write(|tables| tables.active_users.add((row.scope, row.bucket, row.user), row))?;
                }
            }
            Rows::Reference(_) | Rows::Symbols(_) | Rows::Users(_) | Rows::Trades(_) | Rows::Audit(_) => {
                unreachable!("not derived")
            }
        }
        Ok(())
    }
}

impl Store for MemoryStore {
    fn checkpoint(&mut self, stream: Stream) -> Result<Option<Checkpoint>, StoreError> {
        Ok(self.checkpoints.get(&stream).copied())
    }

    fn recall(
        &mut self,
        stream: Stream,
        buckets: &[Bucket],
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<(), StoreError> {
        let of_buckets = |row: &StoredRow| bucket_of(row).is_some_and(|bucket| buckets.contains(&bucket));
        self.visit(stream, &mut |row| {
            if of_buckets(&row) {
                visit(row);
            }
        });
        Ok(())
    }

    fn commit(&mut self, batch: &Batch) -> Outcome {
        match judge(self.checkpoints.get(&batch.stream()), batch) {
            Verdict::Answer(outcome) => outcome,
            Verdict::Write => match self.write(batch) {
                Ok(()) => Outcome::Committed,
                Err(WriteError::Interrupted) => Outcome::Retry(RETRY_AFTER),
                Err(WriteError::Other(key)) => Outcome::Diverged(Divergence::Row(key)),
                Err(WriteError::Missing(key)) => Outcome::Fatal(format!("there is no row {key} to change")),
            },
        }
    }
}

impl ReadStream for MemoryStore {
    fn read_stream(
        &mut self,
        stream: Stream,
        visit: &mut dyn FnMut(StoredRow),
    ) -> Result<Option<Checkpoint>, StoreError> {
        self.visit(stream, visit);
        Ok(self.checkpoints.get(&stream).copied())
    }
}

impl MemoryStore {
    fn visit(&self, stream: Stream, visit: &mut dyn FnMut(StoredRow)) {
        let tables = &self.tables;
        match stream {
            Stream::Reference => {
                tables.venue.visit(|row| visit(StoredRow::Venue(*row)));
                tables.assets.visit(|row| visit(StoredRow::Asset(*row)));
                tables.symbols.visit(|row| visit(StoredRow::Symbol(*row)));
                tables.users.visit(|row| visit(StoredRow::User(*row)));
                tables.keys.visit(|row| visit(StoredRow::Key(row.clone())));
            }
            Stream::Symbols => {
                tables.orders.visit(|row| visit(StoredRow::Order(*row)));
                tables.open_orders.iter().for_each(|order| visit(StoredRow::OpenOrder(*order)));
                tables.fills.visit(|row| visit(StoredRow::Fill(*row)));
                tables.positions.visit(|row| visit(StoredRow::Position(*row)));
                tables.symbol_tenures.visit(|row| visit(StoredRow::SymbolTenure(*row)));
            }
            Stream::Users => {
                tables.balances.visit(|row| visit(StoredRow::Balance(*row)));
                tables.credit_limits.visit(|row| visit(StoredRow::CreditLimit(*row)));
                tables.ledger.visit(|row| visit(StoredRow::Ledger(*row)));
                tables.withdrawals.visit(|row| visit(StoredRow::Withdrawal(*row)));
                tables.user_tenures.visit(|row| visit(StoredRow::UserTenure(*row)));
            }
            Stream::Trades => tables.trades.visit(|row| visit(StoredRow::Trade(*row))),
            Stream::Audit => tables.audit.visit(|row| visit(StoredRow::Audit(row.clone()))),
            Stream::Klines => tables.klines.visit(|row| visit(StoredRow::Kline(*row))),
            Stream::HistoricalPositions => {
                tables.position_history.visit(|row| visit(StoredRow::PositionHistory(*row)));
            }
            Stream::MarketSnapshots => {
                tables.market_snapshots.visit(|row| visit(StoredRow::MarketSnapshot(row.clone())));
            }
            Stream::Leaderboards => tables.leaderboards.visit(|row| visit(StoredRow::Leaderboard(*row))),
            Stream::Analytics => {
                tables.analytics.visit(|row| visit(StoredRow::Analytics(*row)));
                tables.active_users.visit(|row| visit(StoredRow::ActiveUser(*row)));
            }
        }
    }
}

fn bucket_of(row: &StoredRow) -> Option<Bucket> {
    match row {
        StoredRow::Kline(row) => Some(row.bucket),
        StoredRow::PositionHistory(row) => Some(row.bucket),
        StoredRow::MarketSnapshot(row) => Some(row.bucket),
        StoredRow::Leaderboard(row) => Some(row.bucket),
        StoredRow::Analytics(row) => Some(row.bucket),
        StoredRow::ActiveUser(row) => Some(row.bucket),
        StoredRow::Venue(_)
        | StoredRow::Asset(_)
        | StoredRow::Symbol(_)
        | StoredRow::User(_)
        | StoredRow::Key(_)
        | StoredRow::Order(_)
        | StoredRow::OpenOrder(_)
        | StoredRow::Fill(_)
        | StoredRow::Position(_)
        | StoredRow::Balance(_)
        | StoredRow::CreditLimit(_)
        | StoredRow::Ledger(_)
        | StoredRow::Withdrawal(_)
        | StoredRow::Trade(_)
        | StoredRow::Audit(_)
        | StoredRow::SymbolTenure(_)
        | StoredRow::UserTenure(_) => None,
    }
}
