//! Reads what an order is to be from the parameters that Binance has for it.

use domain::command::OrderRef;
use domain::command::place_order::PlaceOrder;
use domain::ids::OrderId;
use domain::order::{MarketSize, OrderKind, Side, TimeInForce};

use crate::error::Error;
use crate::params::Params;
use crate::request::Call;
use crate::units::Units;

/// How much a caller wants to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    Ack,
    Result,
    Full,
}

/// An order that was asked for.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) units: Units,
    pub(crate) order: PlaceOrder,
    pub(crate) detail: Detail,
}

impl Ticket {
    /// Reads all parameters of a new order.
    pub(crate) fn read(call: &Call<'_>) -> Result<Self, Error> {
        let params = &call.params;
        let units = call.symbol()?;
        let side = match params.mandatory("side")? {
            "BUY" => Side::Buy,
            "SELL" => Side::Sell,
            _ => return Err(Error::bad(-1117, "Invalid side.")),
        };
        let (kind, default_detail) = match params.mandatory("type")? {
            "LIMIT" => (limit(params, &units, limit_time_in_force(params)?)?, Detail::Full),
            "LIMIT_MAKER" => {
                refuse_sent(params, &["timeInForce"])?;
                (limit(params, &units, TimeInForce::PostOnly)?, Detail::Ack)
            }
            "MARKET" => (market(params, &units)?, Detail::Full),
            "STOP_LOSS" | "STOP_LOSS_LIMIT" | "TAKE_PROFIT" | "TAKE_PROFIT_LIMIT" => {
                return Err(Error::bad(-1116, "This orderType is not supported; LIMIT, LIMIT_MAKER and MARKET are."));
            }
            _ => return Err(Error::bad(-1116, "Invalid orderType.")),
        };
        refuse_unsupported(params)?;
        let detail = match params.optional("newOrderRespType")? {
            None => default_detail,
            Some("ACK") => Detail::Ack,
            Some("RESULT") => Detail::Result,
            Some("FULL") => Detail::Full,
            Some(_) => return Err(Error::invalid_data("newOrderRespType")),
        };
        let client_order_id = params.client_order_id("newClientOrderId")?.unwrap_or_else(|| call.gateway.names.next());
        let order = PlaceOrder { symbol: units.symbol.instrument.id(), side, kind, client_order_id };
        Ok(Self { units, order, detail })
    }
}

fn limit_time_in_force(params: &Params<'_>) -> Result<TimeInForce, Error> {
    match params.mandatory("timeInForce")? {
        "GTC" => Ok(TimeInForce::GoodTilCanceled),
        "IOC" => Ok(TimeInForce::ImmediateOrCancel),
        "FOK" => Ok(TimeInForce::FillOrKill),
        _ => Err(Error::bad(-1115, "Invalid timeInForce.")),
    }
}

fn limit(params: &Params<'_>, units: &Units, time_in_force: TimeInForce) -> Result<OrderKind, Error> {
    refuse_sent(params, &["quoteOrderQty"])?;
    let quantity = params.decimal("quantity")?.ok_or_else(|| Error::mandatory("quantity"))?;
    let price = params.decimal("price")?.ok_or_else(|| Error::mandatory("price"))?;
    let price = units.read_price("price", price)?;
    let quantity = units.read_quantity("quantity", quantity)?;
    let limits = &units.symbol.limits;
    units
        .symbol
        .instrument
        .notional(price, quantity)
        .ok()
        .filter(|notional| (limits.notional_min..=limits.notional_max).contains(notional))
        .ok_or_else(|| Error::filter("NOTIONAL"))?;
    Ok(OrderKind::Limit { price, quantity, time_in_force })
}

fn market(params: &Params<'_>, units: &Units) -> Result<OrderKind, Error> {
    refuse_sent(params, &["price", "timeInForce"])?;
    let size = match (params.decimal("quantity")?, params.decimal("quoteOrderQty")?) {
        (Some(quantity), None) => MarketSize::Quantity(units.read_quantity("quantity", quantity)?),
        (None, Some(amount)) => MarketSize::Quote(units.read_quote("quoteOrderQty", amount)?),
        (Some(_), Some(_)) => return Err(Error::bad(-1128, "Combination of optional parameters invalid.")),
        (None, None) => {
            let message = "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!";
            return Err(Error::bad(-1102, message));
        }
    };
    Ok(OrderKind::Market { size })
}

fn refuse_sent(params: &Params<'_>, names: &[&str]) -> Result<(), Error> {
    match names.iter().find(|name| params.has(name)) {
        Some(name) => Err(Error::not_required(name)),
        None => Ok(()),
    }
}

/// What Binance has and this venue has not: refused rather than ignored, so that nobody relies on it.
fn refuse_unsupported(params: &Params<'_>) -> Result<(), Error> {
    refuse_sent(params, &["stopPrice", "trailingDelta"])?;
    if params.has("icebergQty") {
        return Err(Error::bad(-2010, "Iceberg orders are not supported for this symbol."));
    }
    if ["pegPriceType", "pegOffsetType", "pegOffsetValue"].iter().any(|name| params.has(name)) {
        return Err(Error::bad(-2010, "Pegged orders are not supported for this symbol."));
    }
    if params.optional("selfTradePreventionMode")?.is_some_and(|mode| mode != "NONE") {
        return Err(Error::bad(-2010, "This symbol does not allow the specified self-trade prevention mode."));
    }
    // Labels: taken and not kept.
    params.integer("strategyId")?;
    if params.integer("strategyType")?.is_some_and(|kind| kind < 1_000_000) {
        return Err(Error::bad(-1134, "`strategyType` was less than 1000000."));
    }
    Ok(())
}

/// An order named by id, by client order id, or both, in the parameters with these names.
pub(crate) fn order_ref(call: &Call<'_>, id_name: &str, client_name: &str) -> Result<OrderRef, Error> {
    let id = call.params.integer(id_name)?.map(OrderId);
    let client = call.params.client_order_id(client_name)?;
    match (id, client) {
        (Some(id), None) => Ok(OrderRef::Id(id)),
        (None, Some(client)) => Ok(OrderRef::Client(client)),
        (Some(id), Some(client)) => {
            let user = call.caller()?.user;
            let row = call.model().recent_order(user, projector::history::OrderKey::Id(id));
            match row {
                Some(row) if row.client_order_id != client => {
                    Err(Error::bad(-2039, "Client order ID is not correct for this order ID."))
                }
                Some(_) | None => Ok(OrderRef::Id(id)),
            }
        }
        (None, None) => Err(Error::bad(
            -1102,
            format!("Param '{client_name}' or '{id_name}' must be sent, but both were empty/null!"),
        )),
    }
}
