//! Completed trades and audit logs.

use std::borrow::Cow;

use domain::command::Envelope;
use domain::ids::{AddressId, Hash256, KeyId, OrderId, SessionId, SymbolId, TradeId, UserId};
use domain::units::{Lots, Seq, Ticks, UnixNanos};
use projector::rows::{AuditRow, TradeRow};
use rusqlite::Row;

use super::{Columns, Scales};
use crate::fault::Fault;

/// What [`trade`] reads.
pub(crate) const TRADE: &str = "SELECT symbol_id, trade_id, seq, event_index, time, price, quantity, quote, taker_side,
    maker_order_id, maker_user_id, taker_order_id, taker_user_id FROM completed_trades";
/// What [`audit`] reads.
pub(crate) const AUDIT: &str = "SELECT seq, time, user_id, key_id, session_id, transport, address_id, client_time,
    deadline, action, content, outcome, block FROM audit_logs";

pub(crate) fn trade(row: &Row<'_>, scales: &mut Scales<'_>) -> Result<TradeRow, Fault> {
    let mut columns = Columns::of(row);
    let (symbol, trade, id) = (SymbolId(columns.get()?), TradeId(columns.long()?), columns.event()?);
    let (time, price, quantity) = (UnixNanos(columns.long()?), Ticks(columns.long()?), Lots(columns.long()?));
    let quote = columns.amount(scales.units.symbol(scales.connection, symbol)?.quote)?;
    let taker_side = columns.word()?;
    let (maker_order, maker_user) = (OrderId(columns.long()?), UserId(columns.get()?));
    let (taker_order, taker_user) = (OrderId(columns.long()?), UserId(columns.get()?));
    Ok(TradeRow {
        id,
        time,
        symbol,
        trade,
        price,
        quantity,
        quote,
        taker_side,
        maker_order,
        maker_user,
        taker_order,
        taker_user,
    })
}

pub(crate) fn audit(row: &Row<'_>) -> Result<AuditRow, Fault> {
    let mut columns = Columns::of(row);
    let (seq, time) = (Seq(columns.long()?), UnixNanos(columns.long()?));
    let envelope = Envelope {
        user: UserId(columns.get()?),
        key: KeyId(columns.get()?),
        session: SessionId(columns.long()?),
        transport: columns.word()?,
        address: AddressId(columns.get()?),
        client_time: columns.long_or_none()?.map(UnixNanos),
        deadline: columns.long_or_none()?.map(UnixNanos),
    };
    let (action, content, outcome) = (columns.get()?, columns.get()?, columns.get()?);
    let block = Hash256(columns.get()?);
    Ok(AuditRow { seq, time, envelope, action: Cow::Owned(action), content, outcome: Cow::Owned(outcome), block })
}
