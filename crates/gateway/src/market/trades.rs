//! `GET /api/v3/trades`, `historicalTrades`, `aggTrades`.

use domain::ids::TradeId;
use domain::order::Side;
use projector::history::{Selection, TimeRange, TradesQuery};
use projector::rows::TradeRow;

use crate::account::orders::time_range;
use crate::error::Error;
use crate::json::Json;
use crate::reply::Reply;
use crate::request::Call;
use crate::units::Units;

const ROWS_DEFAULT: usize = 500;
const ROWS_MAX: usize = readmodel::limits::RECENT_TRADES;

pub(crate) async fn recent(call: &Call<'_>) -> Result<Reply, Error> {
    let units = call.symbol()?;
    let limit = call.params.limit(ROWS_DEFAULT, ROWS_MAX)?;
    call.params.all_read()?;
    let rows = match call.model().last_trades(units.symbol.instrument.id(), limit) {
        Some(rows) => rows,
        None => read(call, &units, Selection { first: None, time: TimeRange::default(), limit }).await?,
    };
    Ok(list(&rows, |json, row| write_trade(json, &units, row)))
}

pub(crate) async fn historical(call: &Call<'_>) -> Result<Reply, Error> {
    let units = call.symbol()?;
    let first = call.params.integer("fromId")?.map(TradeId);
    let limit = call.params.limit(ROWS_DEFAULT, ROWS_MAX)?;
    call.params.all_read()?;
    let rows = read(call, &units, Selection { first, time: TimeRange::default(), limit }).await?;
    Ok(list(&rows, |json, row| write_trade(json, &units, row)))
}

/// Each trade is its own aggregate, so aggregate ids are trade ids.
pub(crate) async fn aggregate(call: &Call<'_>) -> Result<Reply, Error> {
    let units = call.symbol()?;
    let first = call.params.integer("fromId")?.map(TradeId);
    let time = time_range(call)?;
    let limit = call.params.limit(ROWS_DEFAULT, ROWS_MAX)?;
    call.params.all_read()?;
    if first.is_some() && time != TimeRange::default() {
        return Err(Error::bad(-1128, "Combination of optional parameters invalid."));
    }
    let rows = read(call, &units, Selection { first, time, limit }).await?;
    Ok(list(&rows, |json, row| {
        json.object(|json| {
            json.number("a", row.trade.0);
            json.plain("p", units.price(row.price).as_bytes());
            json.plain("q", units.quantity(row.quantity).as_bytes());
            json.number("f", row.trade.0);
            json.number("l", row.trade.0);
            json.number("T", row.time.millis());
            json.flag("m", row.taker_side == Side::Sell);
            json.flag("M", true);
        });
    }))
}

async fn read(call: &Call<'_>, units: &Units, selection: Selection<TradeId>) -> Result<Vec<TradeRow>, Error> {
    let query = TradesQuery { symbol: units.symbol.instrument.id(), selection };
    call.read_history(move |model, history| model.trades(history, &query)).await
}

fn list(rows: &[TradeRow], write: impl Fn(&mut Json, &TradeRow)) -> Reply {
    Reply::ok(|json| json.array(|json| rows.iter().for_each(|row| write(json, row))))
}

fn write_trade(json: &mut Json, units: &Units, row: &TradeRow) {
    json.object(|json| {
        json.number("id", row.trade.0);
        json.plain("price", units.price(row.price).as_bytes());
        json.plain("qty", units.quantity(row.quantity).as_bytes());
        json.plain("quoteQty", units.quote_amount(row.quote).as_bytes());
        json.number("time", row.time.millis());
        json.flag("isBuyerMaker", row.taker_side == Side::Sell);
        json.flag("isBestMatch", true);
    });
}
