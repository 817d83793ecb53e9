//! A store in memory, without transactions: the model of a document database. Each row is written on its own and the
//! checkpoint last, so a commit can stop between any two writes. What makes a repetition harmless: keys are a function of
//! the events, an added row meets itself, and a state row never goes back to an earlier sequence. So between two commits a row
//! may be newer than the checkpoint, never older.

mod tables;

use std::collections::BTreeMap;
use std::time::Duration;

use domain::ids::Checkpoint;

use crate::batch::{Batch, ReferenceRows, Rows, Stream, SymbolsRows, UsersRows};
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

impl Store for MemoryStore {
    fn checkpoint(&mut self, stream: Stream) -> Result<Option<Checkpoint>, StoreError> {
        Ok(self.checkpoints.get(&stream).copied())
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
        }
        Ok(self.checkpoints.get(&stream).copied())
    }
}
