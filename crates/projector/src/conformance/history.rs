//! What every store answers that is asked about the past: what a slow reader of the same rows answers.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::{OrderId, SymbolId, TradeId, UserId};
use domain::order::Side;
use domain::text::ClientOrderId;
use domain::units::{Amount, Seq, UnixNanos};

use super::Dice;
use crate::candle::Candle;
use crate::history::{
    FillsQuery, LedgerQuery, MinutesQuery, OrderHistory, OrderKey, OrdersQuery, Selection, TimeRange, TradeHistory,
    TradesQuery,
};
use crate::rows::{FillRow, LedgerRow, OrderRow, TradeRow};
use crate::store::StoredRow;

const MINUTE_NS: u64 = 60_000_000_000;
/// Queries of each kind.
const ROUNDS: usize = 150;
/// More symbols than there are.
pub(super) const SYMBOLS: u64 = 4;

/// All rows, looked through one by one.
#[derive(Debug, Default)]
pub struct Slow {
    pub(super) orders: Vec<OrderRow>,
    pub(super) fills: Vec<FillRow>,
    trades: Vec<TradeRow>,
    ledger: Vec<LedgerRow>,
}

impl Slow {
    /// Of these rows.
    pub fn of(rows: impl IntoIterator<Item = StoredRow>) -> Self {
        let mut slow = Self::default();
        for row in rows {
            match row {
                StoredRow::Order(row) => slow.orders.push(row),
                StoredRow::Fill(row) => slow.fills.push(row),
                StoredRow::Trade(row) => slow.trades.push(row),
                StoredRow::Ledger(row) => slow.ledger.push(row),
                StoredRow::Venue(_)
                | StoredRow::Asset(_)
                | StoredRow::Symbol(_)
                | StoredRow::User(_)
                | StoredRow::Key(_)
                | StoredRow::OpenOrder(_)
                | StoredRow::Position(_)
                | StoredRow::Balance(_)
                | StoredRow::CreditLimit(_)
                | StoredRow::Withdrawal(_)
                | StoredRow::Audit(_)
                | StoredRow::SymbolTenure(_)
                | StoredRow::UserTenure(_)
                | StoredRow::Kline(_)
                | StoredRow::PositionHistory(_)
                | StoredRow::MarketSnapshot(_)
                | StoredRow::Leaderboard(_)
                | StoredRow::Analytics(_)
                | StoredRow::ActiveUser(_) => {}
            }
        }
        slow.orders.sort_by_key(|row| row.order);
        slow.fills.sort_by_key(|row| (row.symbol, row.trade, row.id));
        slow.trades.sort_by_key(|row| (row.symbol, row.trade));
        slow.ledger.sort_by_key(|row| (row.id, row.leg));
        slow
    }

    pub(super) fn orders_times(&self) -> [UnixNanos; 2] {
        [self.orders[0].placed_time, self.orders[self.orders.len() - 1].placed_time]
    }

    fn trades_times(&self) -> [UnixNanos; 2] {
        let times = || self.trades.iter().map(|row| row.time);
        [times().min().expect("there are trades"), times().max().expect("there are trades")]
    }

    fn candles(&self, query: &MinutesQuery) -> Vec<Candle> {
        let mut minutes: BTreeMap<u64, Vec<&TradeRow>> = BTreeMap::new();
        for trade in self.trades.iter().filter(|trade| trade.symbol == query.symbol) {
            minutes.entry(trade.time.0 / MINUTE_NS * MINUTE_NS).or_default().push(trade);
        }
        let inside = minutes.into_iter().filter(|(open_time, _)| query.time.contains(UnixNanos(*open_time)));
        let all: Vec<Candle> = inside.map(|(open_time, trades)| candle(UnixNanos(open_time), &trades)).collect();
        let skip = if query.time.from.is_some() { 0 } else { all.len().saturating_sub(query.limit) };
        all.into_iter().skip(skip).take(query.limit).collect()
    }
}

/// Orders, fills and money of a store that has these rows through `through`.
pub fn orders_are_those_of_a_slow_reader(history: &dyn OrderHistory, slow: &Slow, through: Seq, seed: u64) {
    assert!(slow.orders.len() > 50 && slow.fills.len() > 20 && slow.ledger.len() > 50, "there is something to read");
    let mut dice = Dice(seed);
    let ends = slow.orders_times();
    let users = u64::from(slow.orders.iter().map(|row| row.user.0).max().expect("there are orders")) + 2;
    let end = slow.ledger[slow.ledger.len() - 1].id.seq.0;
    for _ in 0..ROUNDS {
        let (user, symbol) = (UserId(dice.small(users)), SymbolId(dice.small(SYMBOLS)));
        let selection = dice.selection(ends, |dice| dice.order(slow));
        let page = history.orders(&OrdersQuery { user, symbol, selection }).expect("the store answers");
        let matching = slow.orders.iter().filter(|row| row.user == user && row.symbol == symbol);
        let expected = select(matching.copied(), &selection, |row| (row.order, row.placed_time));
        assert_eq!(page.rows, expected, "{user:?} {symbol:?} {selection:?}");
        assert_eq!(page.through, through);

        let order = (dice.below(2) == 0).then(|| dice.order(slow));
        let selection =
            dice.selection(ends, |dice| TradeId(if dice.below(10) == 0 { u64::MAX } else { dice.below(40) }));
        let page = history.fills(&FillsQuery { user, symbol, order, selection }).expect("the store answers");
        let mine = |row: &&FillRow| row.user == user && row.symbol == symbol;
        let matching = slow.fills.iter().filter(mine).filter(|row| order.is_none_or(|order| row.order == order));
        let expected = select(matching.copied(), &selection, |row| (row.trade, row.time));
        assert_eq!(page.rows, expected, "{user:?} {symbol:?} {order:?} {selection:?}");

        let selection = dice.selection(ends, |dice| Seq(dice.below(end + 2)));
        let page = history.ledger(&LedgerQuery { user, selection }).expect("the store answers");
        let matching = slow.ledger.iter().filter(|row| row.user == Some(user));
        let expected = select(matching.copied(), &selection, |row| (row.id.seq, row.time));
        assert_eq!(page.rows, expected, "{user:?} {selection:?}");
    }
    single_orders(history, slow);
}

/// Orders by either name, and the fills of each.
fn single_orders(history: &dyn OrderHistory, slow: &Slow) {
    let by = |key| history.order(key).expect("the store answers").rows;
    for row in &slow.orders {
        assert_eq!(by(OrderKey::Id(row.order)), [*row]);
        let fills: Vec<FillRow> = slow.fills.iter().filter(|fill| fill.order == row.order).copied().collect();
        assert_eq!(history.fills_of_order(row.order).expect("the store answers").rows, fills);
    }
    let names: BTreeSet<_> = slow.orders.iter().map(|row| (row.user, row.client_order_id)).collect();
    for (user, name) in names {
        let named = |other: &&OrderRow| other.user == user && other.client_order_id == name;
        let mut named: Vec<OrderRow> = slow.orders.iter().filter(named).copied().collect();
        named.sort_by_key(OrderRow::held_name);
        let closed = named.iter().filter(|row| !row.status.is_open()).count();
        named.drain(..closed.saturating_sub(1));
        assert_eq!(by(OrderKey::Client(user, name)), named);
    }
    assert_eq!(by(OrderKey::Id(OrderId(1))), []);
    assert_eq!(by(OrderKey::Client(UserId(1), nobodys_name())), []);
}

/// Trades of a store that has these rows.
pub fn trades_are_those_of_a_slow_reader(history: &dyn TradeHistory, slow: &Slow, seed: u64) {
    let mut dice = Dice(seed);
    let ends = slow.trades_times();
    for _ in 0..ROUNDS {
        let symbol = SymbolId(dice.small(SYMBOLS));
        let selection = dice.selection(ends, |dice| TradeId(dice.below(60)));
        let page = history.trades(&TradesQuery { symbol, selection }).expect("the store answers");
        let matching = slow.trades.iter().filter(|row| row.symbol == symbol);
        let expected = select(matching.copied(), &selection, |row| (row.trade, row.time));
        assert_eq!(page.rows, expected, "{symbol:?} {selection:?}");

        let query = MinutesQuery { symbol, time: dice.times(ends), limit: 1 + dice.at(5) };
        assert_eq!(history.minutes(&query).expect("the store answers").rows, slow.candles(&query), "{query:?}");
    }
}

/// A store without rows has nothing through nothing.
pub fn an_empty_store_has_no_orders(history: &dyn OrderHistory) {
    let (user, symbol) = (UserId(1), SymbolId(0));
    let page = history.order(OrderKey::Id(OrderId(1))).expect("the store answers");
    assert_eq!((page.through, page.rows), (Seq::ZERO, vec![]));
    let page = history.order(OrderKey::Client(user, nobodys_name())).expect("the store answers");
    assert_eq!((page.through, page.rows), (Seq::ZERO, vec![]));
    let selection = Selection { first: None, time: A_TIME, limit: 5 };
    assert_eq!(history.orders(&OrdersQuery { user, symbol, selection }).expect("the store answers").rows, []);
    let selection = Selection { first: None, time: A_TIME, limit: 5 };
    let query = FillsQuery { user, symbol, order: None, selection };
    assert_eq!(history.fills(&query).expect("the store answers").rows, []);
    let selection = Selection { first: Some(Seq(3)), time: A_TIME, limit: 5 };
    assert_eq!(history.ledger(&LedgerQuery { user, selection }).expect("the store answers").rows, []);
}

/// Likewise an archive.
pub fn an_empty_store_has_no_trades(history: &dyn TradeHistory) {
    let symbol = SymbolId(0);
    let selection = Selection { first: None, time: A_TIME, limit: 5 };
    let page = history.trades(&TradesQuery { symbol, selection }).expect("the store answers");
    assert_eq!((page.through, page.rows), (Seq::ZERO, vec![]));
    let query = MinutesQuery { symbol, time: A_TIME, limit: 5 };
    assert_eq!(history.minutes(&query).expect("the store answers").rows, []);
}

const A_TIME: TimeRange = TimeRange { from: Some(UnixNanos(5)), to: Some(UnixNanos(9)) };

pub(super) fn nobodys_name() -> ClientOrderId {
    ClientOrderId::new("nobody-has-this").expect("a short name")
}

/// Those of the matching rows that are asked for; `rows` come oldest first.
pub(super) fn select<R: Copy, Id: Ord + Copy>(
    rows: impl Iterator<Item = R>,
    selection: &Selection<Id>,
    key: impl Fn(&R) -> (Id, UnixNanos),
) -> Vec<R> {
    let inside = |row: &R| {
        let (id, time) = key(row);
        selection.first.is_none_or(|first| id >= first) && selection.time.contains(time)
    };
    let mut rows: Vec<R> = rows.filter(inside).collect();
    if selection.newest_first() {
        rows.drain(..rows.len().saturating_sub(selection.limit));
    } else {
        rows.truncate(selection.limit);
    }
    rows
}

fn candle(open_time: UnixNanos, trades: &[&TradeRow]) -> Candle {
    let (first, last) = (trades[0], trades[trades.len() - 1]);
    let bought = || trades.iter().filter(|trade| trade.taker_side == Side::Buy);
    Candle {
        open_time,
        open: first.price,
        high: trades.iter().map(|trade| trade.price).max().expect("a minute with trades"),
        low: trades.iter().map(|trade| trade.price).min().expect("a minute with trades"),
        close: last.price,
        volume: trades.iter().map(|trade| u128::from(trade.quantity.0)).sum(),
        quote_volume: Amount(trades.iter().map(|trade| trade.quote.0).sum()),
        taker_buy_volume: bought().map(|trade| u128::from(trade.quantity.0)).sum(),
        taker_buy_quote_volume: Amount(bought().map(|trade| trade.quote.0).sum()),
        first_trade: first.trade,
        last_trade: last.trade,
        trades: u64::try_from(trades.len()).expect("a count"),
    }
}

impl Dice {
    pub(super) fn small(&mut self, bound: u64) -> u32 {
        u32::try_from(self.below(bound)).expect("below a small number")
    }

    pub(super) fn order(&mut self, slow: &Slow) -> OrderId {
        slow.orders[self.at(slow.orders.len())].order
    }

    fn times(&mut self, [first, last]: [UnixNanos; 2]) -> TimeRange {
        let from = first.0 - 1_000;
        let mut time = || match self.below(16) {
            0..8 => None,
            // Whoever asks may name any time.
            8 => Some(UnixNanos(u64::MAX)),
            _ => Some(UnixNanos(from + self.below(last.0 + 1_001 - from))),
        };
        TimeRange { from: time(), to: time() }
    }

    pub(super) fn selection<Id>(&mut self, ends: [UnixNanos; 2], first: impl FnOnce(&mut Self) -> Id) -> Selection<Id> {
        let first = (self.below(2) == 0).then(|| first(self));
        Selection { first, time: self.times(ends), limit: 1 + self.at(11) }
    }
}
