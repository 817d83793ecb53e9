//! `DELETE /api/v3/order` and `DELETE /api/v3/openOrders`.

use axum::http::StatusCode;
use domain::command::Action;
use domain::command::cancel_all::CancelAll;
use domain::command::cancel_order::CancelOrder;
use domain::event::{Event, OrderClosed};
use domain::text::ClientOrderId;
use readmodel::answer::Answer;

use crate::error::Error;
use crate::json::Json;
use crate::refusal::{Asked, refused};
use crate::reply::Reply;
use crate::request::Call;
use crate::trade::answer::{Shown, write_canceled};
use crate::trade::ticket::order_ref;
use crate::units::Units;

pub(crate) async fn cancel(call: &Call<'_>) -> Result<Reply, Error> {
    let units = call.symbol()?;
    let order = order_ref(call, "orderId", "origClientOrderId")?;
    let cancel_id = call.params.client_order_id("newClientOrderId")?.unwrap_or_else(|| call.gateway.names.next());
    if let Some(restriction) = call.params.optional("cancelRestrictions")? {
        return Err(match restriction {
            "ONLY_NEW" | "ONLY_PARTIALLY_FILLED" => {
                let message = "cancelRestrictions is supported by POST /api/v3/order/cancelReplace only.";
                Error::bad(-1020, message)
            }
            _ => Error::bad(-1145, "Invalid cancelRestrictions"),
        });
    }
    call.params.all_read()?;
    let action = CancelOrder { symbol: units.symbol.instrument.id(), order };
    let answer = call.submit(Action::CancelOrder(action)).await?;
    refuse_if_refused(&answer)?;
    let mut json = Json::new();
    for closed in closed_in(&answer) {
        write_closed(&units, closed, &cancel_id, &answer, &mut json)?;
    }
    Ok(Reply { status: StatusCode::OK, body: json.into_bytes(), seq: Some(answer.seq) })
}

pub(crate) async fn cancel_all(call: &Call<'_>) -> Result<Reply, Error> {
    let units = call.symbol()?;
    call.params.all_read()?;
    let action = CancelAll { symbol: Some(units.symbol.instrument.id()) };
    let answer = call.submit(Action::CancelAll(action)).await?;
    refuse_if_refused(&answer)?;
    let mut list = Vec::from(b"[");
    for closed in closed_in(&answer) {
        if list.len() > 1 {
            list.push(b',');
        }
        let mut json = Json::new();
        write_closed(&units, closed, &call.gateway.names.next(), &answer, &mut json)?;
        list.extend(json.into_bytes());
    }
    list.push(b']');
    Ok(Reply { status: StatusCode::OK, body: list, seq: Some(answer.seq) })
}

/// Writes one order that a command closed.
pub(crate) fn write_closed(
    units: &Units,
    closed: &OrderClosed,
    cancel_id: &ClientOrderId,
    answer: &Answer,
    json: &mut Json,
) -> Result<(), Error> {
    let row = answer.order(closed.order).ok_or_else(no_answer)?;
    write_canceled(json, units, &Shown::from(row), cancel_id, answer.time);
    Ok(())
}

/// The venue did not say what it should have said.
pub(crate) fn no_answer() -> Error {
    Error::new(StatusCode::INTERNAL_SERVER_ERROR, -1000, "The venue gave no answer.")
}

fn refuse_if_refused(answer: &Answer) -> Result<(), Error> {
    if let Some(Event::Refused(refusal)) = answer.events.first() {
        return Err(refused(refusal.reason, Asked::Cancel));
    }
    Ok(())
}

pub(crate) fn closed_in(answer: &Answer) -> impl Iterator<Item = &OrderClosed> {
    answer.events.iter().filter_map(|event| {
        let Event::OrderClosed(closed) = event else { return None };
        Some(closed)
    })
}
