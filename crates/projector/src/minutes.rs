//! One-minute candles, folded from stored trades: quote volumes pass what databases can add exactly.

use domain::units::UnixNanos;

use crate::candle::Candle;
use crate::history::{MinutesQuery, TimeRange};
use crate::rows::TradeRow;

const MINUTE_NS: u64 = 60_000_000_000;

/// What a query for minutes asks for, and what was found of it so far.
#[derive(Debug)]
pub struct Minutes {
    /// Absent: no minute begins in the range that is asked for.
    times: Option<TimeRange>,
    newest_first: bool,
    limit: usize,
    candles: Vec<Candle>,
}

impl Minutes {
    /// Nothing was found yet.
    pub fn new(query: &MinutesQuery) -> Self {
        let newest_first = query.time.from.is_none();
        Self { times: whole_minutes(&query.time), newest_first, limit: query.limit, candles: Vec::new() }
    }

    /// The times of all trades in the minutes that are asked for; absent: there are no such minutes.
    pub const fn times(&self) -> Option<TimeRange> {
        self.times
    }

    /// Whether trades must be added from the newest on, or from the oldest.
    pub const fn newest_first(&self) -> bool {
        self.newest_first
    }

    /// Adds the next trade; false: there are enough minutes, and it is in none of them.
    pub fn add(&mut self, trade: &TradeRow) -> bool {
        let open_time = minute_of(trade.time);
        let mut added = Candle::of(open_time, trade);
        let full = self.candles.len() == self.limit;
        match self.candles.last_mut().filter(|candle| candle.open_time == open_time) {
            Some(candle) if self.newest_first => {
                added.add(candle);
                *candle = added;
            }
            Some(candle) => candle.add(&added),
            None if full => return false,
            None => self.candles.push(added),
        }
        true
    }

    /// The minutes, oldest first.
    pub fn candles(mut self) -> Vec<Candle> {
        if self.newest_first {
            self.candles.reverse();
        }
        self.candles
    }
}

/// The times of all trades in minutes that begin inside the range; absent if none does.
fn whole_minutes(time: &TimeRange) -> Option<TimeRange> {
    let from = match time.from {
        Some(from) => Some(UnixNanos(from.0.div_ceil(MINUTE_NS).checked_mul(MINUTE_NS)?)),
        None => None,
    };
    let to = time.to.map(|to| minute_of(to).plus(MINUTE_NS - 1));
    Some(TimeRange { from, to })
}

fn minute_of(time: UnixNanos) -> UnixNanos {
    UnixNanos(time.0 / MINUTE_NS * MINUTE_NS)
}
