//! Balances, credit limits, the ledger, withdrawals.

use projector::batch::UsersRows;
use projector::rows::{BalanceRow, CreditLimitRow, LedgerRow, Movement, WithdrawalRow};
use projector::words::Word;
use rusqlite::{Connection, params};

use super::int;
use crate::fault::Fault;
use crate::units::{Decimal, Units};

pub(crate) fn write(connection: &Connection, units: &mut Units, rows: &UsersRows) -> Result<(), Fault> {
    put_balances(connection, units, &rows.balances)?;
    put_credit_limits(connection, units, &rows.credit_limits)?;
    insert_ledger(connection, units, &rows.ledger)?;
    put_withdrawals(connection, units, &rows.withdrawals)
}

pub(crate) fn put_balances(connection: &Connection, units: &mut Units, rows: &[BalanceRow]) -> Result<(), Fault> {
    let mut put = connection.prepare_cached(
        "INSERT OR REPLACE INTO balances (user_id, asset_id, free, locked, last_seq) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for row in rows {
        let scale = units.asset(connection, row.asset)?;
        let (free, locked) = (Decimal(row.free, scale), Decimal(row.locked, scale));
        put.execute(params![row.user.0, row.asset.0, free, locked, int(row.last_seq.0)])?;
    }
    Ok(())
}

pub(crate) fn put_credit_limits(
    connection: &Connection,
    units: &mut Units,
    rows: &[CreditLimitRow],
) -> Result<(), Fault> {
    let mut put = connection.prepare_cached(
        "INSERT OR REPLACE INTO credit_limits (user_id, asset_id, credit_limit, last_seq) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for row in rows {
        let limit = units.text(connection, row.asset, row.limit)?;
        put.execute(params![row.user.0, row.asset.0, limit, int(row.last_seq.0)])?;
    }
    Ok(())
}

fn insert_ledger(connection: &Connection, units: &mut Units, rows: &[LedgerRow]) -> Result<(), Fault> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO ledger (seq, event_index, leg, time, user_id, asset_id, change, movement, movement_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for row in rows {
        let (movement, movement_id) = match row.movement {
            Movement::Deposit => ("deposit", None),
            Movement::Withdrawal(withdrawal) => ("withdrawal", Some(int(withdrawal.0))),
            Movement::Trade(trade) => ("trade", Some(int(trade.0))),
            Movement::Fee(trade) => ("fee", Some(int(trade.0))),
        };
        insert.execute(params![
            int(row.id.seq.0),
            row.id.index,
            row.leg,
            int(row.time.0),
            row.user.map(|user| user.0),
            row.asset.0,
            units.text(connection, row.asset, row.change)?,
            movement,
            movement_id,
        ])?;
    }
    Ok(())
}

pub(crate) fn put_withdrawals(connection: &Connection, units: &mut Units, rows: &[WithdrawalRow]) -> Result<(), Fault> {
    let mut put = connection.prepare_cached(
        "INSERT OR REPLACE INTO withdrawals (withdrawal_id, user_id, asset_id, amount, status, last_seq, updated_time)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for row in rows {
        put.execute(params![
            int(row.withdrawal.0),
            row.user.0,
            row.asset.0,
            units.text(connection, row.asset, row.amount)?,
            row.status.word(),
            int(row.last_seq.0),
            int(row.updated_time.0),
        ])?;
    }
    Ok(())
}
