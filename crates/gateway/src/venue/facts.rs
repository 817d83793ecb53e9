//! Events that carry an execution number, as `/v1/executions` shows them.

use domain::event::{Event, OrderAmended, OrderClosed, OrderFilled, OrderPlaced};
use domain::ids::{AssetId, OrderId, SymbolId};
use domain::order::{CloseReason, Liquidity, MarketSize, OrderKind, Side, TimeInForce};
use domain::units::Amount;
use readmodel::reference::Reference;

use crate::decimal::DecimalText;
use crate::door::Execution;
use crate::json::Json;
use crate::trade::answer::side_word;
use crate::units::Units;

pub(crate) fn write_execution(json: &mut Json, reference: &Reference, execution: &Execution) {
    json.object(|json| {
        json.number("number", execution.number.0);
        json.number("sequence", execution.seq.0);
        json.number("time", execution.time.millis());
        match &execution.event {
            Event::OrderPlaced(placed) => write_placed(json, reference, placed),
            Event::OrderAmended(amended) => write_amended(json, reference, amended),
            Event::OrderFilled(filled) => write_filled(json, reference, filled),
            Event::OrderClosed(closed) => write_closed(json, reference, closed),
            Event::Deposited(deposited) => {
                json.plain("event", b"DEPOSITED");
                write_money(json, reference, deposited.asset, deposited.amount);
            }
            Event::WithdrawalRequested(requested) => {
                json.plain("event", b"WITHDRAWAL_REQUESTED");
                json.number("withdrawalId", requested.withdrawal.0);
                write_money(json, reference, requested.asset, requested.amount);
            }
            Event::WithdrawalSettled(ended) => {
                json.plain("event", b"WITHDRAWAL_SETTLED");
                json.number("withdrawalId", ended.withdrawal.0);
                write_money(json, reference, ended.asset, ended.amount);
            }
            Event::WithdrawalCanceled(ended) => {
                json.plain("event", b"WITHDRAWAL_CANCELED");
                json.number("withdrawalId", ended.withdrawal.0);
                write_money(json, reference, ended.asset, ended.amount);
            }
            Event::Refused(_)
            | Event::OrderRepeated(_)
            | Event::Trade(_)
            | Event::BalanceChanged(_)
            | Event::PositionChanged(_)
            | Event::RequestRepeated(_)
            | Event::Noted(_)
            | Event::Reference(_)
            | Event::CreditLimitChanged(_)
            | Event::ShardMap(_) => json.plain("event", b"OTHER"),
        }
    });
}

/// What every event of an order says.
fn write_order(json: &mut Json, event: &str, units: Option<&Units>, order: OrderId, side: Side) {
    json.plain("event", event.as_bytes());
    if let Some(units) = units {
        json.text("symbol", units.symbol.instrument.code().as_str());
    }
    json.number("orderId", order.0);
    json.plain("side", side_word(side).as_bytes());
}

fn units_of(reference: &Reference, symbol: SymbolId) -> Option<Units> {
    Units::new(reference, reference.symbol(symbol)?).ok()
}

fn write_placed(json: &mut Json, reference: &Reference, placed: &OrderPlaced) {
    let units = units_of(reference, placed.symbol);
    write_order(json, "ORDER_PLACED", units.as_ref(), placed.order, placed.side);
    json.plain("clientOrderId", placed.client_order_id.as_bytes());
    let Some(units) = units else { return };
    match placed.kind {
        OrderKind::Limit { price, quantity, time_in_force } => {
            let (kind, word) = match time_in_force {
                TimeInForce::GoodTilCanceled => ("LIMIT", "GTC"),
                TimeInForce::PostOnly => ("LIMIT_MAKER", "GTC"),
                TimeInForce::ImmediateOrCancel => ("LIMIT", "IOC"),
                TimeInForce::FillOrKill => ("LIMIT", "FOK"),
            };
            json.plain("type", kind.as_bytes());
            json.plain("timeInForce", word.as_bytes());
            json.plain("price", units.price(price).as_bytes());
            json.plain("quantity", units.quantity(quantity).as_bytes());
        }
        OrderKind::Market { size } => {
            json.plain("type", b"MARKET");
            match size {
                MarketSize::Quantity(quantity) => json.plain("quantity", units.quantity(quantity).as_bytes()),
                MarketSize::Quote(amount) => json.plain("quoteOrderQty", units.quote_amount(amount).as_bytes()),
            }
        }
    }
}

fn write_amended(json: &mut Json, reference: &Reference, amended: &OrderAmended) {
    let units = units_of(reference, amended.symbol);
    write_order(json, "ORDER_AMENDED", units.as_ref(), amended.order, amended.side);
    json.plain("clientOrderId", amended.client_order_id.as_bytes());
    json.plain("previousClientOrderId", amended.previous_client_order_id.as_bytes());
    if let Some(units) = units {
        json.plain("price", units.price(amended.price).as_bytes());
        json.plain("quantity", units.quantity(amended.quantity).as_bytes());
        json.plain("remaining", units.quantity(amended.remaining).as_bytes());
    }
}

fn write_filled(json: &mut Json, reference: &Reference, filled: &OrderFilled) {
    let units = units_of(reference, filled.symbol);
    write_order(json, "ORDER_FILLED", units.as_ref(), filled.order, filled.side);
    json.number("tradeId", filled.trade.0);
    json.flag("isMaker", filled.liquidity == Liquidity::Maker);
    if let Some(units) = units {
        json.plain("price", units.price(filled.price).as_bytes());
        json.plain("quantity", units.quantity(filled.quantity).as_bytes());
        json.plain("quoteQuantity", units.quote_amount(filled.quote).as_bytes());
        json.plain("executedQuantity", units.quantity(filled.executed).as_bytes());
        json.plain("executedQuoteQuantity", units.quote_amount(filled.executed_quote).as_bytes());
    }
    if let Some(asset) = reference.asset(filled.fee_asset) {
        json.plain("commission", DecimalText::new(filled.fee.0, asset.scale).as_bytes());
        json.text("commissionAsset", asset.code.as_str());
    }
    json.flag("filled", filled.filled);
}

fn write_closed(json: &mut Json, reference: &Reference, closed: &OrderClosed) {
    let units = units_of(reference, closed.symbol);
    write_order(json, "ORDER_CLOSED", units.as_ref(), closed.order, closed.side);
    let reason = match closed.reason {
        CloseReason::Canceled => "CANCELED",
        CloseReason::Replaced => "REPLACED",
        CloseReason::KillSwitch => "KILL_SWITCH",
        CloseReason::NoLiquidity => "NO_LIQUIDITY",
        CloseReason::NoFunds => "NO_FUNDS",
        CloseReason::FillLimit => "FILL_LIMIT",
    };
    json.plain("reason", reason.as_bytes());
}

fn write_money(json: &mut Json, reference: &Reference, asset: AssetId, amount: Amount) {
    if let Some(asset) = reference.asset(asset) {
        json.text("asset", asset.code.as_str());
        json.plain("amount", DecimalText::new(amount.0, asset.scale).as_bytes());
    }
}
