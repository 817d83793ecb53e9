//! `GET /v1/analytics`.

use projector::archive::BucketsQuery;
use projector::buckets::{Interval, Scope};
use projector::rows::derived::AnalyticsRow;
use projector::settings::ANALYTICS;

use super::{ROWS_DEFAULT, ROWS_MAX, amount, interval_of, next_page, not_kept, reply, scales_of, scope_of, times};
use crate::error::Error;
use crate::json::Json;
use crate::reply::Reply;
use crate::request::Call;
use crate::venue::{limit_of, range_of};

pub(crate) async fn analytics(call: &Call<'_>) -> Result<Reply, Error> {
    let key = scope_of(call)?;
    let scales = scales_of(call, key);
    let (interval, time) = (interval_of(call, Interval::DAY, &ANALYTICS)?, range_of(call)?);
    if !ANALYTICS.contains(&interval) {
        return Err(not_kept(&ANALYTICS));
    }
    let limit = limit_of(call, ROWS_DEFAULT, ROWS_MAX)?;
    call.params.all_read()?;
    let lots = match key {
        Scope::Symbol(symbol) => {
            let reference = call.model().reference();
            reference.symbol(symbol).and_then(|symbol| crate::units::Units::new(&reference, symbol).ok())
        }
        Scope::Venue | Scope::Asset(_) => None,
    };
    let query = BucketsQuery { key, interval, time, limit };
    let page = call.read_archive(move |archive| archive.analytics(&query)).await?;
    reply(call, page.through, |json| {
        json.object(|json| {
            json.number("sequence", page.through.0);
            json.name("rows").array(|json| {
                for row in &page.rows {
                    write_row(json, row, scales, lots.as_ref());
                }
            });
            let is_full = page.rows.len() == limit && time.from.is_some();
            next_page(json, page.rows.last().map(|row| row.bucket.start), is_full);
        });
    })
}

/// Only what the scope has: amounts of several assets are not added up.
fn write_row(json: &mut Json, row: &AnalyticsRow, scales: Option<(u8, u8)>, lots: Option<&crate::units::Units>) {
    json.object(|json| {
        times(json, row.bucket);
        json.number("trades", row.trades);
        json.number("activeUsers", row.active_users);
        if let Some((base, quote)) = scales {
            amount(json, "quoteVolume", row.quote_volume.0, quote);
            amount(json, "fees", row.fees.0, quote);
            if let Some(units) = lots {
                json.plain("volume", units.lots(row.volume).as_bytes());
                amount(json, "baseFees", row.base_fees.0, base);
            }
        }
        json.number("lastSequence", row.last_seq.0);
    });
}
