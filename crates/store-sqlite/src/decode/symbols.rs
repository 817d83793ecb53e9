//! Orders, fills, positions.

use domain::ids::{AssetId, EventId, ExecutionNumber, OrderId, SymbolId, TradeId, UserId};
use domain::instrument::Fees;
use domain::order::CloseReason;
use domain::units::{Lots, Ppm, Seq, Ticks, UnixNanos};
use projector::rows::{FillRow, OrderRow, OrderStatus, Placed, PositionRow};
use rusqlite::Row;

use super::{Columns, Scales};
use crate::fault::Fault;

/// What [`order`] reads; to be followed by a condition.
pub(crate) const ORDER: &str = "SELECT o.order_id, o.user_id, o.symbol_id, o.side, o.price, o.time_in_force,
    o.placed_quantity, o.placed_quote, o.client_order_id, o.maker_ppm, o.taker_ppm, o.placed_seq, o.placed_time,
    t.quantity, t.executed, t.executed_quote, t.status, t.close_reason, t.last_seq, t.updated_time
    FROM orders AS o JOIN order_states AS t USING (order_id)";

/// What [`fill`] reads.
pub(crate) const FILL: &str = "SELECT seq, event_index, time, order_id, user_id, execution, symbol_id, trade_id, side,
    liquidity, price, quantity, quote, fee, fee_asset_id FROM order_fills";

/// What [`order`] reads of those that a shard has given up.
pub(crate) const CLOSED_ORDER: &str = "SELECT order_id, user_id, symbol_id, side, price, time_in_force,
    placed_quantity, placed_quote, client_order_id, maker_ppm, taker_ppm, placed_seq, placed_time,
    quantity, executed, executed_quote, status, close_reason, last_seq, updated_time FROM closed_orders";

/// What [`fill`] reads of them.
pub(crate) const CLOSED_FILL: &str = "SELECT seq, event_index, time, order_id, user_id, execution, symbol_id, trade_id,
    side, liquidity, price, quantity, quote, fee, fee_asset_id FROM closed_order_fills";

/// What [`position`] reads.
pub(crate) const POSITION: &str = "SELECT user_id, symbol_id, quantity, cost, realised, last_seq FROM positions";

pub(crate) fn order(row: &Row<'_>, scales: &mut Scales<'_>) -> Result<OrderRow, Fault> {
    let mut columns = Columns::of(row);
    let (order, user, symbol) = (OrderId(columns.long()?), UserId(columns.get()?), SymbolId(columns.get()?));
    let scale = scales.units.symbol(scales.connection, symbol)?.quote;
    let side = columns.word()?;
    let price = columns.long_or_none()?.map(Ticks);
    let time_in_force = columns.word_or_none()?;
    let quantity = columns.long_or_none()?.map(Lots);
    let quote = columns.amount_or_none(scale)?;
    let kind = Placed { price, time_in_force, quantity, quote }.kind();
    let kind = kind.ok_or_else(|| Fault::Content(format!("the kind of order {}", order.0)))?;
    let client_order_id = columns.text()?;
    let fees = Fees { maker: Ppm(columns.get()?), taker: Ppm(columns.get()?) };
    let (placed, placed_time) = (Seq(columns.long()?), UnixNanos(columns.long()?));
    let quantity = columns.long_or_none()?.map(Lots);
    let (executed, executed_quote) = (Lots(columns.long()?), columns.amount(scale)?);
    let status = status(&mut columns)?;
    let (last_seq, updated_time) = (Seq(columns.long()?), UnixNanos(columns.long()?));
    Ok(OrderRow {
        order,
        user,
        symbol,
        side,
        kind,
        client_order_id,
        quantity,
        executed,
        executed_quote,
        status,
        fees,
        placed,
        placed_time,
        last_seq,
        updated_time,
    })
}

fn status(columns: &mut Columns<'_>) -> Result<OrderStatus, Fault> {
    let word = columns.str()?;
    let reason: Option<CloseReason> = columns.word_or_none()?;
    let status = OrderStatus::of_words(word, reason);
    status.ok_or_else(|| Fault::Content(format!("the order status {word:?} with reason {reason:?}")))
}

pub(crate) fn fill(row: &Row<'_>, scales: &mut Scales<'_>) -> Result<FillRow, Fault> {
    let mut columns = Columns::of(row);
    let id: EventId = columns.event()?;
    let (time, order, user) = (UnixNanos(columns.long()?), OrderId(columns.long()?), UserId(columns.get()?));
    let (execution, symbol) = (ExecutionNumber(columns.long()?), SymbolId(columns.get()?));
    let trade = TradeId(columns.long()?);
    let (side, liquidity) = (columns.word()?, columns.word()?);
    let (price, quantity) = (Ticks(columns.long()?), Lots(columns.long()?));
    let quote = columns.amount(scales.units.symbol(scales.connection, symbol)?.quote)?;
    let fee = columns.str()?;
    let fee_asset = AssetId(columns.get()?);
    let fee = super::amount(fee, scales.units.asset(scales.connection, fee_asset)?)?;
    Ok(FillRow {
        id,
        time,
        order,
        user,
        execution,
        symbol,
        trade,
        side,
        liquidity,
        price,
        quantity,
        quote,
        fee,
        fee_asset,
    })
}

pub(crate) fn position(row: &Row<'_>, scales: &mut Scales<'_>) -> Result<PositionRow, Fault> {
    let mut columns = Columns::of(row);
    let (user, symbol) = (UserId(columns.get()?), SymbolId(columns.get()?));
    let of = scales.units.symbol(scales.connection, symbol)?;
    Ok(PositionRow {
        user,
        symbol,
        quantity: columns.amount(of.base)?,
        cost: columns.amount(of.quote)?,
        realised: columns.amount(of.quote)?,
        last_seq: Seq(columns.long()?),
    })
}
