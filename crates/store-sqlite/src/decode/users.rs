//! Balances, credit limits, the ledger, withdrawals.

use domain::ids::{AssetId, TradeId, UserId, WithdrawalId};
use domain::units::{Seq, UnixNanos};
use projector::rows::{BalanceRow, CreditLimitRow, LedgerRow, Movement, WithdrawalRow};
use rusqlite::Row;

use super::{Columns, Scales};
use crate::fault::Fault;

/// What [`balance`] reads.
pub(crate) const BALANCE: &str = "SELECT user_id, asset_id, free, locked, last_seq FROM balances";
/// What [`credit_limit`] reads.
pub(crate) const CREDIT_LIMIT: &str = "SELECT user_id, asset_id, credit_limit, last_seq FROM credit_limits";
/// What [`ledger`] reads.
pub(crate) const LEDGER: &str =
    "SELECT seq, event_index, leg, time, user_id, asset_id, change, movement, movement_id FROM ledger";
/// What [`withdrawal`] reads.
pub(crate) const WITHDRAWAL: &str =
    "SELECT withdrawal_id, user_id, asset_id, amount, status, last_seq, updated_time FROM withdrawals";

pub(crate) fn balance(row: &Row<'_>, scales: &mut Scales<'_>) -> Result<BalanceRow, Fault> {
    let mut columns = Columns::of(row);
    let (user, asset) = (UserId(columns.get()?), AssetId(columns.get()?));
    let scale = scales.units.asset(scales.connection, asset)?;
    let (free, locked) = (columns.amount(scale)?, columns.amount(scale)?);
    Ok(BalanceRow { user, asset, free, locked, last_seq: Seq(columns.long()?) })
}

pub(crate) fn credit_limit(row: &Row<'_>, scales: &mut Scales<'_>) -> Result<CreditLimitRow, Fault> {
    let mut columns = Columns::of(row);
    let (user, asset) = (UserId(columns.get()?), AssetId(columns.get()?));
    let limit = columns.amount(scales.units.asset(scales.connection, asset)?)?;
    Ok(CreditLimitRow { user, asset, limit, last_seq: Seq(columns.long()?) })
}

pub(crate) fn ledger(row: &Row<'_>, scales: &mut Scales<'_>) -> Result<LedgerRow, Fault> {
    let mut columns = Columns::of(row);
    let (id, leg, time) = (columns.event()?, columns.get()?, UnixNanos(columns.long()?));
    let (user, asset) = (columns.get::<Option<u32>>()?.map(UserId), AssetId(columns.get()?));
    let change = columns.amount(scales.units.asset(scales.connection, asset)?)?;
    let (word, of) = (columns.str()?, columns.long_or_none()?);
    let movement = match (word, of) {
        ("deposit", None) => Movement::Deposit,
        ("withdrawal", Some(withdrawal)) => Movement::Withdrawal(WithdrawalId(withdrawal)),
        ("trade", Some(trade)) => Movement::Trade(TradeId(trade)),
        ("fee", Some(trade)) => Movement::Fee(TradeId(trade)),
        _ => return Err(Fault::Content(format!("the movement {word:?} of {of:?}"))),
    };
    Ok(LedgerRow { id, leg, time, user, asset, change, movement })
}

pub(crate) fn withdrawal(row: &Row<'_>, scales: &mut Scales<'_>) -> Result<WithdrawalRow, Fault> {
    let mut columns = Columns::of(row);
    let withdrawal = WithdrawalId(columns.long()?);
    let (user, asset) = (UserId(columns.get()?), AssetId(columns.get()?));
    let amount = columns.amount(scales.units.asset(scales.connection, asset)?)?;
    let status = columns.word()?;
    let (last_seq, updated_time) = (Seq(columns.long()?), UnixNanos(columns.long()?));
    Ok(WithdrawalRow { withdrawal, user, asset, amount, status, last_seq, updated_time })
}
