//! `GET /api/v3/myTrades`.

use domain::ids::{OrderId, TradeId};
use domain::order::{Liquidity, Side};
use projector::history::{FillsQuery, Selection};
use projector::rows::FillRow;

use crate::account::orders::time_range;
use crate::decimal::DecimalText;
use crate::error::Error;
use crate::reply::Reply;
use crate::request::Call;

pub(crate) async fn mine(call: &Call<'_>) -> Result<Reply, Error> {
    let units = call.symbol()?;
    let user = call.caller()?.user;
    let order = call.params.integer("orderId")?.map(OrderId);
    let time = time_range(call)?;
    let first = call.params.integer("fromId")?.map(TradeId);
    let limit = call.params.limit(500, 1_000)?;
    call.params.all_read()?;
    if (first.is_some() || order.is_some()) && (time.from.is_some() || time.to.is_some()) {
        return Err(Error::bad(-1128, "Combination of optional parameters invalid."));
    }
    // One more than the page has shows whether it would end inside a trade.
    let selection = Selection { first, time, limit: limit + 1 };
    let query = FillsQuery { user, symbol: units.symbol.instrument.id(), order, selection };
    let rows = call.read_history(move |model, history| model.fills(history, &query)).await?;
    let rows = whole_trades(rows, limit, selection.newest_first());
    let reference = call.model().reference();
    Ok(Reply::ok(|json| {
        json.array(|json| {
            for row in &rows {
                let fee_asset = reference.asset(row.fee_asset).unwrap_or(&units.quote);
                json.object(|json| {
                    json.text("symbol", units.symbol.instrument.code().as_str());
                    json.number("id", row.trade.0);
                    json.number("orderId", row.order.0);
                    json.raw("orderListId", b"-1");
                    json.plain("price", units.price(row.price).as_bytes());
                    json.plain("qty", units.quantity(row.quantity).as_bytes());
                    json.plain("quoteQty", units.quote_amount(row.quote).as_bytes());
                    json.plain("commission", DecimalText::new(row.fee.0, fee_asset.scale).as_bytes());
                    json.text("commissionAsset", fee_asset.code.as_str());
                    json.number("time", row.time.millis());
                    json.flag("isBuyer", row.side == Side::Buy);
                    json.flag("isMaker", row.liquidity == Liquidity::Maker);
                    json.flag("isBestMatch", true);
                });
            }
        });
    }))
}

/// A user who trades with themselves has two rows under one trade id, and the next page begins with an id: so the row that is beyond
/// `limit` stays where it is the other side of the trade beside it.
fn whole_trades(mut rows: Vec<FillRow>, limit: usize, newest_first: bool) -> Vec<FillRow> {
    if rows.len() <= limit {
        return rows;
    }
    let beyond = if newest_first { 0 } else { limit };
    let beside = if newest_first { 1 } else { limit.saturating_sub(1) };
    let trade = |place: usize| rows.get(place).map(|row| row.trade);
    if trade(beyond) != trade(beside) {
        rows.remove(beyond);
    }
    rows
}
