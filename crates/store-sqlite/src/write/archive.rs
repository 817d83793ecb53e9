//! Completed trades and audit logs.

use projector::rows::{AuditRow, TradeRow};
use projector::words::Word;
use rusqlite::{Connection, params};

use super::int;
use crate::fault::Fault;
use crate::units::{Decimal, Units};

pub(crate) fn trades(connection: &Connection, units: &mut Units, rows: &[TradeRow]) -> Result<(), Fault> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO completed_trades (symbol_id, trade_id, seq, event_index, time, price, quantity, quote, taker_side,
            maker_order_id, maker_user_id, taker_order_id, taker_user_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    for row in rows {
        insert.execute(params![
            row.symbol.0,
            int(row.trade.0),
            int(row.id.seq.0),
            row.id.index,
            int(row.time.0),
            int(row.price.0),
            int(row.quantity.0),
            Decimal(row.quote, units.symbol(connection, row.symbol)?.quote),
            row.taker_side.word(),
            int(row.maker_order.0),
            row.maker_user.0,
            int(row.taker_order.0),
            row.taker_user.0,
        ])?;
    }
    Ok(())
}

pub(crate) fn audit(connection: &Connection, rows: &[AuditRow]) -> Result<(), Fault> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO audit_logs (seq, time, user_id, key_id, session_id, transport, address_id, client_time, deadline,
            action, content, outcome, block)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    for row in rows {
        let envelope = &row.envelope;
        insert.execute(params![
            int(row.seq.0),
            int(row.time.0),
            envelope.user.0,
            envelope.key.0,
            int(envelope.session.0),
            envelope.transport.word(),
            envelope.address.0,
            envelope.client_time.map(|time| int(time.0)),
            envelope.deadline.map(|time| int(time.0)),
            row.action,
            row.content,
            row.outcome,
            row.block.0,
        ])?;
    }
    Ok(())
}
