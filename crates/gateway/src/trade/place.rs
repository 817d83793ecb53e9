//! `POST /api/v3/order` and `POST /api/v3/order/test`.

use domain::command::Action;
use domain::event::{Answer, Event, OrderRepeated, RefusedPart};
use domain::order::{OrderKind, TimeInForce};
use domain::units::{Amount, Lots};
use projector::history::OrderKey;
use projector::rows::{FillRow, OrderRow, OrderStatus};

use crate::error::Error;
use crate::json::Json;
use crate::refusal::{Asked, refused};
use crate::reply::Reply;
use crate::request::Call;
use crate::trade::answer::{Shown, ShownFill, fills_of, write_new};
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
            let (shown, fills) = first_answer(call, *repeated, ticket.detail).await?;
            write_new(json, &ticket.units, &reference, &shown, fills.iter().map(ShownFill::from), ticket.detail);
            return Ok(());
        }
        if let Event::Refused(refusal) = event
            && refusal.part != RefusedPart::ReplaceCancel
        {
            return Err(refused(refusal.reason, Asked::Place));
        }
    }
    Err(Error::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, -1000, "The venue gave no answer."))
}

/// The order as the command that placed it left it.
async fn first_answer(
    call: &Call<'_>,
    repeated: OrderRepeated,
    detail: Detail,
) -> Result<(Shown, Vec<FillRow>), Error> {
    let user = call.caller()?.user;
    let key = OrderKey::Id(repeated.order);
    let read = move |model: &readmodel::model::ReadModel, history: &dyn projector::history::History| {
        let Some(row) = model.order(history, user, key)? else { return Ok(None) };
        let mut fills = if detail == Detail::Ack { Vec::new() } else { model.fills_of_order(history, &row)? };
        fills.retain(|fill| fill.id.seq == repeated.first);
        Ok::<_, readmodel::merged::HistoryError>(Some((row, fills)))
    };
    let (row, fills) = call.read_history(read).await?.ok_or(Error::bad(-2013, "Order does not exist."))?;
    Ok((as_placed(&row, &fills), fills))
}

fn as_placed(row: &OrderRow, fills: &[FillRow]) -> Shown {
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
    let quantity = crate::trade::answer::quantity_of(row.kind);
    Shown { quantity, executed, executed_quote, status, ..Shown::from(row) }
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
