//! Orders, open orders, fills, positions.

use projector::batch::SymbolsRows;
use projector::changes::{Amended, OrderChange};
use projector::rows::{FillRow, OrderRow, Placed, PositionRow};
use projector::words::Word;
use rusqlite::{Connection, Statement, params};

use super::{client_hash, int, one};
use crate::fault::Fault;
use crate::units::{Decimal, Units};

pub(crate) fn write(connection: &Connection, units: &mut Units, rows: &SymbolsRows) -> Result<(), Fault> {
    insert_orders(connection, units, &rows.placed)?;
    change_orders(connection, units, &rows.changed)?;
    open_orders(connection, rows)?;
    insert_fills(connection, units, &rows.fills)?;
    put_positions(connection, units, &rows.positions)
}

/// What was placed, in columns.
pub(crate) struct Kind {
    pub(crate) word: &'static str,
    pub(crate) price: Option<i64>,
    pub(crate) time_in_force: Option<&'static str>,
    pub(crate) quantity: Option<i64>,
    pub(crate) quote: Option<Decimal>,
}

pub(crate) fn kind(connection: &Connection, units: &mut Units, row: &OrderRow) -> Result<Kind, Fault> {
    let Placed { price, time_in_force, quantity, quote } = row.kind.into();
    let quote = match quote {
        Some(quote) => Some(Decimal(quote, units.symbol(connection, row.symbol)?.quote)),
        None => None,
    };
    Ok(Kind {
        word: if price.is_some() { "limit" } else { "market" },
        price: price.map(|price| int(price.0)),
        time_in_force: time_in_force.map(Word::word),
        quantity: quantity.map(|quantity| int(quantity.0)),
        quote,
    })
}

fn insert_orders(connection: &Connection, units: &mut Units, rows: &[OrderRow]) -> Result<(), Fault> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO orders (order_id, user_id, symbol_id, side, kind, price, time_in_force, placed_quantity,
            placed_quote, client_order_id, client_hash, maker_ppm, taker_ppm, placed_seq, placed_time)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?;
    for row in rows {
        let Kind { word, price, time_in_force, quantity, quote } = kind(connection, units, row)?;
        insert.execute(params![
            int(row.order.0),
            row.user.0,
            row.symbol.0,
            row.side.word(),
            word,
            price,
            time_in_force,
            quantity,
            quote,
            row.client_order_id.as_str(),
            client_hash(row.user, &row.client_order_id),
            row.fees.maker.0,
            row.fees.taker.0,
            int(row.placed.0),
            int(row.placed_time.0),
        ])?;
    }
    insert_order_states(connection, units, rows)
}

fn insert_order_states(connection: &Connection, units: &mut Units, rows: &[OrderRow]) -> Result<(), Fault> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO order_states (order_id, quantity, executed, executed_quote, status, close_reason, last_seq,
            updated_time)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for row in rows {
        let (status, close_reason) = row.status.words();
        insert.execute(params![
            int(row.order.0),
            row.quantity.map(|quantity| int(quantity.0)),
            int(row.executed.0),
            Decimal(row.executed_quote, units.symbol(connection, row.symbol)?.quote),
            status,
            close_reason,
            int(row.last_seq.0),
            int(row.updated_time.0),
        ])?;
    }
    Ok(())
}

/// Only what changed.
fn change_orders(connection: &Connection, units: &mut Units, changes: &[OrderChange]) -> Result<(), Fault> {
    let mut set_status = connection.prepare_cached(
        "UPDATE order_states SET status = ?2, close_reason = ?3, last_seq = ?4, updated_time = ?5
         WHERE order_id = ?1",
    )?;
    let mut set_executed = connection.prepare_cached(
        "UPDATE order_states SET status = ?2, close_reason = ?3, last_seq = ?4, updated_time = ?5,
            executed = ?6, executed_quote = ?7 WHERE order_id = ?1",
    )?;
    for change in changes {
        let order = int(change.order.0);
        let (status, close_reason) = change.status.words();
        let (last_seq, updated_time) = (int(change.last_seq.0), int(change.updated_time.0));
        let changed = match change.executed {
            None => set_status.execute(params![order, status, close_reason, last_seq, updated_time])?,
            Some(executed) => {
                let quote = Decimal(executed.quote, units.symbol(connection, change.symbol)?.quote);
                let quantity = int(executed.quantity.0);
                set_executed.execute(params![order, status, close_reason, last_seq, updated_time, quantity, quote])?
            }
        };
        one(changed, || format!("of order {order}"))?;
        if let Some(amended) = &change.amended {
            amend_order(connection, change, amended)?;
        }
    }
    Ok(())
}

fn amend_order(connection: &Connection, change: &OrderChange, amended: &Amended) -> Result<(), Fault> {
    let (order, name) = (int(change.order.0), &amended.client_order_id);
    connection
        .prepare_cached("UPDATE order_states SET quantity = ?2 WHERE order_id = ?1")?
        .execute(params![order, int(amended.quantity.0)])?;
    // The client order id has an index: an amendment that leaves it alone must not touch it.
    connection
        .prepare_cached(
            "UPDATE orders SET client_order_id = ?2, client_hash = ?3 WHERE order_id = ?1 AND client_order_id <> ?2",
        )?
        .execute(params![order, name.as_str(), client_hash(change.user, name)])?;
    Ok(())
}

fn open_orders(connection: &Connection, rows: &SymbolsRows) -> Result<(), Fault> {
    let mut insert =
        connection.prepare_cached("INSERT INTO open_orders (order_id, user_id, symbol_id) VALUES (?1, ?2, ?3)")?;
    for row in rows.placed.iter().filter(|row| row.status.is_open()) {
        insert.execute(params![int(row.order.0), row.user.0, row.symbol.0])?;
    }
    let mut delete = connection.prepare_cached("DELETE FROM open_orders WHERE order_id = ?1")?;
    for change in rows.changed.iter().filter(|change| !change.status.is_open()) {
        one(delete.execute([int(change.order.0)])?, || format!("of open order {}", change.order.0))?;
    }
    Ok(())
}

fn insert_fills(connection: &Connection, units: &mut Units, rows: &[FillRow]) -> Result<(), Fault> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO order_fills (seq, event_index, time, order_id, user_id, execution, symbol_id, trade_id, side,
            liquidity, price, quantity, quote, fee, fee_asset_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?;
    for row in rows {
        insert_fill(&mut insert, connection, units, row)?;
    }
    Ok(())
}

/// How many rows were inserted.
pub(crate) fn insert_fill(
    insert: &mut Statement<'_>,
    connection: &Connection,
    units: &mut Units,
    row: &FillRow,
) -> Result<usize, Fault> {
    let scale = units.symbol(connection, row.symbol)?.quote;
    Ok(insert.execute(params![
        int(row.id.seq.0),
        row.id.index,
        int(row.time.0),
        int(row.order.0),
        row.user.0,
        int(row.execution.0),
        row.symbol.0,
        int(row.trade.0),
        row.side.word(),
        row.liquidity.word(),
        int(row.price.0),
        int(row.quantity.0),
        Decimal(row.quote, scale),
        units.text(connection, row.fee_asset, row.fee)?,
        row.fee_asset.0,
    ])?)
}

pub(crate) fn put_positions(connection: &Connection, units: &mut Units, rows: &[PositionRow]) -> Result<(), Fault> {
    let mut put = connection.prepare_cached(
        "INSERT OR REPLACE INTO positions (user_id, symbol_id, quantity, cost, realised, last_seq)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for row in rows {
        let scales = units.symbol(connection, row.symbol)?;
        put.execute(params![
            row.user.0,
            row.symbol.0,
            Decimal(row.quantity, scales.base),
            Decimal(row.cost, scales.quote),
            Decimal(row.realised, scales.quote),
            int(row.last_seq.0),
        ])?;
    }
    Ok(())
}
