//! History reads: what a store has, and exactly what came later from memory.

use std::fmt;

use domain::ids::{TradeId, UserId};
use domain::units::Seq;
use projector::candle::Candle;
use projector::history::{
    FillsQuery, History, LedgerQuery, MinutesQuery, OrderKey, OrdersQuery, Page, ReadError, Selection, TimeRange,
    TradesQuery, check_series,
};
use projector::rows::{FillRow, LedgerRow, OrderRow, TradeRow};

use crate::day::minute_of;
use crate::limits::ROWS_PER_LOCK;
use crate::model::{ReadModel, recent_order};
use crate::ring::Place;
use crate::shard::Shard;
use crate::sync::lock;
use crate::tail::{Dated, Tail};

/// Why a history read has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryError {
    /// These commands are not in the store yet and no longer in memory.
    Gap {
        /// The first of them.
        from: Seq,
        /// The last of them.
        to: Seq,
    },
    /// The store gave no answer.
    Store(ReadError),
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { from, to } => write!(f, "the store is behind: sequences {} to {} are missing", from.0, to.0),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for HistoryError {}

impl From<ReadError> for HistoryError {
    fn from(error: ReadError) -> Self {
        Self::Store(error)
    }
}

/// Memory no longer has everything later than what the store answered.
struct Behind {
    floor: Seq,
}

/// A store is asked again where it may have caught up while its answer was on the way.
const ATTEMPTS_MAX: usize = 3;

fn complete<P, R>(
    read: impl Fn() -> Result<P, ReadError>,
    through: impl Fn(&P) -> Seq,
    add_later: impl Fn(P) -> Result<R, Behind>,
) -> Result<R, HistoryError> {
    let mut gap = None;
    for _ in 0..ATTEMPTS_MAX {
        let page = read()?;
        let from = through(&page).next();
        match add_later(page) {
            Ok(rows) => return Ok(rows),
            Err(Behind { floor }) => gap = Some(HistoryError::Gap { from, to: floor }),
        }
    }
    Err(gap.expect("at least one attempt was made"))
}

impl ReadModel {
    /// One order of a user.
    pub fn order(&self, history: &dyn History, user: UserId, key: OrderKey) -> Result<Option<OrderRow>, HistoryError> {
        if let Some(row) = self.recent_order(user, key) {
            return Ok(Some(row));
        }
        complete(
            || history.order(key),
            |page| page.through,
            |page: Page<OrderRow>| {
                let shard = self.shard(user);
                if let Some(row) = recent_order(&shard, user, key) {
                    return Ok(Some(row));
                }
                check_floor(shard.closed.floor(), page.through)?;
                // What memory has was changed since, and has another name now.
                let mut rows = page.rows.into_iter().rev().filter(|row| shard.orders.find(row.order).is_none());
                Ok(rows.find(|row| row.user == user))
            },
        )
    }

    /// Orders of a user on a symbol, by id.
    pub fn orders(&self, history: &dyn History, query: &OrdersQuery) -> Result<Vec<OrderRow>, HistoryError> {
        complete(
            || history.orders(query),
            |page| page.through,
            |page| {
                let mut rows = page.rows;
                let later = self.orders_after(query, page.through)?;
                rows.retain(|row| later.binary_search_by_key(&row.order, |later| later.order).is_err());
                rows.extend(later);
                rows.sort_unstable_by_key(|row| row.order);
                Ok(select(rows, &query.selection))
            },
        )
    }

    /// Fills of a user on a symbol, by trade.
    pub fn fills(&self, history: &dyn History, query: &FillsQuery) -> Result<Vec<FillRow>, HistoryError> {
        complete(|| history.fills(query), |page| page.through, |page| self.add_fills(page, query))
    }

    /// All fills of an order of a user, by trade.
    pub fn fills_of_order(&self, history: &dyn History, order: &OrderRow) -> Result<Vec<FillRow>, HistoryError> {
        let selection = Selection { first: None, time: TimeRange::default(), limit: usize::MAX };
        let query = FillsQuery { user: order.user, symbol: order.symbol, order: Some(order.order), selection };
        complete(|| history.fills_of_order(order.order), |page| page.through, |page| self.add_fills(page, &query))
    }

    /// The fills of an order by the command `seq` and later ones, by trade, if memory has all of them.
    pub fn recent_fills(&self, order: &OrderRow, seq: Seq) -> Option<Vec<FillRow>> {
        let head = |shard: &Shard| shard.account(order.user).and_then(|account| account.last_fill(order.symbol));
        let wanted = |row: &FillRow| row.order == order.order;
        self.newest(order.user, seq.previous(), |shard| &shard.fills, head, wanted).ok()
    }

    /// Movements of a user's money.
    pub fn ledger(&self, history: &dyn History, query: &LedgerQuery) -> Result<Vec<LedgerRow>, HistoryError> {
        complete(
            || history.ledger(query),
            |page| page.through,
            |page| {
                let selection = &query.selection;
                let wanted = |row: &LedgerRow| {
                    selection.first.is_none_or(|first| row.id.seq >= first) && selection.time.contains(row.time)
                };
                let head = |shard: &Shard| shard.account(query.user).and_then(|account| account.last_ledger);
                let later = self.newest(query.user, page.through, |shard| &shard.ledger, head, wanted)?;
                Ok(select(joined(page, later), selection))
            },
        )
    }

    /// Trades of a symbol.
    pub fn trades(&self, history: &dyn History, query: &TradesQuery) -> Result<Vec<TradeRow>, HistoryError> {
        if let Some(rows) = self.recent_trades(query) {
            return Ok(rows);
        }
        let last = self.market(query.symbol).map_or(TradeId(0), |market| lock(&market).last_trade);
        let rows = complete(
            || history.trades(query),
            |page| page.through,
            |page: Page<TradeRow>| {
                let later = self.trades_after(query, page.through)?;
                Ok(select(joined(page, later), &query.selection))
            },
        )?;
        check_trades(&query.selection, &rows, last)?;
        Ok(rows)
    }

    /// One-minute candles of a symbol, oldest first.
    pub fn minutes(&self, history: &dyn History, query: &MinutesQuery) -> Result<Vec<Candle>, HistoryError> {
        let selection = Selection { first: None::<()>, time: query.time, limit: query.limit };
        if let Some(minutes) = self.recent_minutes(query.symbol, query.time) {
            return Ok(select(minutes, &selection));
        }
        complete(
            || history.minutes(query),
            |page| page.through,
            |page: Page<Candle>| {
                let all = TradesQuery {
                    symbol: query.symbol,
                    selection: Selection { first: None, time: TimeRange::default(), limit: usize::MAX },
                };
                let mut minutes = page.rows;
                for trade in self.trades_after(&all, page.through)? {
                    let candle = Candle::of(minute_of(trade.time), &trade);
                    if !query.time.contains(candle.open_time) {
                        continue;
                    }
                    match minutes.last_mut() {
                        Some(last) if last.open_time == candle.open_time => last.add(&candle),
                        _ => minutes.push(candle),
                    }
                }
                Ok(select(minutes, &selection))
            },
        )
    }

    fn add_fills(&self, page: Page<FillRow>, query: &FillsQuery) -> Result<Vec<FillRow>, Behind> {
        let selection = &query.selection;
        let wanted = |row: &FillRow| {
            query.order.is_none_or(|order| row.order == order)
                && selection.first.is_none_or(|first| row.trade >= first)
                && selection.time.contains(row.time)
        };
        let head = |shard: &Shard| shard.account(query.user).and_then(|account| account.last_fill(query.symbol));
        let later = self.newest(query.user, page.through, |shard| &shard.fills, head, wanted)?;
        Ok(select(joined(page, later), selection))
    }

    /// Rows of a user later than `through`, oldest first: follows the chain from the newest, a few rows to a lock.
    fn newest<T: Dated + Copy>(
        &self,
        user: UserId,
        through: Seq,
        tail: impl Fn(&Shard) -> &Tail<T>,
        head: impl Fn(&Shard) -> Option<Place>,
        wanted: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, Behind> {
        let mut rows = Vec::new();
        let mut next = head(&self.shard(user));
        loop {
            let shard = self.shard(user);
            let tail = tail(&shard);
            check_floor(tail.floor(), through)?;
            for _ in 0..ROWS_PER_LOCK {
                let entry = next.and_then(|place| tail.rows().get(place)).filter(|(row, _)| row.seq() > through);
                let Some((row, older)) = entry else {
                    rows.reverse();
                    return Ok(rows);
                };
                if wanted(row) {
                    rows.push(*row);
                }
                next = older;
            }
        }
    }

    /// Orders that changed after `through`, by id: the latest state of each.
    fn orders_after(&self, query: &OrdersQuery, through: Seq) -> Result<Vec<OrderRow>, Behind> {
        let selection = &query.selection;
        let wanted = |row: &OrderRow| {
            row.symbol == query.symbol
                && row.last_seq > through
                && selection.first.is_none_or(|first| row.order >= first)
                && selection.time.contains(row.placed_time)
        };
        // Open ones first: an order that closes in between is then found among the closed as well, never in neither.
        let mut rows: Vec<OrderRow> =
            self.open_orders(query.user, Some(query.symbol)).into_iter().filter(wanted).collect();
        let mut next = self.shard(query.user).account(query.user).and_then(|account| account.last_closed);
        'chain: loop {
            let shard = self.shard(query.user);
            check_floor(shard.closed.floor(), through)?;
            for _ in 0..ROWS_PER_LOCK {
                let Some((row, older)) = next.and_then(|place| shard.closed_at(place)) else { break 'chain };
                if row.last_seq <= through {
                    break 'chain;
                }
                if wanted(row) {
                    rows.push(*row);
                }
                next = older;
            }
        }
        rows.sort_by_key(|row| (row.order, std::cmp::Reverse(row.last_seq)));
        rows.dedup_by_key(|row| row.order);
        Ok(rows)
    }

    /// Trades of a symbol later than `through`, oldest first.
    fn trades_after(&self, query: &TradesQuery, through: Seq) -> Result<Vec<TradeRow>, Behind> {
        let Some(market) = self.market(query.symbol) else { return Ok(Vec::new()) };
        let selection = &query.selection;
        let mut rows = Vec::new();
        let mut next = selection.first.unwrap_or(TradeId(0));
        loop {
            let market = lock(&market);
            check_floor(market.trades.floor(), through)?;
            let mut seen = 0;
            for row in market.trades_from(next, ROWS_PER_LOCK) {
                (next, seen) = (TradeId(row.trade.0 + 1), seen + 1);
                if row.id.seq > through && selection.time.contains(row.time) {
                    rows.push(*row);
                }
            }
            if seen < ROWS_PER_LOCK {
                return Ok(rows);
            }
        }
    }

    /// The answer from memory alone, where memory is sure to have all of it.
    fn recent_trades(&self, query: &TradesQuery) -> Option<Vec<TradeRow>> {
        let Selection { first, time, limit } = query.selection;
        let market = self.market(query.symbol)?;
        let market = lock(&market);
        let (oldest, end) = (market.first_trade(), market.trades.rows().end().0);
        let newest_first = u64::try_from(limit).ok().and_then(|limit| end.checked_sub(limit));
        let first = first.unwrap_or(TradeId(newest_first.unwrap_or(0)));
        if time != TimeRange::default() || (first < oldest && oldest > TradeId(1)) {
            return None;
        }
        Some(market.trades_from(first, limit).copied().collect())
    }
}

/// Refuses trades of a symbol with some missing; there are all through `last`.
pub(crate) fn check_trades(
    selection: &Selection<TradeId>,
    trades: &[TradeRow],
    last: TradeId,
) -> Result<(), ReadError> {
    let what = trades.first().map_or("trade".into(), |trade| format!("of symbol {}, trade", trade.symbol.0));
    check_series(&what, selection.map(|first| first.0), trades.iter().map(|trade| trade.trade.0), last.0)
}

fn check_floor(floor: Seq, through: Seq) -> Result<(), Behind> {
    if floor <= through { Ok(()) } else { Err(Behind { floor }) }
}

/// Rows of the store, then later ones. A store without transactions may show rows newer than its checkpoint: they come from
/// memory, or they would come twice.
fn joined<T: Dated>(page: Page<T>, later: Vec<T>) -> Vec<T> {
    let mut rows = page.rows;
    rows.retain(|row| row.seq() <= page.through);
    rows.extend(later);
    rows
}

/// Of rows that all match, oldest first, those that a selection takes.
pub(crate) fn select<T, Id>(mut rows: Vec<T>, selection: &Selection<Id>) -> Vec<T> {
    let surplus = rows.len().saturating_sub(selection.limit);
    if selection.newest_first() {
        rows.drain(..surplus);
    } else {
        rows.truncate(selection.limit);
    }
    rows
}
