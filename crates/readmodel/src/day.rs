//! The last 24 hours of one symbol, minute by minute.

use std::collections::VecDeque;

use domain::units::{Lots, Ticks, UnixNanos};
use projector::candle::Candle;
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

/// Adds `trade` to candles of minutes that are in order, as the latest.
pub(crate) fn add_trade(minutes: &mut VecDeque<Candle>, trade: &TradeRow) {
    let candle = Candle::of(minute_of(trade.time), trade);
    match minutes.back_mut() {
        Some(last) if last.open_time == candle.open_time => last.add(&candle),
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
            inside.for_each(|minute| sum.add(minute));
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
