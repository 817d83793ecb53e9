//! `POST /api/v3/order/cancelReplace`.

use axum::http::StatusCode;
use domain::command::Action;
use domain::command::OrderRef;
use domain::command::replace_order::{ReplaceMode, ReplaceOnlyIf, ReplaceOrder};
use domain::event::{Event, RefusedPart};
use domain::order::CloseReason;
use domain::reject::RejectReason;
use readmodel::answer::Answer;

use crate::error::Error;
use crate::json::Json;
use crate::refusal::{Asked, refused};
use crate::reply::Reply;
use crate::request::Call;
use crate::trade::cancel::{closed_in, write_closed};
use crate::trade::place::{named, write_placed};
use crate::trade::ticket::{Ticket, order_ref};

pub(crate) async fn replace(call: &Call<'_>) -> Result<Reply, Error> {
    let ticket = Ticket::read(call)?;
    let cancel = order_ref(call, "cancelOrderId", "cancelOrigClientOrderId")?;
    let cancel_id = call.params.client_order_id("cancelNewClientOrderId")?.unwrap_or_else(|| call.gateway.names.next());
    let mode = match call.params.mandatory("cancelReplaceMode")? {
        "STOP_ON_FAILURE" => ReplaceMode::StopOnFailure,
        "ALLOW_FAILURE" => ReplaceMode::AllowFailure,
        _ => return Err(Error::invalid_data("cancelReplaceMode")),
    };
    let only_if = match call.params.optional("cancelRestrictions")? {
        None => ReplaceOnlyIf::Open,
        Some("ONLY_NEW") => ReplaceOnlyIf::New,
        Some("ONLY_PARTIALLY_FILLED") => ReplaceOnlyIf::PartiallyFilled,
        Some(_) => return Err(Error::bad(-1145, "Invalid cancelRestrictions")),
    };
    // There is no limit on unfilled orders, so both modes are the same.
    if !matches!(call.params.optional("orderRateLimitExceededMode")?, None | Some("DO_NOTHING" | "CANCEL_ONLY")) {
        return Err(Error::invalid_data("orderRateLimitExceededMode"));
    }
    call.params.all_read()?;
    if matches!(&cancel, OrderRef::Client(name) if *name == ticket.order.client_order_id) {
        // Sent again, it would cancel the order that the first one placed, and place another.
        return Err(Error::bad(
            -1130,
            "Data sent for parameter 'newClientOrderId' is not valid: it must not be the name of the order to cancel.",
        ));
    }
    let action = ReplaceOrder { cancel, only_if, mode, place: ticket.order };
    let answer = call.submit(Action::ReplaceOrder(Box::new(action))).await.map_err(|error| named(error, &ticket))?;
    let halves = Halves::of(&answer)?;

    let mut canceled = Json::new();
    match halves.cancel {
        Ok(()) => {
            for closed in closed_in(&answer).filter(|closed| closed.reason == CloseReason::Replaced) {
                write_closed(&ticket.units, closed, &cancel_id, &answer, &mut canceled)?;
            }
        }
        Err(reason) => refused(reason, Asked::Cancel).write(&mut canceled),
    }
    let mut placed = Json::new();
    match halves.place {
        Half::Done => write_placed(call, &ticket, &answer, &mut placed).await?,
        Half::Refused(reason) => refused(reason, Asked::Place).write(&mut placed),
        Half::NotAttempted => placed.raw_value(b"null"),
    }
    Ok(reply(&halves, &canceled.into_bytes(), &placed.into_bytes()).at(answer.seq))
}

/// What became of the two halves.
struct Halves {
    cancel: Result<(), RejectReason>,
    place: Half,
}

enum Half {
    Done,
    Refused(RejectReason),
    NotAttempted,
}

impl Halves {
    fn of(answer: &Answer) -> Result<Self, Error> {
        let mut halves = Self { cancel: Ok(()), place: Half::NotAttempted };
        for event in &answer.events {
            if let Event::Refused(refusal) = event {
                match refusal.part {
                    RefusedPart::Whole => return Err(refused(refusal.reason, Asked::Place)),
                    RefusedPart::ReplaceCancel => halves.cancel = Err(refusal.reason),
                    RefusedPart::ReplacePlace => halves.place = Half::Refused(refusal.reason),
                }
            }
            if let Event::OrderPlaced(_) | Event::OrderRepeated(_) = event {
                halves.place = Half::Done;
            }
        }
        Ok(halves)
    }
}

fn reply(halves: &Halves, canceled: &[u8], placed: &[u8]) -> Reply {
    let write = |json: &mut Json| {
        let cancel = if halves.cancel.is_ok() { "SUCCESS" } else { "FAILURE" };
        let place = match halves.place {
            Half::Done => "SUCCESS",
            Half::Refused(_) => "FAILURE",
            Half::NotAttempted => "NOT_ATTEMPTED",
        };
        json.plain("cancelResult", cancel.as_bytes());
        json.plain("newOrderResult", place.as_bytes());
        json.raw("cancelResponse", canceled);
        json.raw("newOrderResponse", placed);
    };
    let failure = match (&halves.cancel, &halves.place) {
        (Ok(()), Half::Done) => return Reply::ok(|json| json.object(write)),
        (Ok(()), Half::Refused(_) | Half::NotAttempted) | (Err(_), Half::Done) => {
            (StatusCode::CONFLICT, "-2021", "Order cancel-replace partially failed.")
        }
        (Err(_), Half::Refused(_) | Half::NotAttempted) => {
            (StatusCode::BAD_REQUEST, "-2022", "Order cancel-replace failed.")
        }
    };
    let (status, code, message) = failure;
    Reply::with(status, |json| {
        json.object(|json| {
            json.raw("code", code.as_bytes());
            json.text("msg", message);
            json.name("data").object(write);
        });
    })
}
