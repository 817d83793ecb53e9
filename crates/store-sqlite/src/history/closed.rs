//! Orders that a shard has given up, and their fills, out of the archive.

use domain::ids::OrderId;
use projector::history::{FillsQuery, OrderKey, OrdersQuery, ReadError, TimeRange};
use projector::retired::{Extent, RetiredHistory, RetiredRow};
use projector::rows::{FillRow, OrderRow};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::SqliteClosed;
use super::orders::{self, CLOSED, limit_of};
use super::walk::{all, bisect, direction, walk};
use crate::decode::{Scales, symbols};
use crate::fault::Fault;
use crate::retired::extent;
use crate::write::asked;

impl RetiredHistory for SqliteClosed {
    fn extent(&self) -> Result<Option<Extent>, ReadError> {
        // What is here is dropped elsewhere.
        self.0.name.check()?;
        Ok(self.0.ask(|scales| extent(scales.connection))?)
    }

    fn order(&self, key: OrderKey) -> Result<Option<OrderRow>, ReadError> {
        let rows = self.0.ask(|scales| match key {
            OrderKey::Id(order) => orders::by_id(CLOSED, scales, order),
            OrderKey::Client(user, name) => orders::by_client(CLOSED, scales, user, &name),
        });
        Ok(rows?.pop())
    }

    fn orders(&self, query: &OrdersQuery) -> Result<Vec<OrderRow>, ReadError> {
        Ok(self.0.ask(|scales| orders::of_user(CLOSED, scales, query))?)
    }

    fn fills(&self, query: &FillsQuery) -> Result<Vec<FillRow>, ReadError> {
        Ok(self.0.ask(|scales| match query.order {
            Some(order) => of_user_and_order(scales, query, order),
            None => of_user_and_symbol(scales, query),
        })?)
    }

    fn fills_of_order(&self, order: OrderId) -> Result<Vec<FillRow>, ReadError> {
        let sql = format!("{} WHERE order_id = ?1 ORDER BY trade_id", symbols::CLOSED_FILL);
        Ok(self.0.ask(|scales| all(scales, &sql, [asked(order.0)], symbols::fill))?)
    }

    fn visit(&self, visit: &mut dyn FnMut(RetiredRow)) -> Result<(), ReadError> {
        let orders = format!("{} ORDER BY order_id", symbols::CLOSED_ORDER);
        let fills = format!("{} ORDER BY order_id, trade_id", symbols::CLOSED_FILL);
        Ok(self.0.ask_for_all(|scales| {
            each(scales, &orders, &mut |row, scales| {
                visit(RetiredRow::Order(symbols::order(row, scales)?));
                Ok(())
            })?;
            each(scales, &fills, &mut |row, scales| {
                visit(RetiredRow::Fill(symbols::fill(row, scales)?));
                Ok(())
            })
        })?)
    }
}

type Each<'a> = &'a mut dyn FnMut(&Row<'_>, &mut Scales<'_>) -> Result<(), Fault>;

fn each(scales: &mut Scales<'_>, sql: &str, visit: Each<'_>) -> Result<(), Fault> {
    let mut statement = scales.connection.prepare_cached(sql)?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        visit(row, scales)?;
    }
    Ok(())
}

/// An order has at most one fill in a trade.
fn of_user_and_order(scales: &mut Scales<'_>, query: &FillsQuery, order: OrderId) -> Result<Vec<FillRow>, Fault> {
    let newest_first = query.selection.newest_first();
    let sql = format!(
        "{} WHERE order_id = ?1 AND user_id = ?2 AND symbol_id = ?3 AND trade_id >= ?4 AND time >= ?5 AND time <= ?6
         ORDER BY trade_id {} LIMIT ?7",
        symbols::CLOSED_FILL,
        direction(newest_first)
    );
    let first = query.selection.first.map_or(0, |first| asked(first.0));
    let (from, to) = bounds(&query.selection.time);
    let limit = limit_of(query.selection.limit);
    let of = params![asked(order.0), query.user.0, query.symbol.0, first, from, to, limit];
    let mut rows = all(scales, &sql, of, symbols::fill)?;
    if newest_first {
        rows.reverse();
    }
    Ok(rows)
}

/// Rows are added in the order of their orders, so a time is found by the ranges of sequences only, which follow it as trades do.
fn of_user_and_symbol(scales: &mut Scales<'_>, query: &FillsQuery) -> Result<Vec<FillRow>, Fault> {
    let newest_first = query.selection.newest_first();
    let direction = direction(newest_first);
    let sql = format!(
        "{} WHERE seq >> 20 = ?1 AND user_id = ?2 AND symbol_id = ?3 AND trade_id >= ?4 AND time >= ?5 AND time <= ?6
         ORDER BY trade_id {direction}, event_index {direction} LIMIT ?7",
        symbols::CLOSED_FILL
    );
    let connection = scales.connection;
    let Some((oldest, newest)) = ranges(connection, &query.selection.time)? else { return Ok(Vec::new()) };
    let next = |range: Option<u64>| {
        let found = match (range, newest_first) {
            (None, true) => probe(connection, LAST_BEFORE, newest + 1)?,
            (Some(range), true) => probe(connection, LAST_BEFORE, range)?,
            (None, false) => probe(connection, FIRST_FROM, oldest)?,
            (Some(range), false) => probe(connection, FIRST_FROM, range + 1)?,
        };
        Ok(found.map(|(range, _)| range).filter(|range| (oldest..=newest).contains(range)))
    };
    let first = query.selection.first.map_or(0, |first| asked(first.0));
    let (from, to) = bounds(&query.selection.time);
    walk(newest_first, query.selection.limit, next, |range, limit| {
        let of = params![asked(range), query.user.0, query.symbol.0, first, from, to, limit_of(limit)];
        all(scales, &sql, of, symbols::fill)
    })
}

const FIRST_FROM: &str =
    "SELECT seq >> 20, time FROM closed_order_fills WHERE seq >> 20 >= ?1 ORDER BY seq >> 20 LIMIT 1";
const LAST_BEFORE: &str =
    "SELECT seq >> 20, time FROM closed_order_fills WHERE seq >> 20 < ?1 ORDER BY seq >> 20 DESC LIMIT 1";

/// The nearest range of sequences with rows, and the time of one of them.
fn probe(connection: &Connection, sql: &str, range: u64) -> Result<Option<(u64, u64)>, Fault> {
    let long = |row: &Row<'_>, column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row([asked(range)], |row| Ok((long(row, 0)?, long(row, 1)?))).optional()?)
}

/// The first and the last range of sequences that can have rows of these times; absent: none has any. Rows of one range are not later
/// than those of the next, so what one of its rows says holds for all before or behind it, but not for the range itself.
fn ranges(connection: &Connection, times: &TimeRange) -> Result<Option<(u64, u64)>, Fault> {
    let Some((last, _)) = probe(connection, LAST_BEFORE, u64::MAX)? else { return Ok(None) };
    let first = |satisfies: &dyn Fn(u64) -> bool| {
        let probe = |range| Ok(probe(connection, FIRST_FROM, range)?.map(|(range, time)| (range, satisfies(time))));
        bisect(last + 1, probe)
    };
    let oldest = match times.from {
        None => 0,
        Some(from) => {
            let inside = first(&|time| time >= from.0)?;
            probe(connection, LAST_BEFORE, inside)?.map_or(inside, |(before, _)| before)
        }
    };
    let newest = match times.to {
        None => last,
        Some(to) => first(&|time| time > to.0)?,
    };
    Ok(Some((oldest, newest)))
}

fn bounds(times: &TimeRange) -> (i64, i64) {
    (times.from.map_or(0, |from| asked(from.0)), times.to.map_or(i64::MAX, |to| asked(to.0)))
}
