//! Orders, fills, positions.

use domain::ids::{AssetId, EventId, ExecutionNumber, OrderId, SymbolId, TradeId, UserId};
use domain::instrument::Fees;
use domain::order::CloseReason;
use domain::units::{Lots, Ppm, Seq, Ticks, UnixNanos};
use projector::rows::{FillRow, OrderRow, OrderStatus, Placed, PositionRow, SymbolTenureRow};

use super::{Columns, amount};
use crate::fault::Fault;
use crate::shard::shard_id;

/// What [`order`] reads; to be followed by a condition.
macro_rules! select_orders {
    ($rest:literal) => {
        concat!(
            "SELECT order_id, user_id, symbol_id, side, price::text, time_in_force, placed_quantity::text, placed_quote::text,
                client_order_id, maker_ppm, taker_ppm, placed_seq, placed_time, quantity::text, executed::text,
                executed_quote::text, status, close_reason, last_seq, updated_time FROM orders ",
            $rest
        )
    };
}

/// What [`fill`] reads; to be followed by a condition.
macro_rules! select_fills {
    ($rest:literal) => {
        concat!(
            "SELECT seq, event_index, time, order_id, user_id, execution, symbol_id, trade_id, side, liquidity, price::text,
                quantity::text, quote::text, fee::text, fee_asset_id FROM order_fills ",
            $rest
        )
    };
}
pub(crate) use {select_fills, select_orders};

/// What [`tenure`] reads.
pub(crate) const TENURES: &str =
    "SELECT symbol_id, from_seq, shard_id FROM symbol_tenures ORDER BY symbol_id, from_seq";
/// What [`position`] reads.
pub(crate) const POSITIONS: &str =
    "SELECT user_id, symbol_id, quantity::text, cost::text, realised::text, last_seq FROM positions
    ORDER BY user_id, symbol_id";

pub(crate) fn order(columns: &mut Columns<'_>) -> Result<OrderRow, Fault> {
    let (order, user, symbol) = (OrderId(columns.long()?), UserId(columns.small()?), SymbolId(columns.small()?));
    let of = columns.units.symbol(symbol)?;
    let side = columns.word()?;
    let price = columns.steps_or_none(of.tick)?.map(Ticks);
    let time_in_force = columns.word_or_none()?;
    let quantity = columns.steps_or_none(of.lot)?.map(Lots);
    let quote = columns.amount_or_none(of.quote)?;
    let kind = Placed { price, time_in_force, quantity, quote }.kind();
    let kind = kind.ok_or_else(|| Fault::Content(format!("the kind of order {}", order.0)))?;
    let client_order_id = columns.text()?;
    let fees = Fees { maker: Ppm(columns.small()?), taker: Ppm(columns.small()?) };
    let (placed, placed_time) = (Seq(columns.long()?), UnixNanos(columns.long()?));
    let quantity = columns.steps_or_none(of.lot)?.map(Lots);
    let (executed, executed_quote) = (Lots(columns.steps(of.lot)?), columns.amount(of.quote)?);
    let status = status(columns)?;
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

pub(crate) fn fill(columns: &mut Columns<'_>) -> Result<FillRow, Fault> {
    let id: EventId = columns.event()?;
    let (time, order, user) = (UnixNanos(columns.long()?), OrderId(columns.long()?), UserId(columns.small()?));
    let (execution, symbol) = (ExecutionNumber(columns.long()?), SymbolId(columns.small()?));
    let trade = TradeId(columns.long()?);
    let (side, liquidity) = (columns.word()?, columns.word()?);
    let of = columns.units.symbol(symbol)?;
    let (price, quantity) = (Ticks(columns.steps(of.tick)?), Lots(columns.steps(of.lot)?));
    let quote = columns.amount(of.quote)?;
    let fee = columns.str()?;
    let fee_asset = AssetId(columns.small()?);
    let fee = amount(fee, columns.units.asset(fee_asset)?)?;
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

pub(crate) fn tenure(columns: &mut Columns<'_>) -> Result<SymbolTenureRow, Fault> {
    let (symbol, from) = (SymbolId(columns.small()?), Seq(columns.long()?));
    Ok(SymbolTenureRow { symbol, from, shard: shard_id(columns.get()?)? })
}

pub(crate) fn position(columns: &mut Columns<'_>) -> Result<PositionRow, Fault> {
    let (user, symbol) = (UserId(columns.small()?), SymbolId(columns.small()?));
    let of = columns.units.symbol(symbol)?;
    Ok(PositionRow {
        user,
        symbol,
        quantity: columns.amount(of.base)?,
        cost: columns.amount(of.quote)?,
        realised: columns.amount(of.quote)?,
        last_seq: Seq(columns.long()?),
    })
}
