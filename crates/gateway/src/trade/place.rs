//! `POST /api/v3/order` and `POST /api/v3/order/test`.

use domain::command::Action;
use domain::event::{Event, OrderPlaced, OrderRepeated, RefusedPart};
use domain::ids::OrderId;
use domain::order::{OrderKind, TimeInForce};
use domain::units::{Amount, Lots, UnixNanos};
use projector::history::OrderKey;
use projector::rows::{FillRow, OrderRow, OrderStatus};
use readmodel::answer::Answer;

use crate::error::Error;
use crate::json::Json;
use crate::refusal::{Asked, refused};
use crate::reply::Reply;
use crate::request::Call;
use crate::trade::answer::{Shown, ShownFill, fills_of, write_new};
use crate::trade::cancel::no_answer;
use crate::trade::ticket::{Detail, Ticket};
use crate::units::rate;

pub(crate) async fn place(call: &Call<'_>) -> Result<Reply, Error> {
    let ticket = Ticket::read(call)?;
    call.params.all_read()?;
    let answer = call.submit(Action::PlaceOrder(ticket.order)).await.map_err(|error| named(error, &ticket))?;
    let mut json = Json::new();
    write_placed(call, &ticket, &answer, &mut json).await?;
    Ok(Reply { status: axum::http::StatusCode::OK, body: json.into_bytes(), seq: Some(answer.seq) })
}

/// Whoever does not know what became of an order needs its name to ask, also where the gateway chose it.
pub(crate) fn named(error: Error, ticket: &Ticket) -> Error {
    match error.code {
        -1006 | -1007 => error.with_detail("clientOrderId", ticket.order.client_order_id.as_str()),
        _ => error,
    }
}

/// Writes what became of a new order among the events of its command.
pub(crate) async fn write_placed(
    call: &Call<'_>,
    ticket: &Ticket,
    answer: &Answer,
    json: &mut Json,
) -> Result<(), Error> {
    let reference = call.model().reference();
    for event in &answer.events {
        if let Event::OrderPlaced(placed) = event {
            let shown = Shown::placed(placed, &answer.events, answer.time);
            let fills = fills_of(placed.order, &answer.events);
            write_new(json, &ticket.units, &reference, &shown, fills, ticket.detail);
            return Ok(());
        }
        if let Event::OrderRepeated(repeated) = event {
            write_repeated(call, ticket, *repeated, answer.time, json).await?;
            return Ok(());
        }
        if let Event::Refused(refusal) = event
            && refusal.part != RefusedPart::ReplaceCancel
        {
            return Err(refused(refusal.reason, Asked::Place));
        }
    }
    Err(no_answer())
}

/// Writes the order as the command that placed it left it: out of memory, or out of that command's events. Where neither has it, the
/// answer says what is sure, and no more: a store is not asked, for it may be behind or away, and the order is placed all the same.
async fn write_repeated(
    call: &Call<'_>,
    ticket: &Ticket,
    repeated: OrderRepeated,
    now: UnixNanos,
    json: &mut Json,
) -> Result<(), Error> {
    let reference = call.model().reference();
    let user = call.caller()?.user;
    let row = call.model().recent_order(user, OrderKey::Id(repeated.order));
    if let Some(row) = &row
        && let Some(mut fills) = call.model().recent_fills(row, repeated.first)
    {
        fills.retain(|fill| fill.id.seq == repeated.first);
        let shown = as_placed(ticket, row, &fills);
        write_new(json, &ticket.units, &reference, &shown, fills.iter().map(ShownFill::from), ticket.detail);
        return Ok(());
    }
    if let Some(first) = call.events_of(repeated.first).await
        && let Some(placed) = placed_in(&first.events, repeated.order)
    {
        let shown = Shown::placed(placed, &first.events, first.time);
        let fills = fills_of(placed.order, &first.events);
        write_new(json, &ticket.units, &reference, &shown, fills, ticket.detail);
        return Ok(());
    }
    let placed_time = row.map_or(now, |row| row.placed_time);
    let shown = Shown::asked(ticket, repeated.order, placed_time);
    write_new(json, &ticket.units, &reference, &shown, std::iter::empty(), Detail::Ack);
    Ok(())
}

fn placed_in(events: &[Event], order: OrderId) -> Option<&OrderPlaced> {
    events.iter().find_map(|event| {
        let Event::OrderPlaced(placed) = event else { return None };
        (placed.order == order).then_some(placed)
    })
}

/// `fills` are those of the command that placed it.
fn as_placed(ticket: &Ticket, row: &OrderRow, fills: &[FillRow]) -> Shown {
    let executed = Lots(fills.iter().map(|fill| fill.quantity.0).sum());
    let executed_quote = Amount(fills.iter().map(|fill| fill.quote.0).sum());
    let done_at_once = row.last_seq == row.placed && !row.status.is_open();
    let rests = match row.kind {
        OrderKind::Limit { time_in_force, .. } => match time_in_force {
            TimeInForce::GoodTilCanceled | TimeInForce::PostOnly => true,
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => false,
        },
        OrderKind::Market { .. } => false,
    };
    let status = match (done_at_once || !rests, executed) {
        (true, _) => row.status,
        (false, Lots::ZERO) => OrderStatus::New,
        (false, _) => OrderStatus::PartiallyFilled,
    };
    Shown { executed, executed_quote, status, ..Shown::asked(ticket, row.order, row.placed_time) }
}

pub(crate) fn test(call: &Call<'_>) -> Result<Reply, Error> {
    let ticket = Ticket::read(call)?;
    let with_rates = call.params.flag("computeCommissionRates")? == Some(true);
    call.params.all_read()?;
    if !with_rates {
        return Ok(Reply::ok(|json| json.object(|_| {})));
    }
    let fees = call.model().user(call.caller()?.user).and_then(|user| user.fees).unwrap_or(ticket.units.symbol.fees);
    Ok(Reply::ok(|json| {
        json.object(|json| {
            json.name("standardCommissionForOrder").object(|json| {
                json.plain("maker", rate(fees.maker).as_bytes());
                json.plain("taker", rate(fees.taker).as_bytes());
            });
        });
    }))
}
