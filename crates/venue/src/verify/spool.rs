//! Prints of rows, sorted by key, on disk where they are many: any number of rows is compared in the same memory.
//!
//! Full buffers are sorted and written to files that have no name and go with the process; at the end all are merged.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use domain::ids::{OrderId, SymbolId, UserId};
use domain::shards::Subject;
use domain::units::{Seq, UnixNanos};
use projector::rows::LedgerRow;
use projector::store::StoredRow;

use super::compare::untimed;
use super::holdings::plain_subject;
use super::key::{RowKey, Table, key_of};
use crate::stores::member::Role;

/// Prints in memory, for each stream of each store: about 20 MB.
const BUFFER_PRINTS: usize = 256 << 10;
/// Prints that are read at once.
const READ_PRINTS: u64 = 1_024;
const HASH_BYTES: usize = 16;
const PRINT_BYTES: usize = 1 + 3 * 8 + 2 * HASH_BYTES + 1 + 8 + 1 + 4 + 1 + 1 + 8;

/// What is compared of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Print {
    pub(crate) key: RowKey,
    /// Of the whole row.
    pub(crate) whole: [u8; HASH_BYTES],
    /// Of the row without what a state does not say.
    pub(crate) untimed: [u8; HASH_BYTES],
    /// The last command that wrote it, where the row says so.
    pub(crate) last_seq: Option<Seq>,
    /// What it is a row of, where shards own it.
    pub(crate) subject: Option<Subject>,
    /// When it may be removed, where it may.
    pub(crate) expires_at: Option<UnixNanos>,
    /// Which files keep such a row: one bit each.
    kept_by: u8,
}

impl Print {
    fn of(row: &StoredRow, subject: Option<Subject>) -> Self {
        let kept_by = u8::from(Role::Hot.keeps(row)) | (u8::from(Role::Archive.keeps(row)) << 1);
        let (key, whole) = (key_of(row), hash(row));
        let untimed = if key.0.never_changes() { whole } else { hash(&untimed(row.clone())) };
        let expires_at = if let StoredRow::MarketSnapshot(row) = row { Some(row.expires_at) } else { None };
        Self { key, whole, untimed, last_seq: row.last_seq(), subject, expires_at, kept_by }
    }

    pub(crate) const fn is_kept_by(&self, role: Role) -> bool {
        match role {
            Role::Hot => self.kept_by & 1 != 0,
            Role::Archive => self.kept_by & 2 != 0,
        }
    }

    fn to_bytes(self) -> [u8; PRINT_BYTES] {
        let (table, a, b, c) = self.key;
        let (kind, id) = match self.subject {
            None => (0, 0),
            Some(Subject::Symbol(symbol)) => (1, symbol.0),
            Some(Subject::User(user)) => (2, user.0),
        };
        let mut bytes = Vec::with_capacity(PRINT_BYTES);
        bytes.push(table as u8);
        bytes.extend([a, b, c].iter().flat_map(|part| part.to_le_bytes()));
        bytes.extend(self.whole);
        bytes.extend(self.untimed);
        bytes.push(u8::from(self.last_seq.is_some()));
        bytes.extend(self.last_seq.unwrap_or_default().0.to_le_bytes());
        bytes.push(kind);
        bytes.extend(id.to_le_bytes());
        bytes.push(self.kept_by);
        bytes.push(u8::from(self.expires_at.is_some()));
        bytes.extend(self.expires_at.unwrap_or(UnixNanos(0)).0.to_le_bytes());
        bytes.try_into().expect("the parts of a print have its size")
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let hash = |at: usize| bytes[at..at + HASH_BYTES].try_into().expect("as many bytes as a hash has");
        let id = u32::from_le_bytes(bytes[67..71].try_into().expect("four bytes"));
        Self {
            key: (Table::ALL[usize::from(bytes[0])], number(1), number(9), number(17)),
            whole: hash(25),
            untimed: hash(41),
            last_seq: (bytes[57] == 1).then(|| Seq(number(58))),
            subject: match bytes[66] {
                0 => None,
                1 => Some(Subject::Symbol(SymbolId(id))),
                _ => Some(Subject::User(UserId(id))),
            },
            expires_at: (bytes[72] == 1).then(|| UnixNanos(number(73))),
            kept_by: bytes[71],
        }
    }
}

/// Rows are equal where all that they show is.
fn hash(row: &StoredRow) -> [u8; HASH_BYTES] {
    let mut hasher = blake3::Hasher::new();
    write!(hasher, "{row:?}").expect("a hash takes everything");
    *hasher.finalize().as_bytes().first_chunk().expect("a hash is longer")
}

/// Makes prints of rows that come as a store is visited: table by table, by key.
#[derive(Debug, Default)]
pub(crate) struct Printer {
    /// Symbols of open orders: the mark of an open order does not say.
    symbols: BTreeMap<OrderId, SymbolId>,
    /// One side of a movement, until the other comes.
    side: Option<LedgerRow>,
}

impl Printer {
    /// A row; what can be printed by now goes to `print`.
    pub(crate) fn take(&mut self, row: &StoredRow, print: &mut dyn FnMut(Print) -> io::Result<()>) -> io::Result<()> {
        if let StoredRow::Ledger(row) = row {
            return self.movement(*row, print);
        }
        self.end(print)?;
        if let StoredRow::Order(row) = row
            && row.status.is_open()
        {
            self.symbols.insert(row.order, row.symbol);
        }
        let mut subject = plain_subject(row);
        if let StoredRow::OpenOrder(order) = row {
            subject = self.symbols.get(order).copied().map(Subject::Symbol);
        }
        print(Print::of(row, subject))
    }

    /// Nothing more comes.
    pub(crate) fn end(&mut self, print: &mut dyn FnMut(Print) -> io::Result<()>) -> io::Result<()> {
        match self.side.take() {
            Some(row) => print(Print::of(&StoredRow::Ledger(row), row.user.map(Subject::User))),
            None => Ok(()),
        }
    }

    /// The world outside is nobody's: its side of a movement is the other side's.
    fn movement(&mut self, row: LedgerRow, print: &mut dyn FnMut(Print) -> io::Result<()>) -> io::Result<()> {
        let Some(side) = self.side.take_if(|side| side.id == row.id && side.leg == row.leg ^ 1) else {
            self.end(print)?;
            self.side = Some(row);
            return Ok(());
        };
        for (row, other) in [(side, row), (row, side)] {
            print(Print::of(&StoredRow::Ledger(row), row.user.or(other.user).map(Subject::User)))?;
        }
        Ok(())
    }
}

/// Takes prints in any order.
#[derive(Debug)]
pub(crate) struct Spool {
    buffer: Vec<Print>,
    buffer_prints: usize,
    runs: Vec<(Arc<File>, u64)>,
}

impl Default for Spool {
    fn default() -> Self {
        Self::with_buffer(BUFFER_PRINTS)
    }
}

impl Spool {
    fn with_buffer(buffer_prints: usize) -> Self {
        Self { buffer: Vec::new(), buffer_prints, runs: Vec::new() }
    }

    pub(crate) fn push(&mut self, print: Print) -> io::Result<()> {
        self.buffer.push(print);
        if self.buffer.len() < self.buffer_prints {
            return Ok(());
        }
        self.buffer.sort_unstable_by_key(|print| print.key);
        let count = u64::try_from(self.buffer.len()).expect("a count");
        let mut run = BufWriter::new(tempfile::tempfile()?);
        for print in self.buffer.drain(..) {
            run.write_all(&print.to_bytes())?;
        }
        let run = run.into_inner().map_err(io::IntoInnerError::into_error)?;
        self.runs.push((Arc::new(run), count));
        Ok(())
    }

    /// All that came so far, and some more, by key.
    pub(crate) fn sorted(&self, more: Vec<Print>) -> io::Result<Sorted> {
        let mut rest = [&self.buffer[..], &more[..]].concat();
        drop(more);
        rest.sort_unstable_by_key(|print| print.key);
        let runs = self.runs.iter().map(|(file, count)| Run {
            file: Some(Arc::clone(file)),
            read: 0,
            count: *count,
            ahead: VecDeque::new(),
        });
        let last = Run { file: None, read: 0, count: 0, ahead: rest.into() };
        let mut sorted = Sorted { runs: runs.chain([last]).collect(), heads: BinaryHeap::new() };
        for run in 0..sorted.runs.len() {
            sorted.show(run)?;
        }
        Ok(sorted)
    }
}

/// Prints in order, of which the next are in memory.
#[derive(Debug)]
struct Run {
    file: Option<Arc<File>>,
    /// Prints read from the file.
    read: u64,
    count: u64,
    ahead: VecDeque<Print>,
}

impl Run {
    fn next_key(&mut self) -> io::Result<Option<RowKey>> {
        if let Some(file) = self.file.as_ref().filter(|_| self.ahead.is_empty() && self.read < self.count) {
            let prints = READ_PRINTS.min(self.count - self.read);
            let place = |prints: u64| prints * u64::try_from(PRINT_BYTES).expect("a small number");
            let mut bytes = vec![0; usize::try_from(place(prints)).expect("a small number")];
            file.read_exact_at(&mut bytes, place(self.read))?;
            self.ahead.extend(bytes.chunks_exact(PRINT_BYTES).map(Print::from_bytes));
            self.read += prints;
        }
        Ok(self.ahead.front().map(|print| print.key))
    }
}

/// Prints by key.
#[derive(Debug)]
pub(crate) struct Sorted {
    runs: Vec<Run>,
    /// The next key of each run.
    heads: BinaryHeap<Reverse<(RowKey, usize)>>,
}

impl Sorted {
    pub(crate) fn next(&mut self) -> io::Result<Option<Print>> {
        let Some(Reverse((_, run))) = self.heads.pop() else { return Ok(None) };
        let print = self.runs[run].ahead.pop_front();
        self.show(run)?;
        Ok(print)
    }

    fn show(&mut self, run: usize) -> io::Result<()> {
        if let Some(key) = self.runs[run].next_key()? {
            self.heads.push(Reverse((key, run)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_come_out_by_key_whatever_is_on_disk() {
        for count in [0, 1, 7, 8, 9, 100] {
            let mut spool = Spool::with_buffer(8);
            let mut expected = Vec::new();
            for number in 0..count {
                // 37 and 101 have no common divisor: each key once, in no order.
                let part = number * 37 % 101;
                let id = u32::try_from(part).unwrap();
                let subject = match part % 3 {
                    0 => None,
                    1 => Some(Subject::Symbol(SymbolId(id))),
                    _ => Some(Subject::User(UserId(id))),
                };
                let print = Print {
                    key: (
                        Table::ALL[usize::try_from(part).unwrap() % Table::ALL.len()],
                        part,
                        u64::MAX - part,
                        part << 40,
                    ),
                    whole: [part.try_into().unwrap(); 16],
                    untimed: [7; 16],
                    last_seq: (part % 5 > 0).then_some(Seq(part)),
                    subject,
                    expires_at: (part % 7 > 0).then_some(UnixNanos(part)),
                    kept_by: u8::try_from(part % 4).unwrap(),
                };
                spool.push(print).unwrap();
                expected.push(print);
            }
            assert_eq!(spool.runs.len(), usize::try_from(count / 8).unwrap(), "the rest is on disk");
            expected.sort_by_key(|print| print.key);
            // As often as wanted, and with more.
            let one_more = Print {
                key: (Table::Venue, 50, 0, 0),
                whole: [1; 16],
                untimed: [1; 16],
                last_seq: None,
                subject: None,
                expires_at: None,
                kept_by: 3,
            };
            for more in [vec![], vec![one_more], vec![]] {
                let mut expected = [&expected[..], &more[..]].concat();
                expected.sort_by_key(|print| print.key);
                let mut sorted = spool.sorted(more).unwrap();
                let found: Vec<Print> = std::iter::from_fn(|| sorted.next().unwrap()).collect();
                assert_eq!(found, expected);
            }
        }
    }
}
