//! `GET /api/v3/order`, `openOrders`, `allOrders`.

use domain::ids::OrderId;
use projector::history::{OrderKey, OrdersQuery, Selection, TimeRange};
use projector::rows::OrderRow;

use crate::error::Error;
use crate::reply::Reply;
use crate::request::Call;
use crate::trade::answer::write_order;
use crate::units::Units;

pub(crate) async fn query(call: &Call<'_>) -> Result<Reply, Error> {
    let units = call.symbol()?;
    let user = call.caller()?.user;
    let id = call.params.integer("orderId")?.map(OrderId);
    let client = call.params.client_order_id("origClientOrderId")?;
    call.params.all_read()?;
    let key = match (id, client) {
        (Some(id), _) => OrderKey::Id(id),
        (None, Some(client)) => OrderKey::Client(user, client),
        (None, None) => {
            let message = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!";
            return Err(Error::bad(-1102, message));
        }
    };
    let row = order_of(call, key).await?.filter(|row| row.symbol == units.symbol.instrument.id());
    let row = row.ok_or(Error::bad(-2013, "Order does not exist."))?;
    if client.is_some_and(|client| client != row.client_order_id) {
        return Err(Error::bad(-2039, "Client order ID is not correct for this order ID."));
    }
    Ok(Reply::ok(|json| write_order(json, &units, &row)))
}

/// An order of the caller: from memory, where it is if it is open or closed a moment ago, else from a store.
async fn order_of(call: &Call<'_>, key: OrderKey) -> Result<Option<OrderRow>, Error> {
    let user = call.caller()?.user;
    if let Some(row) = call.model().recent_order(user, key) {
        return Ok(Some(row));
    }
    call.read_history(move |model, history| model.order(history, user, key)).await
}

pub(crate) fn open(call: &Call<'_>) -> Result<Reply, Error> {
    let user = call.caller()?.user;
    let symbol = call.optional_symbol()?;
    call.params.all_read()?;
    let rows = call.model().open_orders(user, symbol.as_ref().map(|units| units.symbol.instrument.id()));
    let reference = call.model().reference();
    let mut units = symbol;
    Ok(Reply::ok(|json| {
        json.array(|json| {
            for row in &rows {
                // Orders of one symbol often follow each other.
                let current = units.take().filter(|units| units.symbol.instrument.id() == row.symbol);
                units = current.or_else(|| Units::new(&reference, reference.symbol(row.symbol)?).ok());
                if let Some(units) = &units {
                    write_order(json, units, row);
                }
            }
        });
    }))
}

pub(crate) async fn all(call: &Call<'_>) -> Result<Reply, Error> {
    let units = call.symbol()?;
    let user = call.caller()?.user;
    let selection = Selection {
        first: call.params.integer("orderId")?.map(OrderId),
        time: time_range(call)?,
        limit: call.params.limit(500, 1_000)?,
    };
    call.params.all_read()?;
    let query = OrdersQuery { user, symbol: units.symbol.instrument.id(), selection };
    let rows = call.read_history(move |model, history| model.orders(history, &query)).await?;
    Ok(Reply::ok(|json| {
        json.array(|json| rows.iter().for_each(|row| write_order(json, &units, row)));
    }))
}

/// `startTime` and `endTime`.
pub(crate) fn time_range(call: &Call<'_>) -> Result<TimeRange, Error> {
    Ok(TimeRange { from: call.params.time("startTime")?, to: call.params.end_time("endTime")? })
}
