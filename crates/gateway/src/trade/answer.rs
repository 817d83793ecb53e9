//! Orders as the dialect shows them.

use domain::event::{Event, OrderFilled, OrderPlaced};
use domain::ids::{AssetId, OrderId, TradeId};
use domain::order::{CloseReason, MarketSize, OrderKind, Side, TimeInForce};
use domain::text::ClientOrderId;
use domain::units::{Amount, Lots, Ticks, UnixNanos};
use projector::rows::{FillRow, OrderRow, OrderStatus};
use readmodel::reference::Reference;

use crate::decimal::DecimalText;
use crate::json::Json;
use crate::trade::ticket::{Detail, Ticket};
use crate::units::Units;

/// An order at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    pub(crate) order: OrderId,
    pub(crate) client_order_id: ClientOrderId,
    pub(crate) side: Side,
    pub(crate) kind: OrderKind,
    /// Absent: as much as was executed.
    pub(crate) quantity: Option<Lots>,
    pub(crate) executed: Lots,
    pub(crate) executed_quote: Amount,
    pub(crate) status: OrderStatus,
    pub(crate) placed_time: UnixNanos,
}

impl From<&OrderRow> for Shown {
    fn from(row: &OrderRow) -> Self {
        Self {
            order: row.order,
            client_order_id: row.client_order_id,
            side: row.side,
            kind: row.kind,
            quantity: row.quantity,
            executed: row.executed,
            executed_quote: row.executed_quote,
            status: row.status,
            placed_time: row.placed_time,
        }
    }
}

impl Shown {
    /// An order that was accepted as it was asked for, and of which nothing else is known.
    pub(crate) fn asked(ticket: &Ticket, order: OrderId, placed_time: UnixNanos) -> Self {
        Self {
            order,
            client_order_id: ticket.order.client_order_id,
            side: ticket.order.side,
            kind: ticket.order.kind,
            quantity: quantity_of(ticket.order.kind),
            executed: Lots::ZERO,
            executed_quote: Amount::ZERO,
            status: OrderStatus::New,
            placed_time,
        }
    }

    /// A new order after all that its own command did to it.
    pub(crate) fn placed(placed: &OrderPlaced, events: &[Event], time: UnixNanos) -> Self {
        let mut shown = Self {
            order: placed.order,
            client_order_id: placed.client_order_id,
            side: placed.side,
            kind: placed.kind,
            quantity: quantity_of(placed.kind),
            executed: Lots::ZERO,
            executed_quote: Amount::ZERO,
            status: OrderStatus::New,
            placed_time: time,
        };
        for event in events {
            if let Event::OrderFilled(filled) = event
                && filled.order == placed.order
            {
                shown.executed = filled.executed;
                shown.executed_quote = filled.executed_quote;
                shown.status = if filled.filled { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
            }
            if let Event::OrderClosed(closed) = event
                && closed.order == placed.order
            {
                shown.status = OrderStatus::closed(closed.reason);
            }
        }
        shown
    }
}

/// One fill of an order that was just placed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShownFill {
    price: Ticks,
    quantity: Lots,
    fee: Amount,
    fee_asset: AssetId,
    trade: TradeId,
}

impl From<&FillRow> for ShownFill {
    fn from(row: &FillRow) -> Self {
        let &FillRow { price, quantity, fee, fee_asset, trade, .. } = row;
        Self { price, quantity, fee, fee_asset, trade }
    }
}

impl From<&OrderFilled> for ShownFill {
    fn from(filled: &OrderFilled) -> Self {
        let &OrderFilled { price, quantity, fee, fee_asset, trade, .. } = filled;
        Self { price, quantity, fee, fee_asset, trade }
    }
}

/// The fills of an order among events.
pub(crate) fn fills_of(order: OrderId, events: &[Event]) -> impl Iterator<Item = ShownFill> {
    events.iter().filter_map(move |event| {
        let Event::OrderFilled(filled) = event else { return None };
        (filled.order == order).then(|| filled.into())
    })
}

/// The members of an answer to a new order.
pub(crate) fn write_new(
    json: &mut Json,
    units: &Units,
    reference: &Reference,
    shown: &Shown,
    fills: impl Iterator<Item = ShownFill>,
    detail: Detail,
) {
    json.object(|json| {
        json.text("symbol", units.symbol.instrument.code().as_str());
        json.number("orderId", shown.order.0);
        json.raw("orderListId", b"-1");
        json.plain("clientOrderId", shown.client_order_id.as_bytes());
        json.number("transactTime", shown.placed_time.millis());
        if detail == Detail::Ack {
            return;
        }
        write_terms(json, units, shown);
        json.number("workingTime", shown.placed_time.millis());
        if detail == Detail::Full {
            json.name("fills").array(|json| {
                for fill in fills {
                    write_fill(json, units, reference, &fill);
                }
            });
        }
        write_end(json, shown);
    });
}

fn write_fill(json: &mut Json, units: &Units, reference: &Reference, fill: &ShownFill) {
    let asset = reference.asset(fill.fee_asset).unwrap_or(&units.quote);
    json.object(|json| {
        json.plain("price", units.price(fill.price).as_bytes());
        json.plain("qty", units.quantity(fill.quantity).as_bytes());
        json.plain("commission", DecimalText::new(fill.fee.0, asset.scale).as_bytes());
        json.text("commissionAsset", asset.code.as_str());
        json.number("tradeId", fill.trade.0);
    });
}

/// An order that was canceled.
pub(crate) fn write_canceled(
    json: &mut Json,
    units: &Units,
    shown: &Shown,
    cancel_id: &ClientOrderId,
    time: UnixNanos,
) {
    json.object(|json| {
        json.text("symbol", units.symbol.instrument.code().as_str());
        json.plain("origClientOrderId", shown.client_order_id.as_bytes());
        json.number("orderId", shown.order.0);
        json.raw("orderListId", b"-1");
        json.plain("clientOrderId", cancel_id.as_bytes());
        json.number("transactTime", time.millis());
        write_terms(json, units, shown);
        write_end(json, shown);
    });
}

/// An order as a query shows it.
pub(crate) fn write_order(json: &mut Json, units: &Units, row: &OrderRow) {
    let shown = Shown::from(row);
    json.object(|json| {
        json.text("symbol", units.symbol.instrument.code().as_str());
        json.number("orderId", row.order.0);
        json.raw("orderListId", b"-1");
        json.plain("clientOrderId", row.client_order_id.as_bytes());
        write_terms(json, units, &shown);
        json.plain("stopPrice", units.price_or_zero(None).as_bytes());
        json.plain("icebergQty", units.quantity(Lots::ZERO).as_bytes());
        json.number("time", row.placed_time.millis());
        json.number("updateTime", row.updated_time.millis());
        json.raw("isWorking", b"true");
        json.number("workingTime", row.placed_time.millis());
        write_end(json, &shown);
    });
}

/// An order that was amended.
pub(crate) fn write_amended(json: &mut Json, units: &Units, row: &OrderRow, previous: &ClientOrderId) {
    let shown = Shown::from(row);
    json.object(|json| {
        json.text("symbol", units.symbol.instrument.code().as_str());
        json.number("orderId", row.order.0);
        json.raw("orderListId", b"-1");
        json.plain("origClientOrderId", previous.as_bytes());
        json.plain("clientOrderId", row.client_order_id.as_bytes());
        json.plain("price", units.price_or_zero(price_of(row.kind)).as_bytes());
        json.plain("qty", units.quantity(row.quantity.unwrap_or(row.executed)).as_bytes());
        json.plain("executedQty", units.quantity(row.executed).as_bytes());
        json.plain("preventedQty", units.quantity(Lots::ZERO).as_bytes());
        json.plain("quoteOrderQty", units.quote_amount(Amount::ZERO).as_bytes());
        json.plain("cumulativeQuoteQty", units.quote_amount(row.executed_quote).as_bytes());
        write_words(json, &shown);
        json.number("workingTime", row.placed_time.millis());
        write_end(json, &shown);
    });
}

/// Price, quantities, state, and the words of an order.
fn write_terms(json: &mut Json, units: &Units, shown: &Shown) {
    let quote_quantity = match shown.kind {
        OrderKind::Market { size: MarketSize::Quote(amount) } => amount,
        OrderKind::Market { size: MarketSize::Quantity(_) } | OrderKind::Limit { .. } => Amount::ZERO,
    };
    json.plain("price", units.price_or_zero(price_of(shown.kind)).as_bytes());
    json.plain("origQty", units.quantity(shown.quantity.unwrap_or(shown.executed)).as_bytes());
    json.plain("executedQty", units.quantity(shown.executed).as_bytes());
    json.plain("origQuoteOrderQty", units.quote_amount(quote_quantity).as_bytes());
    json.plain("cummulativeQuoteQty", units.quote_amount(shown.executed_quote).as_bytes());
    write_words(json, shown);
}

fn write_words(json: &mut Json, shown: &Shown) {
    let status = match shown.status {
        OrderStatus::New => "NEW",
        OrderStatus::PartiallyFilled => "PARTIALLY_FILLED",
        OrderStatus::Filled => "FILLED",
        OrderStatus::Canceled(_) => "CANCELED",
        OrderStatus::Expired(_) => "EXPIRED",
    };
    let (kind, time_in_force) = match shown.kind {
        OrderKind::Limit { time_in_force: TimeInForce::GoodTilCanceled, .. } => ("LIMIT", "GTC"),
        OrderKind::Limit { time_in_force: TimeInForce::ImmediateOrCancel, .. } => ("LIMIT", "IOC"),
        OrderKind::Limit { time_in_force: TimeInForce::FillOrKill, .. } => ("LIMIT", "FOK"),
        OrderKind::Limit { time_in_force: TimeInForce::PostOnly, .. } => ("LIMIT_MAKER", "GTC"),
        OrderKind::Market { .. } => ("MARKET", "GTC"),
    };
    json.plain("status", status.as_bytes());
    json.plain("timeInForce", time_in_force.as_bytes());
    json.plain("type", kind.as_bytes());
    json.plain("side", side_word(shown.side).as_bytes());
}

fn write_end(json: &mut Json, shown: &Shown) {
    if let OrderStatus::Expired(reason) = shown.status {
        json.plain("expiryReason", expiry_word(reason, shown.kind).as_bytes());
    }
    json.raw("selfTradePreventionMode", b"\"NONE\"");
}

fn expiry_word(reason: CloseReason, kind: OrderKind) -> &'static str {
    match (reason, kind) {
        (CloseReason::NoLiquidity, OrderKind::Limit { time_in_force: TimeInForce::FillOrKill, .. }) => {
            "UNFILLED_FOK_ORDER_EXPIRED"
        }
        (CloseReason::NoLiquidity, OrderKind::Limit { .. }) => "UNFILLED_IOC_QUANTITY_EXPIRED",
        (CloseReason::NoLiquidity, OrderKind::Market { .. }) => "INSUFFICIENT_LIQUIDITY",
        (
            CloseReason::NoFunds
            | CloseReason::FillLimit
            | CloseReason::Canceled
            | CloseReason::Replaced
            | CloseReason::KillSwitch,
            _,
        ) => "EXCHANGE_CANCELED",
    }
}

pub(crate) fn side_word(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

fn price_of(kind: OrderKind) -> Option<Ticks> {
    match kind {
        OrderKind::Limit { price, .. } => Some(price),
        OrderKind::Market { .. } => None,
    }
}

pub(crate) fn quantity_of(kind: OrderKind) -> Option<Lots> {
    match kind {
        OrderKind::Limit { quantity, .. } | OrderKind::Market { size: MarketSize::Quantity(quantity) } => {
            Some(quantity)
        }
        OrderKind::Market { size: MarketSize::Quote(_) } => None,
    }
}
