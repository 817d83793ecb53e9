//! Tables into rows. What is read was written here, so anything that does not fit is damage, and said so.

pub(crate) mod reference;
pub(crate) mod symbols;
pub(crate) mod users;
pub(crate) mod archive;
pub(crate) mod derived;

use domain::ids::EventId;
use domain::text::Text;
use domain::units::{Amount, Seq};
use projector::decimal;
use projector::words::Word;
use rusqlite::types::{FromSql, ValueRef};
use rusqlite::{Connection, Row};

use crate::fault::Fault;
use crate::units::Units;

/// Where the amounts of a file get their decimals from.
#[derive(Debug)]
pub(crate) struct Scales<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) units: &'a mut Units,
}

/// The columns of a row, one after the other.
#[derive(Debug)]
pub(crate) struct Columns<'a> {
    row: &'a Row<'a>,
    next: usize,
}

impl<'a> Columns<'a> {
    pub(crate) const fn of(row: &'a Row<'a>) -> Self {
        Self { row, next: 0 }
    }

    /// A column of a type that SQLite has.
    pub(crate) fn get<T: FromSql>(&mut self) -> Result<T, Fault> {
        let column = self.next;
        self.next += 1;
        Ok(self.row.get(column)?)
    }

    pub(crate) fn long(&mut self) -> Result<u64, Fault> {
        Ok(self.get::<i64>()?.cast_unsigned())
    }

    pub(crate) fn long_or_none(&mut self) -> Result<Option<u64>, Fault> {
        Ok(self.get::<Option<i64>>()?.map(i64::cast_unsigned))
    }

    pub(crate) fn event(&mut self) -> Result<EventId, Fault> {
        Ok(EventId { seq: Seq(self.long()?), index: self.get()? })
    }

    pub(crate) fn str(&mut self) -> Result<&'a str, Fault> {
        let column = self.next;
        self.next += 1;
        self.row.get_ref(column)?.as_str().map_err(|error| Fault::Content(format!("column {column}: {error}")))
    }

    pub(crate) fn word<T: Word>(&mut self) -> Result<T, Fault> {
        let word = self.str()?;
        T::of_word(word).ok_or_else(|| Fault::Content(format!("the word {word:?}")))
    }

    pub(crate) fn word_or_none<T: Word>(&mut self) -> Result<Option<T>, Fault> {
        if self.skip_null()? { Ok(None) } else { self.word().map(Some) }
    }

    pub(crate) fn text<const N: usize>(&mut self) -> Result<Text<N>, Fault> {
        let text = self.str()?;
        Text::new(text).map_err(|error| Fault::Content(format!("the text {text:?} {error}")))
    }

    pub(crate) fn amount(&mut self, scale: u8) -> Result<Amount, Fault> {
        let text = self.str()?;
        amount(text, scale)
    }

    pub(crate) fn amount_or_none(&mut self, scale: u8) -> Result<Option<Amount>, Fault> {
        if self.skip_null()? { Ok(None) } else { self.amount(scale).map(Some) }
    }

    fn skip_null(&mut self) -> Result<bool, Fault> {
        let null = matches!(self.row.get_ref(self.next)?, ValueRef::Null);
        self.next += usize::from(null);
        Ok(null)
    }
}

fn amount(text: &str, scale: u8) -> Result<Amount, Fault> {
    decimal::parse(text, scale).ok_or_else(|| Fault::Content(format!("the amount {text:?} of {scale} decimals")))
}
