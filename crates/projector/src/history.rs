//! What can be read back from a store. Every answer says through which sequence the store was complete, from the same
//! database snapshot as the rows, so that a reader can add exactly what came later from memory.

use std::fmt;
use std::sync::Arc;

use domain::ids::{Checkpoint, OrderId, SymbolId, TradeId, UserId};
use domain::text::ClientOrderId;
use domain::units::{Seq, UnixNanos};

use crate::candle::Candle;
use crate::rows::{FillRow, LedgerRow, OrderRow, TradeRow};

/// Rows, and the sequence through which the store had everything when they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The stream's checkpoint in the same snapshot.
    pub through: Seq,
    /// Oldest first.
    pub rows: Vec<T>,
}

impl<T> Page<T> {
    /// Rows that were read between two looks at the checkpoint, where no snapshot holds both: they are complete through the first, unless
    /// the store was taken back meanwhile.
    pub fn between(before: Option<&Checkpoint>, rows: Vec<T>, after: Option<&Checkpoint>) -> Result<Self, ReadError> {
        let through = |checkpoint: Option<&Checkpoint>| checkpoint.map_or(Seq::ZERO, |found| found.seq);
        if through(after) < through(before) {
            return Err(ReadError::Failed("it was taken back to an earlier point meanwhile".into()));
        }
        Ok(Self { through: through(before), rows })
    }
}

/// Block times `from ..= to`; absent: open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TimeRange {
    /// Not before.
    pub from: Option<UnixNanos>,
    /// Not after.
    pub to: Option<UnixNanos>,
}

impl TimeRange {
    /// Whether `time` is inside.
    pub fn contains(&self, time: UnixNanos) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time <= to)
    }
}

/// Which of the matching rows: those from `first` on, or, without one, the oldest of a time range that has a beginning,
/// or else the newest. Rows always come oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection<Id> {
    /// Not before this id.
    pub first: Option<Id>,
    /// Inside these times (placement time of an order).
    pub time: TimeRange,
    /// At most so many; at least 1.
    pub limit: usize,
}

impl<Id> Selection<Id> {
    /// Whether the newest of the matching rows are asked for, and not the oldest.
    pub const fn newest_first(&self) -> bool {
        self.first.is_none() && self.time.from.is_none()
    }

    /// The same of rows that are named in another way.
    pub fn map<To>(self, name: impl FnOnce(Id) -> To) -> Selection<To> {
        Selection { first: self.first.map(name), time: self.time, limit: self.limit }
    }
}

/// Refuses an answer with rows missing out of a series in which each number from 1 on has a row: `numbers` are those of the rows that a
/// selection took, of rows that have at least all through `last`.
pub fn check_series(
    what: &str,
    selection: Selection<u64>,
    numbers: impl ExactSizeIterator<Item = u64>,
    last: u64,
) -> Result<(), ReadError> {
    let mut numbers = numbers.peekable();
    let (count, limit) = (numbers.len(), selection.limit);
    let lowest = numbers.peek().copied();
    let (mut expected, end) = match (selection.time == TimeRange::default(), selection.first) {
        (true, Some(first)) => {
            let first = first.max(1);
            (first, last.min(first.saturating_add(u64::try_from(limit).unwrap_or(u64::MAX)) - 1))
        }
        (true, None) => (if count < limit { 1 } else { lowest.unwrap_or(1) }, last),
        // Nobody knows which numbers have these times.
        (false, _) => (lowest.unwrap_or(1), 0),
    };
    let missing = |number: u64| Err(ReadError::Damaged(format!("{what} {number} is missing")));
    for number in numbers {
        if number != expected {
            return missing(expected);
        }
        // A store's number may be anything.
        expected = expected.saturating_add(1);
    }
    if expected <= end { missing(expected) } else { Ok(()) }
}

/// One order, by either name. By a client order id: of the orders that have it now, the one that had it last. Only one open order
/// of a user has a name at a time, and a closed one keeps the name it closed with; so that is the open one, or else the one that
/// closed last, which an amendment may have named so long after a later order was placed and closed under the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKey {
    /// By the venue's id.
    Id(OrderId),
    /// By the caller's.
    Client(UserId, ClientOrderId),
}

/// Orders of a user on a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrdersQuery {
    /// Whose.
    pub user: UserId,
    /// On which symbol.
    pub symbol: SymbolId,
    /// Which of them.
    pub selection: Selection<OrderId>,
}

/// Fills of a user on a symbol, by trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillsQuery {
    /// Whose.
    pub user: UserId,
    /// On which symbol.
    pub symbol: SymbolId,
    /// Only those of this order.
    pub order: Option<OrderId>,
    /// Which of them.
    pub selection: Selection<TradeId>,
}

/// Trades of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradesQuery {
    /// On which symbol.
    pub symbol: SymbolId,
    /// Which of them.
    pub selection: Selection<TradeId>,
}

/// Movements of a user's money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerQuery {
    /// Whose.
    pub user: UserId,
    /// Which of them, by sequence.
    pub selection: Selection<Seq>,
}

/// One-minute candles of a symbol; longer intervals are folds of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinutesQuery {
    /// On which symbol.
    pub symbol: SymbolId,
    /// Block times; the store answers for whole minutes that begin inside.
    pub time: TimeRange,
    /// At most so many minutes with trades: the oldest where the range has a beginning, else the newest.
    pub limit: usize,
}

/// Why a store gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// It could not; what it said.
    Failed(String),
    /// What it holds is not, or is no longer, this venue's history; how that shows.
    Foreign(String),
    /// Rows that its checkpoint covers are gone, or cannot be read; which.
    Damaged(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(what) => write!(f, "the store did not answer: {what}"),
            Self::Foreign(why) => write!(f, "the store does not hold this venue's history: {why}"),
            Self::Damaged(what) => write!(f, "the store is damaged: {what}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Of the orders of a user that have a client order id where they are read, those that may have had it last, the likeliest at the end:
/// the last of the closed ones, which stay as they are, and all that are open, which may have been renamed or closed since.
pub fn last_holders(mut rows: Vec<OrderRow>) -> Vec<OrderRow> {
    rows.sort_unstable_by_key(OrderRow::held_name);
    let open = rows.partition_point(|row| !row.status.is_open());
    rows.split_off(open.saturating_sub(1))
}

/// Orders, fills and money in a store. Calls block; they may come from many threads at once.
pub trait OrderHistory: Send + Sync + fmt::Debug {
    /// One order (no row: the store does not have it). By a client order id those that may be meant ([`last_holders`]).
    fn order(&self, key: OrderKey) -> Result<Page<OrderRow>, ReadError>;
    /// Orders of a user, by order id.
    fn orders(&self, query: &OrdersQuery) -> Result<Page<OrderRow>, ReadError>;
    /// Fills of a user, by trade id, maker before taker where both are the user's.
    fn fills(&self, query: &FillsQuery) -> Result<Page<FillRow>, ReadError>;
    /// All fills of one order, by trade id: what a repeated request is answered with.
    fn fills_of_order(&self, order: OrderId) -> Result<Page<FillRow>, ReadError>;
    /// Movements of a user's money, by event.
    fn ledger(&self, query: &LedgerQuery) -> Result<Page<LedgerRow>, ReadError>;
}

/// Trades in an archive. Calls block; they may come from many threads at once.
pub trait TradeHistory: Send + Sync + fmt::Debug {
    /// Trades of a symbol, by trade id.
    fn trades(&self, query: &TradesQuery) -> Result<Page<TradeRow>, ReadError>;
    /// One-minute candles of trades up to the checkpoint, computed from the stored trades.
    fn minutes(&self, query: &MinutesQuery) -> Result<Page<Candle>, ReadError>;
}

/// Everything that is read back.
pub trait History: OrderHistory + TradeHistory {}

impl<T: OrderHistory + TradeHistory> History for T {}

/// Orders from one store, trades from another, possibly of another kind.
#[derive(Debug, Clone)]
pub struct Halves {
    /// Where orders, fills and money are read.
    pub orders: Arc<dyn OrderHistory>,
    /// Where trades are read.
    pub trades: Arc<dyn TradeHistory>,
}

impl OrderHistory for Halves {
    fn order(&self, key: OrderKey) -> Result<Page<OrderRow>, ReadError> {
        self.orders.order(key)
    }

    fn orders(&self, query: &OrdersQuery) -> Result<Page<OrderRow>, ReadError> {
        self.orders.orders(query)
    }

    fn fills(&self, query: &FillsQuery) -> Result<Page<FillRow>, ReadError> {
        self.orders.fills(query)
    }

    fn fills_of_order(&self, order: OrderId) -> Result<Page<FillRow>, ReadError> {
        self.orders.fills_of_order(order)
    }

    fn ledger(&self, query: &LedgerQuery) -> Result<Page<LedgerRow>, ReadError> {
        self.orders.ledger(query)
    }
}

impl TradeHistory for Halves {
    fn trades(&self, query: &TradesQuery) -> Result<Page<TradeRow>, ReadError> {
        self.trades.trades(query)
    }

    fn minutes(&self, query: &MinutesQuery) -> Result<Page<Candle>, ReadError> {
        self.trades.minutes(query)
    }
}
