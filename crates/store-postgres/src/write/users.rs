//! Balances, credit limits, the ledger, withdrawals.

use projector::batch::UsersRows;
use projector::rows::{BalanceRow, CreditLimitRow, LedgerRow, Movement, UserTenureRow, WithdrawalRow};
use projector::words::Word;

use super::{Decimals, all_written, int, small};
use crate::copy::Lines;
use crate::fault::Fault;
use crate::link::Session;
use crate::moves;
use crate::units::{Subject, Units};

const PUT_BALANCES: &str = "INSERT INTO balances AS b (user_id, asset_id, last_seq, free, locked)
    SELECT r.user_id, r.asset_id, r.last_seq, r.free::numeric, r.locked::numeric
    FROM unnest($1::integer[], $2::integer[], $3::bigint[], $4::text[], $5::text[])
        AS r (user_id, asset_id, last_seq, free, locked)
    ON CONFLICT (user_id, asset_id) DO UPDATE
    SET last_seq = EXCLUDED.last_seq, free = EXCLUDED.free, locked = EXCLUDED.locked
    WHERE b.last_seq < EXCLUDED.last_seq";
const PUT_CREDIT_LIMITS: &str = "INSERT INTO credit_limits AS c (user_id, asset_id, last_seq, credit_limit)
    SELECT r.user_id, r.asset_id, r.last_seq, r.credit_limit::numeric
    FROM unnest($1::integer[], $2::integer[], $3::bigint[], $4::text[]) AS r (user_id, asset_id, last_seq, credit_limit)
    ON CONFLICT (user_id, asset_id) DO UPDATE SET last_seq = EXCLUDED.last_seq, credit_limit = EXCLUDED.credit_limit
    WHERE c.last_seq < EXCLUDED.last_seq";
const COPY_LEDGER: &str =
    "COPY ledger (seq, time, movement_id, event_index, user_id, asset_id, leg, movement, change) FROM STDIN";
const PUT_WITHDRAWALS: &str =
    "INSERT INTO withdrawals AS w (withdrawal_id, last_seq, updated_time, user_id, asset_id, status, amount)
    SELECT r.withdrawal_id, r.last_seq, r.updated_time, r.user_id, r.asset_id, r.status, r.amount::numeric
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::integer[], $6::text[], $7::text[])
        AS r (withdrawal_id, last_seq, updated_time, user_id, asset_id, status, amount)
    ON CONFLICT (withdrawal_id) DO UPDATE
    SET last_seq = EXCLUDED.last_seq, updated_time = EXCLUDED.updated_time, status = EXCLUDED.status
    WHERE w.last_seq < EXCLUDED.last_seq";

const COPY_TENURES: &str = "COPY user_tenures (user_id, from_seq, shard_id) FROM STDIN";

/// What the rows are of.
pub(crate) fn subjects(rows: &UsersRows) -> impl Iterator<Item = Subject> {
    let balances = rows.balances.iter().map(|row| row.asset);
    let credit_limits = rows.credit_limits.iter().map(|row| row.asset);
    let ledger = rows.ledger.iter().map(|row| row.asset);
    let withdrawals = rows.withdrawals.iter().map(|row| row.asset);
    balances.chain(credit_limits).chain(ledger).chain(withdrawals).map(Subject::Asset)
}

pub(crate) async fn write(session: &mut Session, units: &Units, rows: &UsersRows) -> Result<(), Fault> {
    let copy_ledger = session.statement(COPY_LEDGER).await?;
    ledger_lines(units, &rows.ledger)?.send(&session.client, &copy_ledger).await?;
    put_balances(session, units, &rows.balances).await?;
    put_credit_limits(session, units, &rows.credit_limits).await?;
    put_withdrawals(session, units, &rows.withdrawals).await?;
    add_tenures(session, &rows.tenures).await?;
    moves::change_holds(session, &rows.holds).await
}

async fn add_tenures(session: &mut Session, rows: &[UserTenureRow]) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    let copy = session.statement(COPY_TENURES).await?;
    let mut lines = Lines::with_capacity(rows.len(), 30);
    for row in rows {
        lines.whole(row.user.0.into()).whole(row.from.0).whole(row.shard.0.into()).end_row();
    }
    lines.send(&session.client, &copy).await
}

fn ledger_lines(units: &Units, rows: &[LedgerRow]) -> Result<Lines, Fault> {
    let mut lines = Lines::with_capacity(rows.len(), 80);
    for row in rows {
        let (movement, movement_id) = match row.movement {
            Movement::Deposit => ("deposit", None),
            Movement::Withdrawal(withdrawal) => ("withdrawal", Some(withdrawal.0)),
            Movement::Trade(trade) => ("trade", Some(trade.0)),
            Movement::Fee(trade) => ("fee", Some(trade.0)),
        };
        lines.whole(row.id.seq.0).whole(row.time.0).whole_or_null(movement_id).whole(row.id.index.into());
        lines.whole_or_null(row.user.map(|user| user.0.into())).whole(row.asset.0.into()).whole(row.leg.into());
        lines.word(movement).decimal(row.change, units.asset(row.asset)?).end_row();
    }
    Ok(lines)
}

pub(crate) async fn put_balances(session: &mut Session, units: &Units, rows: &[BalanceRow]) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    let put = session.statement(PUT_BALANCES).await?;
    let count = rows.len();
    let (mut users, mut assets, mut last_seqs) =
        (Vec::with_capacity(count), Vec::with_capacity(count), Vec::with_capacity(count));
    let (mut free, mut locked) = (Decimals::with_capacity(count), Decimals::with_capacity(count));
    for row in rows {
        let scale = units.asset(row.asset)?;
        users.push(small(row.user.0)?);
        assets.push(small(row.asset.0)?);
        last_seqs.push(int(row.last_seq.0));
        free.push(row.free, scale);
        locked.push(row.locked, scale);
    }
    let (free, locked) = (free.texts(), locked.texts());
    let written = session.client.execute(&put, &[&users, &assets, &last_seqs, &free, &locked]).await?;
    all_written(written, count, "balances")
}

pub(crate) async fn put_credit_limits(
    session: &mut Session,
    units: &Units,
    rows: &[CreditLimitRow],
) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    let put = session.statement(PUT_CREDIT_LIMITS).await?;
    let (mut users, mut assets, mut last_seqs, mut limits) = (Vec::new(), Vec::new(), Vec::new(), Decimals::default());
    for row in rows {
        users.push(small(row.user.0)?);
        assets.push(small(row.asset.0)?);
        last_seqs.push(int(row.last_seq.0));
        limits.push(row.limit, units.asset(row.asset)?);
    }
    let limits = limits.texts();
    let written = session.client.execute(&put, &[&users, &assets, &last_seqs, &limits]).await?;
    all_written(written, rows.len(), "credit_limits")
}

pub(crate) async fn put_withdrawals(session: &mut Session, units: &Units, rows: &[WithdrawalRow]) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    let put = session.statement(PUT_WITHDRAWALS).await?;
    let (mut ids, mut last_seqs, mut updated_times) = (Vec::new(), Vec::new(), Vec::new());
    let (mut users, mut assets, mut statuses, mut amounts) = (Vec::new(), Vec::new(), Vec::new(), Decimals::default());
    for row in rows {
        ids.push(int(row.withdrawal.0));
        last_seqs.push(int(row.last_seq.0));
        updated_times.push(int(row.updated_time.0));
        users.push(small(row.user.0)?);
        assets.push(small(row.asset.0)?);
        statuses.push(row.status.word());
        amounts.push(row.amount, units.asset(row.asset)?);
    }
    let amounts = amounts.texts();
    let written =
        session.client.execute(&put, &[&ids, &last_seqs, &updated_times, &users, &assets, &statuses, &amounts]).await?;
    all_written(written, rows.len(), "withdrawals")
}
