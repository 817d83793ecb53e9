//! `GET /api/v3/ticker/bookTicker`, `ticker/price`, `ticker/24hr`, `avgPrice`.

use domain::units::{Lots, Ticks, UnixNanos, mul_div};
use projector::book::Level;
use projector::candle::Candle;
use readmodel::market::Ticker;

use crate::decimal::DecimalText;
use crate::error::Error;
use crate::json::Json;
use crate::reply::Reply;
use crate::request::Call;
use crate::units::Units;

use super::selection::Symbols;

const AVERAGE_MINUTES: u64 = 5;
const MINUTE_NS: u64 = 60_000_000_000;

pub(crate) fn book(call: &Call<'_>) -> Result<Reply, Error> {
    let symbols = Symbols::read(call)?;
    call.params.all_read()?;
    Ok(each(&symbols, |json, units| {
        let best = call.model().best(units.symbol.instrument.id());
        let (bid, ask) = best.map_or((None, None), |best| (best.bid, best.ask));
        json.object(|json| {
            json.text("symbol", units.symbol.instrument.code().as_str());
            write_best(json, units, bid, ask);
        });
    }))
}

pub(crate) fn price(call: &Call<'_>) -> Result<Reply, Error> {
    let symbols = Symbols::read(call)?;
    call.params.all_read()?;
    let now = now(call);
    Ok(each(&symbols, |json, units| {
        let ticker = call.model().ticker(units.symbol.instrument.id(), now);
        json.object(|json| {
            json.text("symbol", units.symbol.instrument.code().as_str());
            let last = ticker.and_then(|ticker| ticker.last_price);
            json.plain("price", units.price_or_zero(last).as_bytes());
        });
    }))
}

pub(crate) fn day(call: &Call<'_>) -> Result<Reply, Error> {
    let symbols = Symbols::read(call)?;
    let full = match call.params.optional("type")? {
        None | Some("FULL") => true,
        Some("MINI") => false,
        Some(_) => return Err(Error::bad(-1139, "Invalid ticker type.")),
    };
    call.params.all_read()?;
    let now = now(call);
    Ok(each(&symbols, |json, units| {
        if let Some(ticker) = call.model().ticker(units.symbol.instrument.id(), now) {
            write_day(json, units, &ticker, full);
        }
    }))
}

pub(crate) fn average(call: &Call<'_>) -> Result<Reply, Error> {
    let units = call.symbol()?;
    call.params.all_read()?;
    let (symbol, now) = (units.symbol.instrument.id(), now(call));
    let from = UnixNanos(now.0.saturating_sub((AVERAGE_MINUTES - 1) * MINUTE_NS));
    let last = call.model().last_trades(symbol, 1).and_then(|rows| rows.first().copied());
    let average = call.model().window(symbol, from, now).and_then(|window| weighted_average(&units, &window.candle?));
    let last_price = call.model().ticker(symbol, now).and_then(|ticker| ticker.last_price);
    Ok(Reply::ok(|json| {
        json.object(|json| {
            json.number("mins", AVERAGE_MINUTES);
            let average = average.unwrap_or_else(|| units.price_or_zero(last_price));
            json.plain("price", average.as_bytes());
            json.number("closeTime", last.map_or(0, |row| row.time.millis()));
        });
    }))
}

/// Block time may be ahead of this clock; a ticker never ends before the last trade.
fn now(call: &Call<'_>) -> UnixNanos {
    call.now().max(call.model().time())
}

fn each(symbols: &Symbols, write: impl Fn(&mut Json, &Units)) -> Reply {
    match symbols {
        Symbols::One(units) => Reply::ok(|json| write(json, units)),
        Symbols::Many(units) => Reply::ok(|json| json.array(|json| units.iter().for_each(|units| write(json, units)))),
    }
}

fn write_best(json: &mut Json, units: &Units, bid: Option<Level>, ask: Option<Level>) {
    for (price, quantity, level) in [("bidPrice", "bidQty", bid), ("askPrice", "askQty", ask)] {
        json.plain(price, units.price_or_zero(level.map(|level| level.price)).as_bytes());
        json.plain(quantity, units.lots(level.map_or(0, |level| level.lots)).as_bytes());
    }
}

fn write_day(json: &mut Json, units: &Units, ticker: &Ticker, full: bool) {
    let day = &ticker.day;
    let candle = day.candle.as_ref();
    let last = ticker.last_price;
    // A day without trades opens where the last one closed.
    let open = candle.map(|candle| candle.open).or(last);
    json.object(|json| {
        json.text("symbol", units.symbol.instrument.code().as_str());
        if full {
            write_change(json, units, open, last);
            let average = candle.and_then(|candle| weighted_average(units, candle));
            json.plain("weightedAvgPrice", average.unwrap_or_else(|| units.price_or_zero(None)).as_bytes());
            json.plain("prevClosePrice", units.price_or_zero(day.previous_close.or(open)).as_bytes());
        }
        json.plain("lastPrice", units.price_or_zero(last).as_bytes());
        if full {
            json.plain("lastQty", units.quantity(ticker.last_quantity.unwrap_or(Lots::ZERO)).as_bytes());
            write_best(json, units, ticker.best.bid, ticker.best.ask);
        }
        json.plain("openPrice", units.price_or_zero(open).as_bytes());
        json.plain("highPrice", units.price_or_zero(candle.map(|candle| candle.high).or(last)).as_bytes());
        json.plain("lowPrice", units.price_or_zero(candle.map(|candle| candle.low).or(last)).as_bytes());
        json.plain("volume", units.lots(candle.map_or(0, |candle| candle.volume)).as_bytes());
        let quote = candle.map(|candle| candle.quote_volume).unwrap_or_default();
        json.plain("quoteVolume", units.quote_amount(quote).as_bytes());
        json.number("openTime", day.open_time.millis());
        json.number("closeTime", day.close_time.millis());
        if let Some(candle) = candle {
            json.number("firstId", candle.first_trade.0);
            json.number("lastId", candle.last_trade.0);
        } else {
            // Binance's way of saying that there is none.
            json.raw("firstId", b"-1");
            json.raw("lastId", b"-1");
        }
        json.number("count", candle.map_or(0, |candle| candle.trades));
    });
}

fn write_change(json: &mut Json, units: &Units, open: Option<Ticks>, last: Option<Ticks>) {
    let units_of = |price: Option<Ticks>| price.map_or(0, |price| units.price_units(price));
    let change = units_of(last).saturating_sub(units_of(open));
    // In thousandths of a percent.
    let percent = mul_div(change, 100_000, units_of(open)).unwrap_or(0);
    json.plain("priceChange", DecimalText::new(change, units.price_scale()).as_bytes());
    json.plain("priceChangePercent", DecimalText::new(percent, 3).as_bytes());
}

/// Quote per base, rounded down to the decimals of a price.
fn weighted_average(units: &Units, candle: &Candle) -> Option<DecimalText> {
    let instrument = &units.symbol.instrument;
    let lots = i128::try_from(candle.volume).ok()?;
    let one_lot = instrument.base_amount(Lots(1)).ok()?;
    let base = lots.checked_mul(one_lot.0)?;
    let power = |exponent: u8| 10_i128.checked_pow(u32::from(exponent));
    // quote / 10^quote_scale / (base / 10^base_scale), in units of 10^-price_scale.
    let scale = units.price_scale();
    let up = power(units.base.scale)?.checked_mul(power(scale.checked_sub(units.quote.scale)?)?)?;
    Some(DecimalText::new(mul_div(candle.quote_volume.0, up, base)?, scale))
}
