//! Trades of a symbol, and candles made of them.

use domain::ids::SymbolId;
use domain::units::UnixNanos;
use projector::candle::Candle;
use projector::history::{MinutesQuery, TimeRange, TradesQuery};
use projector::rows::TradeRow;
use rusqlite::{OptionalExtension, Row, params};

use super::orders::limit_of;
use super::walk::{Span, all, bisect, direction, newest_first};
use crate::decode::{Scales, archive};
use crate::fault::Fault;
use crate::write::asked;

const MINUTE_NS: u64 = 60_000_000_000;

pub(super) fn of_symbol(scales: &mut Scales<'_>, query: &TradesQuery) -> Result<Vec<TradeRow>, Fault> {
    let selection = &query.selection;
    let newest_first = newest_first(selection);
    let span = span(scales, query.symbol, &selection.time)?.from(selection.first.map(|first| first.0));
    let sql = format!(
        "{} WHERE symbol_id = ?1 AND trade_id >= ?2 AND trade_id < ?3 ORDER BY trade_id {} LIMIT ?4",
        archive::TRADE,
        direction(newest_first)
    );
    let of = params![query.symbol.0, asked(span.from), asked(span.to), limit_of(selection.limit)];
    let mut rows = all(scales, &sql, of, archive::trade)?;
    if newest_first {
        rows.reverse();
    }
    Ok(rows)
}

/// Folded here and not in SQL: quote volumes pass what SQL can add exactly.
pub(super) fn minutes(scales: &mut Scales<'_>, query: &MinutesQuery) -> Result<Vec<Candle>, Fault> {
    let newest_first = query.time.from.is_none();
    let Some(times) = whole_minutes(&query.time) else {
        return Ok(Vec::new());
    };
    let span = span(scales, query.symbol, &times)?;
    let sql = format!(
        "{} WHERE symbol_id = ?1 AND trade_id >= ?2 AND trade_id < ?3 ORDER BY trade_id {}",
        archive::TRADE,
        direction(newest_first)
    );
    let connection = scales.connection;
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params![query.symbol.0, asked(span.from), asked(span.to)])?;
    let mut candles: Vec<Candle> = Vec::new();
    while let Some(row) = found.next()? {
        let trade = archive::trade(row, scales)?;
        let open_time = minute_of(trade.time);
        let full = candles.len() == query.limit;
        match candles.last_mut().filter(|candle| candle.open_time == open_time) {
            Some(candle) => add(candle, &trade, newest_first),
            None if full => break,
            None => candles.push(Candle::of(open_time, &trade)),
        }
    }
    if newest_first {
        candles.reverse();
    }
    Ok(candles)
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

/// Adds the next trade that was read.
fn add(candle: &mut Candle, trade: &TradeRow, newest_first: bool) {
    let mut one = Candle::of(candle.open_time, trade);
    if newest_first {
        one.add(candle);
        *candle = one;
    } else {
        candle.add(&one);
    }
}

/// Trade ids of the times: the time does not go back with the trade.
fn span(scales: &Scales<'_>, symbol: SymbolId, times: &TimeRange) -> Result<Span, Fault> {
    let sql = "SELECT max(trade_id) FROM completed_trades WHERE symbol_id = ?1";
    let last: Option<i64> = scales.connection.prepare_cached(sql)?.query_row([symbol.0], |row| row.get(0))?;
    let end = last.map_or(0, |last| last.cast_unsigned() + 1);
    let mut statement = scales.connection.prepare_cached(
        "SELECT trade_id, time FROM completed_trades WHERE symbol_id = ?1 AND trade_id >= ?2 ORDER BY trade_id LIMIT 1",
    )?;
    Span::of_times(times, |time| {
        bisect(end, |trade| {
            let long = |row: &Row<'_>, column| row.get::<_, i64>(column).map(i64::cast_unsigned);
            let found =
                statement.query_row(params![symbol.0, asked(trade)], |row| Ok((long(row, 0)?, long(row, 1)? >= time)));
            Ok(found.optional()?)
        })
    })
}
