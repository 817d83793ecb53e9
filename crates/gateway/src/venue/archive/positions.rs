//! `GET /v1/positions/history`.

use domain::ids::{SymbolId, UserId};
use projector::archive::BucketsQuery;
use projector::buckets::Interval;
use projector::rows::derived::PositionHistoryRow;

use super::{ROWS_DEFAULT, ROWS_MAX, check_kept, interval_of, next_page, reply, times};
use crate::error::Error;
use crate::json::Json;
use crate::reply::Reply;
use crate::request::Call;
use crate::units::Units;
use crate::venue::{limit_of, range_of, whose};

pub(crate) async fn history(call: &Call<'_>) -> Result<Reply, Error> {
    let user = whose(call)?;
    let units = call.symbol()?;
    let key: (UserId, SymbolId) = (user, units.symbol.instrument.id());
    let kept: Vec<Interval> = call.gateway.settings.derived.position_intervals().collect();
    let (interval, time) = (interval_of(call, Interval::DAY, &kept)?, range_of(call)?);
    let limit = limit_of(call, ROWS_DEFAULT, ROWS_MAX)?;
    call.params.all_read()?;
    let query = BucketsQuery { key, interval, time, limit };
    let page = call.read_archive(move |archive| archive.positions(&query)).await?;
    check_kept(interval, &kept, time, &page.rows)?;
    reply(call, page.through, |json| {
        json.object(|json| {
            json.number("sequence", page.through.0);
            json.number("userId", u64::from(user.0));
            json.plain("symbol", units.symbol.instrument.code().as_str().as_bytes());
            json.name("rows").array(|json| page.rows.iter().for_each(|row| write_row(json, &units, row)));
            let is_full = page.rows.len() == limit && time.from.is_some();
            next_page(json, page.rows.last().map(|row| row.bucket.start), is_full);
        });
    })
}

fn write_row(json: &mut Json, units: &Units, row: &PositionHistoryRow) {
    json.object(|json| {
        times(json, row.bucket);
        json.flag("closed", row.closed);
        json.plain("quantity", units.base_amount(row.quantity).as_bytes());
        json.plain("cost", units.quote_amount(row.cost).as_bytes());
        json.plain("realisedPnl", units.quote_amount(row.realised).as_bytes());
        match row.mark {
            Some(mark) => json.plain("markPrice", units.price(mark).as_bytes()),
            None => json.raw("markPrice", b"null"),
        }
        match row.unrealised {
            Some(profit) => json.plain("unrealisedPnl", units.quote_amount(profit).as_bytes()),
            None => json.raw("unrealisedPnl", b"null"),
        }
        json.number("lastSequence", row.last_seq.0);
    });
}
