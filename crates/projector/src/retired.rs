//! Orders that closed long ago, and their fills, once the hot store has given them up: what the place they go to must do.
//!
//! A hot store copies a range of old rows here, all of which are final, and only then drops it. So a row is in the hot store, here, or in
//! both, and is the same in both; a reader asks the hot store first, then here, and takes each row once.

use std::fmt;
use std::time::Duration;

use domain::ids::{OrderId, TradeId, VenueId};
use domain::units::{Seq, UnixNanos};

use crate::fault::{Remedy, StoreFault};
use crate::history::{FillsQuery, OrderKey, OrdersQuery, ReadError};
use crate::rows::{FillRow, OrderRow};
use crate::store::Divergence;

/// How far what is here reaches: no row is beyond it. But for `additions` it goes back by [`RetiredStore::forget_after`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Whose rows they are.
    pub venue: VenueId,
    /// The highest order.
    pub order: OrderId,
    /// The highest trade among the fills.
    pub trade: TradeId,
    /// The last sequence that changed any of the orders.
    pub last_seq: Seq,
    /// Block time of that command: no order was placed and no fill made after it.
    pub time: UnixNanos,
    /// How often rows were added. It never goes back, so a copy of an earlier time has less.
    pub additions: u64,
}

/// What hot stores dropped, as far as it can be told from what they noted: the place has all of it, or is not what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GivenUp {
    /// The last sequence that changed any of the orders.
    pub last_seq: Seq,
    /// [`Extent::additions`] when the last of the rows had been added.
    pub additions: u64,
}

impl GivenUp {
    /// What either says.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { last_seq: self.last_seq.max(other.last_seq), additions: self.additions.max(other.additions) }
    }

    /// Whether a place that reaches so far has it; absent: there is nothing.
    pub fn is_in(self, extent: Option<Extent>) -> bool {
        let there = Self::of(extent);
        self.max(there) == there
    }

    /// As much as there is; absent: nothing.
    pub fn of(extent: Option<Extent>) -> Self {
        extent.map_or_else(Self::default, |extent| Self { last_seq: extent.last_seq, additions: extent.additions })
    }
}

impl Extent {
    /// Nothing of a venue.
    pub const fn none(venue: VenueId) -> Self {
        Self { venue, order: OrderId(0), trade: TradeId(0), last_seq: Seq::ZERO, time: UnixNanos(0), additions: 0 }
    }

    /// With these rows, added together.
    ///
    /// # Panics
    /// An order is open: it may still change.
    #[must_use]
    pub fn with(mut self, orders: &[OrderRow], fills: &[FillRow]) -> Self {
        for row in orders {
            assert!(!row.status.is_open(), "order {} is open", row.order.0);
            self.order = self.order.max(row.order);
            self.last_seq = self.last_seq.max(row.last_seq);
            self.time = self.time.max(row.updated_time);
        }
        for row in fills {
            self.order = self.order.max(row.order);
            self.trade = self.trade.max(row.trade);
            self.last_seq = self.last_seq.max(row.id.seq);
            self.time = self.time.max(row.time);
        }
        self.additions += 1;
        self
    }

    /// What either reaches.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            venue: self.venue,
            order: self.order.max(other.order),
            trade: self.trade.max(other.trade),
            last_seq: self.last_seq.max(other.last_seq),
            time: self.time.max(other.time),
            additions: self.additions.max(other.additions),
        }
    }
}

/// Takes rows of the venue that it was opened for. One writer at a time.
pub trait RetiredStore: Send + fmt::Debug {
    /// Adds rows of closed orders and of their fills; when it returns they are durable, and [`RetiredHistory`] finds them. One that
    /// is there already with the same content counts as added. Interrupted, it is called again with the same rows.
    fn add(&mut self, orders: &[OrderRow], fills: &[FillRow]) -> Result<(), RetireError>;

    /// Removes orders that were last changed after the fork, and fills after it: they are not of this history any more.
    /// Interrupted, it is called again.
    fn forget_after(&mut self, fork: Seq) -> Result<(), RetireError>;
}

/// Reads them back. Calls block; they may come from many threads at once. What is asked for as in [`crate::history::OrderHistory`],
/// but there is no checkpoint: rows here are final.
pub trait RetiredHistory: Send + Sync + fmt::Debug {
    /// How far what is here reaches; absent: nothing is here.
    fn extent(&self) -> Result<Option<Extent>, ReadError>;
    /// One order; by a client order id the one that held it last of those here.
    fn order(&self, key: OrderKey) -> Result<Option<OrderRow>, ReadError>;
    /// Orders of a user, by order id.
    fn orders(&self, query: &OrdersQuery) -> Result<Vec<OrderRow>, ReadError>;
    /// Fills of a user, by trade id, maker before taker where both are the user's.
    fn fills(&self, query: &FillsQuery) -> Result<Vec<FillRow>, ReadError>;
    /// All fills of one order, by trade id.
    fn fills_of_order(&self, order: OrderId) -> Result<Vec<FillRow>, ReadError>;
    /// Visits every order by id, then every fill by order and trade.
    fn visit(&self, visit: &mut dyn FnMut(RetiredRow)) -> Result<(), ReadError>;
}

/// A row, whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetiredRow {
    /// An order.
    Order(OrderRow),
    /// A fill.
    Fill(FillRow),
}

/// Why rows were not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetireError {
    /// Not now, for this reason; again after this long.
    Retry(String, Duration),
    /// Another history is here: an operator must look.
    Diverged(Divergence),
    /// No repetition changes it; the reason.
    Fatal(String),
}

/// What a writer is answered whose rows were not taken for this reason.
impl<F: StoreFault> From<F> for RetireError {
    fn from(fault: F) -> Self {
        match fault.remedy() {
            Remedy::Retry(after) => Self::Retry(fault.to_string(), after),
            Remedy::Conflict => Self::Diverged(Divergence::Row(fault.to_string())),
            Remedy::Repair | Remedy::None => Self::Fatal(fault.to_string()),
        }
    }
}

impl fmt::Display for RetireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry(reason, after) => write!(f, "{reason} (again in {} ms)", after.as_millis()),
            Self::Diverged(divergence) => divergence.fmt(f),
            Self::Fatal(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for RetireError {}
