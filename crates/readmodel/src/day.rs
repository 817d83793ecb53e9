//! The last 24 hours of one symbol, minute by minute.

use std::collections::VecDeque;

use domain::order::Side;
use domain::units::{Amount, Lots, Ticks, UnixNanos};
use projector::history::Candle;
use projector::rows::TradeRow;

use crate::limits::RECENT_MINUTES;

const MINUTE_NS: u64 = 60_000_000_000;

/// A stretch of time added up; prices in ticks, volumes in lots and quote minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Beginning of the first minute counted.
    pub open_time: UnixNanos,
    /// The moment asked about.
    pub close_time: UnixNanos,
    /// All its trades as one candle, if there were any.
    pub candle: Option<Candle>,
    /// The last price before the stretch, where it is known.
    pub previous_close: Option<Ticks>,
}

/// The minute that `time` is in.
pub(crate) fn minute_of(time: UnixNanos) -> UnixNanos {
    UnixNanos(time.0 - time.0 % MINUTE_NS)
}

/// A candle of one trade, open at `open_time`.
pub fn candle_of(open_time: UnixNanos, trade: &TradeRow) -> Candle {
    let lots = u128::from(trade.quantity.0);
    let (buy_volume, buy_quote) = match trade.taker_side {
        Side::Buy => (lots, trade.quote),
        Side::Sell => (0, Amount::ZERO),
    };
    Candle {
        open_time,
        open: trade.price,
        high: trade.price,
        low: trade.price,
        close: trade.price,
        volume: lots,
        quote_volume: trade.quote,
        taker_buy_volume: buy_volume,
        taker_buy_quote_volume: buy_quote,
        first_trade: trade.trade,
        last_trade: trade.trade,
        trades: 1,
    }
}

/// `into` and the later `candle` as one. Sums stop at the end of their range: such a volume says only "very much".
pub fn merge(into: &mut Candle, candle: &Candle) {
    let sum = |a: Amount, b: Amount| Amount(a.0.saturating_add(b.0));
    into.high = into.high.max(candle.high);
    into.low = into.low.min(candle.low);
    into.close = candle.close;
    into.volume = into.volume.saturating_add(candle.volume);
    into.quote_volume = sum(into.quote_volume, candle.quote_volume);
    into.taker_buy_volume = into.taker_buy_volume.saturating_add(candle.taker_buy_volume);
    into.taker_buy_quote_volume = sum(into.taker_buy_quote_volume, candle.taker_buy_quote_volume);
    into.last_trade = candle.last_trade;
    into.trades += candle.trades;
}

/// Adds `trade` to candles of minutes that are in order, as the latest.
pub(crate) fn add_trade(minutes: &mut VecDeque<Candle>, trade: &TradeRow) {
    let candle = candle_of(minute_of(trade.time), trade);
    match minutes.back_mut() {
        Some(last) if last.open_time == candle.open_time => merge(last, &candle),
        _ => minutes.push_back(candle),
    }
}

#[derive(Debug)]
pub(crate) struct Day {
    /// Only minutes with trades.
    minutes: VecDeque<Candle>,
    /// Every minute that begins here or later is complete.
    covered_from: UnixNanos,
    /// Last price of what was dropped.
    previous_close: Option<Ticks>,
    last_quantity: Option<Lots>,
}

impl Day {
    /// Nothing known before `time`, where trades may have happened before it if `last_price` says so.
    pub(crate) fn beginning_at(time: UnixNanos, last_price: Option<Ticks>) -> Self {
        let covered_from = if last_price.is_none() { UnixNanos(0) } else { minute_of(time).plus(MINUTE_NS) };
        Self { minutes: VecDeque::new(), covered_from, previous_close: last_price, last_quantity: None }
    }

    pub(crate) fn add(&mut self, trade: &TradeRow) {
        add_trade(&mut self.minutes, trade);
        self.last_quantity = Some(trade.quantity);
        self.drop_before(earliest_kept(trade.time));
    }

    /// The minutes up to the last trade stored, from `from` on; what was added before is replaced.
    pub(crate) fn fill(&mut self, minutes: Vec<Candle>, from: UnixNanos, previous_close: Option<Ticks>) {
        self.minutes = minutes.into();
        self.covered_from = from;
        self.previous_close = previous_close;
    }

    pub(crate) fn covered_from(&self) -> UnixNanos {
        self.covered_from
    }

    pub(crate) fn last_quantity(&self) -> Option<Lots> {
        self.last_quantity
    }

    pub(crate) fn set_last_quantity(&mut self, quantity: Lots) {
        self.last_quantity = Some(quantity);
    }

    pub(crate) fn minutes(&self) -> impl DoubleEndedIterator<Item = &Candle> {
        self.minutes.iter()
    }

    /// The minutes that begin after `from` (not before) up to `now`, added up.
    pub(crate) fn window(&self, from: UnixNanos, now: UnixNanos) -> Window {
        let first = self.minutes.partition_point(|minute| minute.open_time < from);
        let before = first.checked_sub(1).and_then(|index| self.minutes.get(index)).map(|minute| minute.close);
        let mut inside = self.minutes.range(first..);
        let mut candle = inside.next().copied();
        if let Some(sum) = &mut candle {
            inside.for_each(|minute| merge(sum, minute));
        }
        Window { open_time: from, close_time: now, candle, previous_close: before.or(self.previous_close) }
    }

    fn drop_before(&mut self, time: UnixNanos) {
        while self.minutes.front().is_some_and(|minute| minute.open_time < time) {
            self.previous_close = self.minutes.pop_front().map(|minute| minute.close);
        }
        self.covered_from = self.covered_from.max(time);
    }
}

/// Beginning of the oldest minute kept at `now`.
pub(crate) fn earliest_kept(now: UnixNanos) -> UnixNanos {
    UnixNanos(minute_of(now).0.saturating_sub((RECENT_MINUTES - 1) * MINUTE_NS))
}
