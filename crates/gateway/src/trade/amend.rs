//! `PUT /api/v3/order/amend/keepPriority`.

use domain::command::amend_order::AmendOrder;
use domain::command::{Action, OrderRef};
use domain::event::Event;
use domain::reject::RejectReason;
use projector::history::OrderKey;

use crate::error::Error;
use crate::refusal::{Asked, refused};
use crate::reply::Reply;
use crate::request::Call;
use crate::trade::answer::write_amended;
use crate::trade::cancel::no_answer;
use crate::trade::ticket::order_ref;

pub(crate) async fn amend(call: &Call<'_>) -> Result<Reply, Error> {
    let units = call.symbol()?;
    let order = order_ref(call, "orderId", "origClientOrderId")?;
    let quantity = call.params.decimal("newQty")?.ok_or_else(|| Error::mandatory("newQty"))?;
    let quantity = units.read_quantity("newQty", quantity)?;
    let new_client_order_id = call.params.client_order_id("newClientOrderId")?;
    call.params.all_read()?;
    // As in the dialect, an amended order has another name unless the caller says which.
    let new_client_order_id = Some(new_client_order_id.unwrap_or_else(|| call.gateway.names.next()));
    let action = AmendOrder { symbol: units.symbol.instrument.id(), order, quantity, new_client_order_id };
    let answer = call.submit(Action::AmendOrder(action)).await?;
    if let Some(Event::Refused(refusal)) = answer.events.first() {
        return Err(why(call, refusal.reason, order, quantity));
    }
    let Some(Event::OrderAmended(amended)) = answer.events.first() else {
        return Err(no_answer());
    };
    let row = answer.order(amended.order).ok_or_else(no_answer)?;
    let reply = Reply::ok(|json| {
        json.object(|json| {
            json.number("transactTime", answer.time.millis());
            json.number("executionId", amended.execution.0);
            json.name("amendedOrder");
            write_amended(json, &units, row, &amended.previous_client_order_id);
        });
    });
    Ok(reply.at(answer.seq))
}

/// Binance tells an unchanged quantity from a larger one.
fn why(call: &Call<'_>, reason: RejectReason, order: OrderRef, quantity: domain::units::Lots) -> Error {
    let error = refused(reason, Asked::Amend);
    let Ok(caller) = call.caller() else { return error };
    let key = match order {
        OrderRef::Id(id) => OrderKey::Id(id),
        OrderRef::Client(client) => OrderKey::Client(caller.user, client),
    };
    let same = call.model().recent_order(caller.user, key).is_some_and(|row| row.quantity == Some(quantity));
    if same && reason == RejectReason::QuantityNotReduced {
        return Error::bad(-2038, "The requested action would change no state; rejecting.");
    }
    error
}
