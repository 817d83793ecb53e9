//! The projector: blocks in, batches out. Inside a batch the last state of an order, balance or position wins.

mod reference;
mod symbols;
mod users;
mod archive;
mod derived;
pub mod resume;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::Hash;

use domain::ids::{Checkpoint, OrderId, SymbolId};
use domain::state::State;
use domain::units::{Epoch, Seq, Ticks, UnixNanos};

use crate::batch::{Batch, Rows, Stream};
use crate::block::{CommittedBlock, CommittedCommand};
use crate::settings::Settings;
use crate::share::Share;

/// A batch has at most so many commands, and the block that passes the number.
pub const BATCH_COMMANDS_MAX: usize = 32_768;
/// A batch has at most so many events, and the block that passes the number: one command may yield thousands.
pub const BATCH_EVENTS_MAX: usize = 8 * BATCH_COMMANDS_MAX;

/// Folds the blocks after a checkpoint into batches of one stream.
#[derive(Debug)]
pub struct Projector {
    writer: Epoch,
    /// Where the next batch begins.
    from: Checkpoint,
    /// Where it would end.
    to: Checkpoint,
    command_count: usize,
    event_count: usize,
    rows: StreamFold,
}

/// The fold of each stream.
#[derive(Debug)]
enum StreamFold {
    Reference(reference::ReferenceFold),
    Symbols(symbols::SymbolsFold),
    Users(users::UsersFold),
    Trades(archive::TradesFold),
    Audit(archive::AuditFold),
    Derived(Box<dyn derived::Derived>),
}

/// Why a block cannot be pushed. The projector is of no use after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushError {
    /// It does not follow the one before it.
    NotNext {
        /// Where the projector is.
        at: Seq,
        /// Where the block begins.
        first: Seq,
    },
    /// A derived stream cannot fold a command: what it needs of everything before was never told to it, or was of another history.
    Unknown {
        /// The command.
        seq: Seq,
        /// What is not known.
        what: Unknown,
    },
}

/// What a fold must know of everything before, and does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// A symbol that trades.
    Symbol(SymbolId),
    /// An order that was placed before.
    Order(OrderId),
    /// Something that leaves the book of a symbol.
    Level(SymbolId, Ticks),
}

/// What every row of a command has in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) seq: Seq,
    pub(crate) time: UnixNanos,
}

impl Stamp {
    pub(crate) fn of(committed: CommittedCommand<'_>) -> Self {
        Self { seq: committed.command.seq, time: committed.command.time }
    }
}

impl Projector {
    /// A projector of a stream from this checkpoint on. `writer` is the epoch of the process that will write: a store that
    /// has seen a later one refuses its batches. One of a derived stream knows nothing of what was before: where the checkpoint is
    /// not the beginning, see [`resume::resume`].
    pub fn new(stream: Stream, checkpoint: Checkpoint, writer: Epoch, settings: &Settings) -> Self {
        let rows = match stream {
            Stream::Reference => StreamFold::Reference(reference::ReferenceFold::default()),
            Stream::Symbols => StreamFold::Symbols(symbols::SymbolsFold::default()),
            Stream::Users => StreamFold::Users(users::UsersFold::default()),
            Stream::Trades => StreamFold::Trades(archive::TradesFold::default()),
            Stream::Audit => StreamFold::Audit(archive::AuditFold::default()),
            Stream::Klines
            | Stream::HistoricalPositions
            | Stream::MarketSnapshots
            | Stream::Leaderboards
            | Stream::Analytics => StreamFold::Derived(derived::of(stream, settings)),
        };
        Self { writer, from: checkpoint, to: checkpoint, command_count: 0, event_count: 0, rows }
    }

    /// A projector from a state of the venue on, which is the one at this checkpoint; of what was before it has no sums.
    pub fn of_state(stream: Stream, state: &State, checkpoint: Checkpoint, writer: Epoch, settings: &Settings) -> Self {
        assert_eq!(state.seq, checkpoint.seq, "the state of another sequence");
        let mut projector = Self::new(stream, checkpoint, writer, settings);
        if let StreamFold::Derived(fold) = &mut projector.rows {
            fold.begin_at(state);
        }
        projector
    }

    /// Through where everything was pushed.
    pub const fn position(&self) -> &Checkpoint {
        &self.to
    }

    /// How many commands the next batch has so far.
    pub const fn command_count(&self) -> usize {
        self.command_count
    }

    /// Whether the next batch should be taken before more is pushed.
    pub const fn is_full(&self) -> bool {
        self.command_count >= BATCH_COMMANDS_MAX || self.event_count >= BATCH_EVENTS_MAX
    }

    /// Whether the next batch has rows so far, or would only move the checkpoint.
    pub fn has_rows(&self) -> bool {
        match &self.rows {
            StreamFold::Reference(fold) => fold.has_rows(),
            StreamFold::Symbols(fold) => fold.has_rows(),
            StreamFold::Users(fold) => fold.has_rows(),
            StreamFold::Trades(fold) => fold.has_rows(),
            StreamFold::Audit(fold) => fold.has_rows(),
            StreamFold::Derived(fold) => fold.has_rows(),
        }
    }

    /// Adds the next block: what of it is in the share, which learns from it who owns what from then on.
    pub fn push(&mut self, block: &CommittedBlock, share: &mut Share) -> Result<(), PushError> {
        let info = block.info();
        if info.first != self.to.seq.next() {
            return Err(PushError::NotNext { at: self.to.seq, first: info.first });
        }
        assert_eq!(info.venue, self.to.venue, "blocks of one journal");
        if self.to.seq == Seq::ZERO {
            self.rows.begin(share);
        }
        for committed in block.commands() {
            let seq = committed.command.seq;
            self.rows.apply(committed, block, share).map_err(|what| PushError::Unknown { seq, what })?;
        }
        self.command_count += block.command_count();
        self.event_count += block.event_count();
        // A block can be of a later writer than this process: then that writer is followed, not fenced out.
        self.to = Checkpoint { epoch: self.writer.max(info.epoch), ..info.checkpoint() };
        Ok(())
    }

    /// The batch of everything pushed since the last; absent if nothing was.
    pub fn take(&mut self) -> Option<Batch> {
        if self.command_count == 0 {
            return None;
        }
        let (from, to) = (self.from, self.to);
        self.from = to;
        (self.command_count, self.event_count) = (0, 0);
        Some(Batch { from, to, rows: self.rows.take() })
    }
}

impl StreamFold {
    /// What is there before the first command.
    fn begin(&mut self, share: &mut Share) {
        match self {
            Self::Reference(fold) => fold.begin(),
            Self::Symbols(fold) => fold.begin(share),
            Self::Users(fold) => fold.begin(share),
            Self::Trades(_) | Self::Audit(_) | Self::Derived(_) => {}
        }
    }

    fn apply(
        &mut self,
        committed: CommittedCommand<'_>,
        block: &CommittedBlock,
        share: &mut Share,
    ) -> Result<(), Unknown> {
        match self {
            Self::Reference(fold) => fold.apply(committed),
            Self::Symbols(fold) => fold.apply(committed, share),
            Self::Users(fold) => fold.apply(committed, share),
            Self::Trades(fold) => fold.apply(committed),
            Self::Audit(fold) => fold.apply(committed, block.info().journal),
            Self::Derived(fold) => return fold.apply(committed),
        }
        Ok(())
    }

    fn take(&mut self) -> Rows {
        match self {
            Self::Reference(fold) => Rows::Reference(fold.take()),
            Self::Symbols(fold) => Rows::Symbols(fold.take()),
            Self::Users(fold) => Rows::Users(fold.take()),
            Self::Trades(fold) => Rows::Trades(fold.take()),
            Self::Audit(fold) => Rows::Audit(fold.take()),
            Self::Derived(fold) => fold.take(),
        }
    }
}

/// Puts a state row in the place of an earlier one of the same key.
fn put<K: Eq + Hash, R>(rows: &mut Vec<R>, places: &mut HashMap<K, usize>, key: K, row: R) {
    match places.entry(key) {
        Entry::Occupied(place) => rows[*place.get()] = row,
        Entry::Vacant(place) => {
            place.insert(rows.len());
            rows.push(row);
        }
    }
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNext { at, first } => write!(f, "a block that begins at {} does not follow {}", first.0, at.0),
            Self::Unknown { seq, what } => {
                write!(f, "the command {} cannot be summed up: ", seq.0)?;
                match what {
                    Unknown::Symbol(symbol) => write!(f, "the symbol {} was not listed before", symbol.0),
                    Unknown::Order(order) => write!(f, "the order {} was not open before, or with less", order.0),
                    Unknown::Level(symbol, price) => {
                        write!(f, "more leaves the book of symbol {} at {} ticks than was in it", symbol.0, price.0)
                    }
                }
            }
        }
    }
}

impl std::error::Error for PushError {}
