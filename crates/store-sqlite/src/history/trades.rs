//! Trades of a symbol, and candles made of them.

use domain::ids::SymbolId;
use projector::candle::Candle;
use projector::history::{MinutesQuery, TimeRange, TradesQuery};
use projector::minutes::Minutes;
use projector::rows::TradeRow;
use rusqlite::{OptionalExtension, Row, params};

use super::orders::limit_of;
use super::walk::{Span, all, bisect, direction};
use crate::decode::{Scales, archive};
use crate::fault::Fault;
use crate::write::asked;

pub(super) fn of_symbol(scales: &mut Scales<'_>, query: &TradesQuery) -> Result<Vec<TradeRow>, Fault> {
    let selection = &query.selection;
    let newest_first = selection.newest_first();
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

pub(super) fn minutes(scales: &mut Scales<'_>, query: &MinutesQuery) -> Result<Vec<Candle>, Fault> {
    let mut minutes = Minutes::new(query);
    let Some(times) = minutes.times() else {
        return Ok(Vec::new());
    };
    let span = span(scales, query.symbol, &times)?;
    let sql = format!(
        "{} WHERE symbol_id = ?1 AND trade_id >= ?2 AND trade_id < ?3 ORDER BY trade_id {}",
        archive::TRADE,
        direction(minutes.newest_first())
    );
    let connection = scales.connection;
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params![query.symbol.0, asked(span.from), asked(span.to)])?;
    while let Some(row) = found.next()? {
        if !minutes.add(&archive::trade(row, scales)?) {
            break;
        }
    }
    Ok(minutes.candles())
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
