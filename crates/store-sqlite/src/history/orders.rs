//! Orders by id, by client order id, by user and symbol.

use domain::ids::{OrderId, UserId};
use domain::text::ClientOrderId;
use projector::history::{OrdersQuery, last_holders};
use projector::rows::OrderRow;
use rusqlite::{OptionalExtension, Row, params};

use super::walk::{Span, all, bisect, direction, walk};
use crate::decode::{Scales, symbols};
use crate::fault::Fault;
use crate::write::{asked, client_hash};

/// Orders in a range of the indexes of `orders`; see `schema/hot_1.sql`.
const ORDER_RANGE_BITS: u32 = 17;
const EVERYTHING: Span = Span { from: 0, to: u64::MAX >> 1 };

/// Where orders are: two tables with the same indexes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Orders {
    select: &'static str,
    table: &'static str,
}

pub(super) const HOT: Orders = Orders { select: symbols::ORDER, table: "orders" };
pub(super) const CLOSED: Orders = Orders { select: symbols::CLOSED_ORDER, table: "closed_orders" };

pub(super) fn by_id(of: Orders, scales: &mut Scales<'_>, order: OrderId) -> Result<Vec<OrderRow>, Fault> {
    let sql = format!("{} WHERE order_id = ?1", of.select);
    all(scales, &sql, [asked(order.0)], symbols::order)
}

/// Those that may have had the name last: any range may have them.
pub(super) fn by_client(
    of: Orders,
    scales: &mut Scales<'_>,
    user: UserId,
    name: &ClientOrderId,
) -> Result<Vec<OrderRow>, Fault> {
    let sql = format!(
        "{} WHERE order_id >> 17 = ?1 AND client_hash = ?2 AND user_id = ?3 AND client_order_id = ?4",
        of.select
    );
    let hash = client_hash(user, name);
    let connection = scales.connection;
    let next = |range| next_range(of, connection, EVERYTHING, true, range);
    let rows = walk(true, usize::MAX, next, |range, _| {
        all(scales, &sql, params![asked(range), hash, user.0, name.as_str()], symbols::order)
    })?;
    Ok(last_holders(rows))
}

pub(super) fn of_user(of: Orders, scales: &mut Scales<'_>, query: &OrdersQuery) -> Result<Vec<OrderRow>, Fault> {
    let selection = &query.selection;
    let newest_first = selection.newest_first();
    let connection = scales.connection;
    let first_at = |time| first_placed_at(of, connection, time);
    let span = Span::of_times(&selection.time, first_at)?.from(selection.first.map(|first| first.0));
    let sql = format!(
        "{} WHERE order_id >> 17 = ?1 AND user_id = ?2 AND symbol_id = ?3 AND order_id >= ?4 AND order_id < ?5
         ORDER BY order_id {} LIMIT ?6",
        of.select,
        direction(newest_first)
    );
    let next = |range| next_range(of, connection, span, newest_first, range);
    walk(newest_first, selection.limit, next, |range, limit| {
        let (from, to, limit) = (asked(span.from), asked(span.to), limit_of(limit));
        let asked = params![asked(range), query.user.0, query.symbol.0, from, to, limit];
        all(scales, &sql, asked, symbols::order)
    })
}

/// SQLite counts rows with a signed number.
pub(super) fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The next range of ids that has orders: ids of another cell begin far away.
fn next_range(
    of: Orders,
    connection: &rusqlite::Connection,
    span: Span,
    newest_first: bool,
    range: Option<u64>,
) -> Result<Option<u64>, Fault> {
    let left = match (range, newest_first) {
        (None, _) => span,
        (Some(range), true) => Span { to: span.to.min(range << ORDER_RANGE_BITS), ..span },
        (Some(range), false) => Span { from: span.from.max((range + 1) << ORDER_RANGE_BITS), ..span },
    };
    if left.is_empty() {
        return Ok(None);
    }
    let nearest = if newest_first { "max" } else { "min" };
    let sql = format!("SELECT {nearest}(order_id) FROM {} WHERE order_id >= ?1 AND order_id < ?2", of.table);
    let mut statement = connection.prepare_cached(&sql)?;
    let found: Option<i64> = statement.query_row([asked(left.from), asked(left.to)], |row| row.get(0))?;
    Ok(found.map(|order| order.cast_unsigned() >> ORDER_RANGE_BITS))
}

/// The first order placed at or after a time: ids are given out in the order of placement.
fn first_placed_at(of: Orders, connection: &rusqlite::Connection, time: u64) -> Result<u64, Fault> {
    let Orders { table, .. } = of;
    let last = format!("SELECT max(order_id) FROM {table}");
    let last: Option<i64> = connection.query_row(&last, [], |row| row.get(0))?;
    let sql = format!("SELECT order_id, placed_time FROM {table} WHERE order_id >= ?1 ORDER BY order_id LIMIT 1");
    let mut statement = connection.prepare_cached(&sql)?;
    bisect(last.map_or(0, |last| last.cast_unsigned() + 1), |order| {
        let long = |row: &Row<'_>, column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        let found = statement.query_row([asked(order)], |row| Ok((long(row, 0)?, long(row, 1)? >= time)));
        Ok(found.optional()?)
    })
}
