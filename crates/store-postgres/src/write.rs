//! Rows into tables, inside the transaction of their batch. What is only added goes by COPY, in which a key that is there is an error;
//! what is changed goes as arrays, and only over rows that are older.

pub(crate) mod reference;
pub(crate) mod symbols;
pub(crate) mod users;

use domain::units::Amount;
use projector::decimal;

use crate::fault::Fault;

/// PostgreSQL has signed integers; sequences, times and ids are far from the last bit.
pub(crate) const fn int(value: u64) -> i64 {
    value.cast_signed()
}

/// A bound that somebody asked for, which may be anything: past the last there can be, it is behind all rows.
pub(crate) fn asked(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Ids below 2^31; see the limits of `domain`.
pub(crate) fn small(value: u32) -> Result<i32, Fault> {
    i32::try_from(value).map_err(|error| Fault::Misuse(format!("{value}: {error}")))
}

/// Decimals, as text that PostgreSQL turns into NUMERIC.
#[derive(Debug, Default)]
pub(crate) struct Decimals(Vec<String>);

impl Decimals {
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    pub(crate) fn push(&mut self, amount: Amount, scale: u8) {
        self.0.push(decimal::text(amount, scale));
    }

    pub(crate) fn texts(&self) -> &[String] {
        &self.0
    }
}

/// A statement that must find all of its rows: the checkpoint says that they were written, and earlier.
pub(crate) fn all_written(written: u64, rows: usize, table: &str) -> Result<(), Fault> {
    if u64::try_from(rows) == Ok(written) {
        return Ok(());
    }
    Err(Fault::NotOlder(format!("{table}: {written} of {rows} rows could be written")))
}
