//! `GET /v1/market/snapshots`.

use std::sync::Arc;

use projector::archive::{ArchiveHistory, BucketsQuery};
use projector::book::Level;
use projector::rows::derived::MarketSnapshotRow;

use super::{ROWS_DEFAULT, ROWS_MAX, check_kept, interval_of, least_of, next_page, reply, times};
use crate::error::Error;
use crate::json::Json;
use crate::reply::Reply;
use crate::request::Call;
use crate::units::Units;
use crate::venue::{limit_of, range_of};

pub(crate) async fn snapshots(call: &Call<'_>) -> Result<Reply, Error> {
    let units = call.symbol()?;
    let key = units.symbol.instrument.id();
    let kept = call.gateway.settings.derived.snapshots;
    let (interval, time) = (interval_of(call, kept, &[kept])?, range_of(call)?);
    let limit = limit_of(call, ROWS_DEFAULT, ROWS_MAX)?;
    call.params.all_read()?;
    let query = BucketsQuery { key, interval, time, limit };
    let (now, least, cache) = (call.now(), least_of(call)?, Arc::clone(&call.gateway.cache));
    let read = move |archive: &dyn ArchiveHistory| cache.snapshots(&query, least, || archive.snapshots(&query, now));
    let page = call.read_archive(read).await?;
    check_kept(interval, &[kept], time, &page.rows)?;
    // What has expired since it was read is left out as well.
    let rows: Vec<&MarketSnapshotRow> = page.rows.iter().filter(|row| row.expires_at > now).collect();
    reply(call, page.through, |json| {
        json.object(|json| {
            json.number("sequence", page.through.0);
            json.plain("symbol", units.symbol.instrument.code().as_str().as_bytes());
            json.name("rows").array(|json| rows.iter().for_each(|row| write_row(json, &units, row)));
            let is_full = page.rows.len() == limit && time.from.is_some();
            next_page(json, page.rows.last().map(|row| row.bucket.start), is_full);
        });
    })
}

fn write_row(json: &mut Json, units: &Units, row: &MarketSnapshotRow) {
    json.object(|json| {
        times(json, row.bucket);
        json.number("time", row.time.millis());
        match row.last_price {
            Some(price) => json.plain("lastPrice", units.price(price).as_bytes()),
            None => json.raw("lastPrice", b"null"),
        }
        for (name, levels) in [("bids", &row.bids), ("asks", &row.asks)] {
            json.name(name).array(|json| levels.iter().for_each(|level| write_level(json, units, level)));
        }
        json.number("trades", row.trades);
        json.plain("volume", units.lots(row.volume).as_bytes());
        json.plain("quoteVolume", units.quote_amount(row.quote_volume).as_bytes());
        json.number("expiresAt", row.expires_at.millis());
        json.number("lastSequence", row.last_seq.0);
    });
}

fn write_level(json: &mut Json, units: &Units, level: &Level) {
    json.array(|json| {
        json.plain_value(units.price(level.price).as_bytes());
        json.plain_value(units.lots(level.lots).as_bytes());
    });
}
