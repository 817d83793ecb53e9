//! `GET /api/v3/klines` and `uiKlines`: folds of one-minute candles.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::ids::SymbolId;
use domain::units::{Amount, Ticks, UnixNanos};
use projector::archive::{ArchiveHistory, BucketsQuery, Settled};
use projector::candle::Candle;
use projector::history::{History, MinutesQuery, TimeRange};
use readmodel::model::ReadModel;

use crate::account::orders::time_range;
use crate::error::Error;
use crate::json::Json;
use crate::reply::Reply;
use crate::request::Call;
use crate::units::Units;

use super::intervals::Interval;

const KLINES_DEFAULT: usize = 500;
const KLINES_MAX: usize = 1_000;
/// Minutes read from a store at once.
const MINUTES_PER_READ: usize = 10_000;
/// How long the minutes of one request may take to read.
const READ_MAX: Duration = Duration::from_secs(5);

pub(crate) async fn klines(call: &Call<'_>) -> Result<Reply, Error> {
    let units = call.symbol()?;
    let interval = Interval::parse(call.params.mandatory("interval")?);
    let interval = interval.ok_or(Error::bad(-1120, "Invalid interval."))?;
    if !matches!(call.params.optional("timeZone")?, None | Some("0" | "00:00" | "0:00")) {
        return Err(Error::bad(-1130, "timeZone is not supported; klines are cut in UTC."));
    }
    let asked = Asked {
        symbol: units.symbol.instrument.id(),
        interval,
        time: time_range(call)?,
        limit: call.params.limit(KLINES_DEFAULT, KLINES_MAX)?,
        now: call.now().max(call.model().time()),
    };
    call.params.all_read()?;
    let (model, history) = (Arc::clone(&call.gateway.model), Arc::clone(&call.gateway.history));
    let archive = Arc::clone(&call.gateway.archive);
    let klines = call.read_blocking(move || asked.read(&model, &*history, &*archive)).await?;
    Ok(Reply::ok(|json| {
        json.array(|json| klines.iter().for_each(|kline| write_kline(json, &units, interval, kline)));
    }))
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    symbol: SymbolId,
    interval: Interval,
    time: TimeRange,
    limit: usize,
    now: UnixNanos,
}

impl Asked {
    fn read(
        self,
        model: &ReadModel,
        history: &dyn History,
        archive: &dyn ArchiveHistory,
    ) -> Result<Vec<Candle>, Error> {
        let Some((first, end)) = self.range(model, history)? else { return Ok(Vec::new()) };
        let mut close = self.close_before(model, history, first)?;
        let mut klines = Vec::new();
        let mut begin = first;
        let started = Instant::now();
        let mut minutes = Minutes { asked: self, model, history, archive: Some(archive), from: first, end, started };
        let mut page = minutes.next()?.into_iter().peekable();
        while begin < end && klines.len() < self.limit {
            let next = self.interval.next(begin);
            let mut kline: Option<Candle> = None;
            loop {
                while let Some(minute) = page.next_if(|minute| minute.open_time < next) {
                    match &mut kline {
                        Some(sum) => sum.add(&minute),
                        None => kline = Some(Candle { open_time: begin, ..minute }),
                    }
                }
                if page.peek().is_some() || minutes.from >= end {
                    break;
                }
                page = minutes.next()?.into_iter().peekable();
            }
            // Nothing traded: the kline stands still where the last one closed; before the first trade there is none.
            let kline = kline.or_else(|| close.map(|close| still(begin, close)));
            close = kline.map(|kline| kline.close);
            klines.extend(kline);
            begin = next;
        }
        Ok(klines)
    }

    /// Beginning of the first kline and end of the last; nothing if there cannot be any.
    fn range(&self, model: &ReadModel, history: &dyn History) -> Result<Option<(UnixNanos, UnixNanos)>, Error> {
        let last = self.time.to.map_or(self.now, |to| to.min(self.now));
        let end = self.interval.next(self.interval.begin(last));
        let Some(from) = self.time.from else {
            let back = u64::try_from(self.limit).unwrap_or(u64::MAX).saturating_sub(1);
            return Ok(Some((self.interval.back(self.interval.begin(last), back), end)));
        };
        let begin = self.interval.begin(from);
        let first = if begin < from { self.interval.next(begin) } else { begin };
        if first >= end {
            return Ok(None);
        }
        if self.close_before(model, history, first)?.is_some() {
            return Ok(Some((first, end)));
        }
        // Klines begin with the first trade.
        let minute = self.minutes(model, history, TimeRange { from: Some(first), to: Some(last_before(end)) }, 1)?;
        Ok(minute.first().map(|minute| (self.interval.begin(minute.open_time), end)))
    }

    fn close_before(&self, model: &ReadModel, history: &dyn History, time: UnixNanos) -> Result<Option<Ticks>, Error> {
        let before = TimeRange { from: None, to: Some(last_before(time)) };
        if time.0 == 0 {
            return Ok(None);
        }
        Ok(self.minutes(model, history, before, 1)?.last().map(|minute| minute.close))
    }

    fn minutes(
        &self,
        model: &ReadModel,
        history: &dyn History,
        time: TimeRange,
        limit: usize,
    ) -> Result<Vec<Candle>, Error> {
        Ok(model.minutes(history, &MinutesQuery { symbol: self.symbol, time, limit })?)
    }
}

/// The minutes of a range, some at a time.
struct Minutes<'a> {
    asked: Asked,
    model: &'a ReadModel,
    history: &'a dyn History,
    /// Has candles that are over; absent: all of them were read.
    archive: Option<&'a dyn ArchiveHistory>,
    /// Everything before was read.
    from: UnixNanos,
    end: UnixNanos,
    started: Instant,
}

impl Minutes<'_> {
    fn next(&mut self) -> Result<Vec<Candle>, Error> {
        if self.started.elapsed() > READ_MAX {
            return Err(Error::unavailable(-5022, "These klines take too long to add up; ask for fewer."));
        }
        if let Some(archive) = self.archive {
            let settled = self.settled(archive);
            if !settled.is_empty() {
                return Ok(settled);
            }
            self.archive = None;
        }
        let time = TimeRange { from: Some(self.from), to: Some(last_before(self.end)) };
        let page = self.asked.minutes(self.model, self.history, time, MINUTES_PER_READ)?;
        self.from = match page.last() {
            Some(last) if page.len() == MINUTES_PER_READ => last.open_time.plus(1),
            Some(_) | None => self.end,
        };
        Ok(page)
    }
}

impl Minutes<'_> {
    /// The next stored candles that are certainly over. What the archive does not say is added up from trades.
    fn settled(&mut self, archive: &dyn ArchiveHistory) -> Vec<Candle> {
        let query = BucketsQuery {
            key: self.asked.symbol,
            interval: self.asked.interval.stored(),
            time: TimeRange { from: Some(self.from), to: Some(last_before(self.end)) },
            limit: MINUTES_PER_READ,
        };
        let Settled { candles, next, .. } = Settled::read(archive, &query).unwrap_or_else(|error| {
            tracing::debug!(%error, "klines are added up from trades");
            Settled::default()
        });
        self.from = next.unwrap_or(self.from);
        candles
    }
}

fn last_before(time: UnixNanos) -> UnixNanos {
    UnixNanos(time.0.saturating_sub(1))
}

fn still(begin: UnixNanos, price: Ticks) -> Candle {
    Candle {
        open_time: begin,
        open: price,
        high: price,
        low: price,
        close: price,
        volume: 0,
        quote_volume: Amount::ZERO,
        taker_buy_volume: 0,
        taker_buy_quote_volume: Amount::ZERO,
        first_trade: domain::ids::TradeId(0),
        last_trade: domain::ids::TradeId(0),
        trades: 0,
    }
}

fn write_kline(json: &mut Json, units: &Units, interval: Interval, kline: &Candle) {
    json.array(|json| {
        json.number_value(kline.open_time.millis());
        for price in [kline.open, kline.high, kline.low, kline.close] {
            json.plain_value(units.price(price).as_bytes());
        }
        json.plain_value(units.lots(kline.volume).as_bytes());
        json.number_value(interval.next(kline.open_time).millis().saturating_sub(1));
        json.plain_value(units.quote_amount(kline.quote_volume).as_bytes());
        json.number_value(kline.trades);
        json.plain_value(units.lots(kline.taker_buy_volume).as_bytes());
        json.plain_value(units.quote_amount(kline.taker_buy_quote_volume).as_bytes());
        json.plain_value(b"0");
    });
}
