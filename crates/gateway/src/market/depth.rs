//! `GET /api/v3/depth`.

use projector::book::Level;

use crate::error::Error;
use crate::json::Json;
use crate::reply::Reply;
use crate::request::Call;
use crate::units::Units;

const LEVELS_DEFAULT: usize = 100;
const LEVELS_MAX: usize = 5_000;

pub(crate) fn depth(call: &Call<'_>) -> Result<Reply, Error> {
    let units = call.symbol()?;
    let limit = call.params.limit(LEVELS_DEFAULT, LEVELS_MAX)?;
    call.params.all_read()?;
    let depth = call.model().depth(units.symbol.instrument.id(), limit).ok_or(Error::bad(-1121, "Invalid symbol."))?;
    let reply = Reply::ok(|json| {
        json.object(|json| {
            json.number("lastUpdateId", depth.seq.0);
            json.name("bids").array(|json| write_levels(json, &units, &depth.bids));
            json.name("asks").array(|json| write_levels(json, &units, &depth.asks));
        });
    });
    Ok(reply.at(depth.seq))
}

fn write_levels(json: &mut Json, units: &Units, levels: &[Level]) {
    for level in levels {
        json.array(|json| {
            json.plain_value(units.price(level.price).as_bytes());
            json.plain_value(units.lots(level.lots).as_bytes());
        });
    }
}
