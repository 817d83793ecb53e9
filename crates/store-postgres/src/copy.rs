//! Rows as the text that COPY takes: a line for each, columns between tabs.

use std::pin::pin;

use bytes::Bytes;
use domain::units::Amount;
use futures_util::SinkExt as _;
use projector::decimal;
use tokio_postgres::{Client, Statement};

use crate::fault::Fault;

/// Lines of one table.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    text: String,
    count: u64,
}

impl Lines {
    pub(crate) fn with_capacity(rows: usize, row_bytes: usize) -> Self {
        Self { text: String::with_capacity(rows * row_bytes), count: 0 }
    }

    pub(crate) fn whole(&mut self, number: u64) -> &mut Self {
        decimal::write_whole(&mut self.text, number);
        self.end()
    }

    pub(crate) fn whole_or_null(&mut self, number: Option<u64>) -> &mut Self {
        match number {
            Some(number) => self.whole(number),
            None => self.null(),
        }
    }

    pub(crate) fn decimal(&mut self, amount: Amount, scale: u8) -> &mut Self {
        decimal::write(&mut self.text, amount, scale);
        self.end()
    }

    pub(crate) fn flag(&mut self, flag: bool) -> &mut Self {
        self.text.push(if flag { 't' } else { 'f' });
        self.end()
    }

    /// A word of ours: it has nothing to escape.
    pub(crate) fn word(&mut self, word: &'static str) -> &mut Self {
        self.text.push_str(word);
        self.end()
    }

    pub(crate) fn word_or_null(&mut self, word: Option<&'static str>) -> &mut Self {
        match word {
            Some(word) => self.word(word),
            None => self.null(),
        }
    }

    /// Text from outside.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        for letter in text.chars() {
            match letter {
                '\\' => self.text.push_str("\\\\"),
                '\t' => self.text.push_str("\\t"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                _ => self.text.push(letter),
            }
        }
        self.end()
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        self.text.push_str("\\\\x");
        for byte in bytes {
            self.text.push(DIGITS[usize::from(byte >> 4)]);
            self.text.push(DIGITS[usize::from(byte & 15)]);
        }
        self.end()
    }

    pub(crate) fn null(&mut self) -> &mut Self {
        self.text.push_str("\\N");
        self.end()
    }

    /// The row is complete.
    pub(crate) fn end_row(&mut self) {
        assert_eq!(self.text.pop(), Some('\t'), "a row has columns");
        self.text.push('\n');
        self.count += 1;
    }

    /// Sends the rows.
    pub(crate) async fn send(self, client: &Client, copy: &Statement) -> Result<(), Fault> {
        if self.count == 0 {
            return Ok(());
        }
        let count = self.count;
        let mut sink = pin!(client.copy_in::<_, Bytes>(copy).await?);
        sink.send(Bytes::from(self.text)).await?;
        let copied = sink.finish().await?;
        assert_eq!(copied, count, "the server took other rows than were sent");
        Ok(())
    }

    fn end(&mut self) -> &mut Self {
        self.text.push('\t');
        self
    }
}
