//! Fills by order, by user and symbol.

use domain::ids::OrderId;
use projector::history::FillsQuery;
use projector::rows::FillRow;
use rusqlite::params;

use super::orders::limit_of;
use super::walk::{Appended, Span, all, direction};
use crate::decode::{Scales, symbols};
use crate::fault::Fault;
use crate::write::asked;

pub(super) fn of_order(scales: &mut Scales<'_>, order: OrderId) -> Result<Vec<FillRow>, Fault> {
    let sql = format!("{} WHERE order_id = ?1 ORDER BY trade_id, rowid", symbols::FILL);
    all(scales, &sql, [asked(order.0)], symbols::fill)
}

pub(super) fn of_user(scales: &mut Scales<'_>, query: &FillsQuery) -> Result<Vec<FillRow>, Fault> {
    let table = Appended::fills(scales.connection);
    let span = table.rows_of(&query.selection.time)?;
    match query.order {
        Some(order) => of_user_and_order(scales, query, order, span),
        None => of_user_and_symbol(scales, query, table, span),
    }
}

fn of_user_and_order(
    scales: &mut Scales<'_>,
    query: &FillsQuery,
    order: OrderId,
    span: Span,
) -> Result<Vec<FillRow>, Fault> {
    let newest_first = query.selection.newest_first();
    let direction = direction(newest_first);
    let sql = format!(
        "{} WHERE order_id = ?1 AND user_id = ?2 AND symbol_id = ?3 AND trade_id >= ?4 AND rowid >= ?5 AND rowid < ?6
         ORDER BY trade_id {direction}, rowid {direction} LIMIT ?7",
        symbols::FILL
    );
    let first = query.selection.first.map_or(0, |first| asked(first.0));
    let (from, to, limit) = (asked(span.from), asked(span.to), limit_of(query.selection.limit));
    let of = params![asked(order.0), query.user.0, query.symbol.0, first, from, to, limit];
    let mut rows = all(scales, &sql, of, symbols::fill)?;
    if newest_first {
        rows.reverse();
    }
    Ok(rows)
}

fn of_user_and_symbol(
    scales: &mut Scales<'_>,
    query: &FillsQuery,
    table: Appended<'_>,
    span: Span,
) -> Result<Vec<FillRow>, Fault> {
    let newest_first = query.selection.newest_first();
    let direction = direction(newest_first);
    let sql = format!(
        "{} WHERE seq >> 20 = ?1 AND user_id = ?2 AND symbol_id = ?3 AND trade_id >= ?4 AND rowid >= ?5 AND rowid < ?6
         ORDER BY trade_id {direction}, rowid {direction} LIMIT ?7",
        symbols::FILL
    );
    let first = query.selection.first.map_or(0, |first| asked(first.0));
    table.walk(span, newest_first, query.selection.limit, |range, limit| {
        let (from, to, limit) = (asked(span.from), asked(span.to), limit_of(limit));
        let of = params![asked(range), query.user.0, query.symbol.0, first, from, to, limit];
        all(scales, &sql, of, symbols::fill)
    })
}
