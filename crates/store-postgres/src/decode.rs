//! Tables into rows. What is read was written here, so anything that does not fit is damage, and said so.

pub(crate) mod reference;
pub(crate) mod symbols;
pub(crate) mod users;

use domain::ids::EventId;
use domain::instrument::Step;
use domain::text::Text;
use domain::units::{Amount, Seq};
use projector::decimal;
use projector::words::Word;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::fault::Fault;
use crate::units::{self, Units};

/// The columns of a row, one after the other, and the units its numbers are in.
#[derive(Debug)]
pub(crate) struct Columns<'a> {
    row: &'a Row,
    next: usize,
    pub(crate) units: &'a Units,
}

impl<'a> Columns<'a> {
    pub(crate) const fn of(row: &'a Row, units: &'a Units) -> Self {
        Self { row, next: 0, units }
    }

    /// A column of a type that PostgreSQL has.
    pub(crate) fn get<T: FromSql<'a>>(&mut self) -> Result<T, Fault> {
        let column = self.next;
        self.next += 1;
        self.row
            .try_get(column)
            .map_err(|error| Fault::Content(format!("column {column}: {}", projector::fault::chain(&error))))
    }

    pub(crate) fn long(&mut self) -> Result<u64, Fault> {
        Ok(self.get::<i64>()?.cast_unsigned())
    }

    pub(crate) fn long_or_none(&mut self) -> Result<Option<u64>, Fault> {
        Ok(self.get::<Option<i64>>()?.map(i64::cast_unsigned))
    }

    /// An id, or a rate in millionths.
    pub(crate) fn small(&mut self) -> Result<u32, Fault> {
        units::id(self.get()?)
    }

    pub(crate) fn small_or_none(&mut self) -> Result<Option<u32>, Fault> {
        self.get::<Option<i32>>()?.map(units::id).transpose()
    }

    pub(crate) fn scale(&mut self) -> Result<u8, Fault> {
        units::scale(self.get()?)
    }

    pub(crate) fn step(&mut self) -> Result<Step, Fault> {
        Ok(Step { mantissa: units::mantissa(self.str()?)?, scale: self.scale()? })
    }

    pub(crate) fn event(&mut self) -> Result<EventId, Fault> {
        Ok(EventId { seq: Seq(self.long()?), index: self.small()? })
    }

    pub(crate) fn str(&mut self) -> Result<&'a str, Fault> {
        self.get()
    }

    pub(crate) fn word<T: Word>(&mut self) -> Result<T, Fault> {
        let word = self.str()?;
        T::of_word(word).ok_or_else(|| Fault::Content(format!("the word {word:?}")))
    }

    pub(crate) fn word_or_none<T: Word>(&mut self) -> Result<Option<T>, Fault> {
        let Some(word) = self.get::<Option<&str>>()? else { return Ok(None) };
        T::of_word(word).map(Some).ok_or_else(|| Fault::Content(format!("the word {word:?}")))
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
        self.get::<Option<&str>>()?.map(|text| amount(text, scale)).transpose()
    }

    pub(crate) fn steps(&mut self, step: Step) -> Result<u64, Fault> {
        units::steps(self.str()?, step)
    }

    pub(crate) fn steps_or_none(&mut self, step: Step) -> Result<Option<u64>, Fault> {
        self.get::<Option<&str>>()?.map(|text| units::steps(text, step)).transpose()
    }
}

pub(crate) fn amount(text: &str, scale: u8) -> Result<Amount, Fault> {
    decimal::parse(text, scale).ok_or_else(|| Fault::Content(format!("the amount {text:?} of {scale} decimals")))
}
