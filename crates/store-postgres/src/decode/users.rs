//! Balances, credit limits, the ledger, withdrawals.

use domain::ids::{AssetId, TradeId, UserId, WithdrawalId};
use domain::units::{Seq, UnixNanos};
use projector::rows::{BalanceRow, CreditLimitRow, LedgerRow, Movement, UserTenureRow, WithdrawalRow};

use super::Columns;
use crate::fault::Fault;
use crate::shard::shard_id;

/// What [`balance`] reads.
pub(crate) const BALANCES: &str =
    "SELECT user_id, asset_id, free::text, locked::text, last_seq FROM balances ORDER BY user_id, asset_id";
/// What [`credit_limit`] reads.
pub(crate) const CREDIT_LIMITS: &str =
    "SELECT user_id, asset_id, credit_limit::text, last_seq FROM credit_limits ORDER BY user_id, asset_id";
/// What [`ledger`] reads; to be followed by a condition.
macro_rules! select_ledger {
    ($rest:literal) => {
        concat!(
            "SELECT seq, event_index, leg, time, user_id, asset_id, change::text, movement, movement_id FROM ledger ",
            $rest
        )
    };
}
pub(crate) use select_ledger;
/// What [`withdrawal`] reads.
pub(crate) const WITHDRAWALS: &str =
    "SELECT withdrawal_id, user_id, asset_id, amount::text, status, last_seq, updated_time
    FROM withdrawals ORDER BY withdrawal_id";

/// What [`tenure`] reads.
pub(crate) const TENURES: &str = "SELECT user_id, from_seq, shard_id FROM user_tenures ORDER BY user_id, from_seq";

pub(crate) fn balance(columns: &mut Columns<'_>) -> Result<BalanceRow, Fault> {
    let (user, asset) = (UserId(columns.small()?), AssetId(columns.small()?));
    let scale = columns.units.asset(asset)?;
    let (free, locked) = (columns.amount(scale)?, columns.amount(scale)?);
    Ok(BalanceRow { user, asset, free, locked, last_seq: Seq(columns.long()?) })
}

pub(crate) fn credit_limit(columns: &mut Columns<'_>) -> Result<CreditLimitRow, Fault> {
    let (user, asset) = (UserId(columns.small()?), AssetId(columns.small()?));
    let limit = columns.amount(columns.units.asset(asset)?)?;
    Ok(CreditLimitRow { user, asset, limit, last_seq: Seq(columns.long()?) })
}

pub(crate) fn ledger(columns: &mut Columns<'_>) -> Result<LedgerRow, Fault> {
    let (id, leg) = (columns.event()?, columns.get::<i16>()?);
    let leg = u8::try_from(leg).map_err(|error| Fault::Content(format!("the leg {leg}: {error}")))?;
    let time = UnixNanos(columns.long()?);
    let (user, asset) = (columns.small_or_none()?.map(UserId), AssetId(columns.small()?));
    let change = columns.amount(columns.units.asset(asset)?)?;
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

pub(crate) fn withdrawal(columns: &mut Columns<'_>) -> Result<WithdrawalRow, Fault> {
    let withdrawal = WithdrawalId(columns.long()?);
    let (user, asset) = (UserId(columns.small()?), AssetId(columns.small()?));
    let amount = columns.amount(columns.units.asset(asset)?)?;
    let status = columns.word()?;
    let (last_seq, updated_time) = (Seq(columns.long()?), UnixNanos(columns.long()?));
    Ok(WithdrawalRow { withdrawal, user, asset, amount, status, last_seq, updated_time })
}

pub(crate) fn tenure(columns: &mut Columns<'_>) -> Result<UserTenureRow, Fault> {
    let (user, from) = (UserId(columns.small()?), Seq(columns.long()?));
    Ok(UserTenureRow { user, from, shard: shard_id(columns.get()?)? })
}
