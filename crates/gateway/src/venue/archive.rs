//! What is read from the archive: position history, market snapshots, leaderboards, analytics, audit. `sequence` in these answers is
//! what the archive has, which is a little later than what the venue has.

pub(crate) mod positions;
pub(crate) mod snapshots;
pub(crate) mod leaderboards;
pub(crate) mod analytics;
pub(crate) mod audit;

use axum::http::StatusCode;
use domain::units::{Seq, UnixNanos};
use projector::buckets::{Bucket, Interval, Scope};
use projector::history::TimeRange;

use crate::decimal::DecimalText;
use crate::error::Error;
use crate::json::Json;
use crate::reply::Reply;
use crate::request::Call;

const ROWS_DEFAULT: usize = 100;
const ROWS_MAX: usize = 1_000;

/// An answer of the archive, which had everything through there.
fn reply(call: &Call<'_>, through: Seq, fill: impl FnOnce(&mut Json)) -> Result<Reply, Error> {
    let least = least_of(call)?;
    if least > through {
        let message = format!("Sequence {} is not reached yet; the archive is at {}.", least.0, through.0);
        return Err(Error::new(StatusCode::CONFLICT, -5010, message));
    }
    Ok(Reply::ok(fill).at(through))
}

/// What the answer must reflect.
fn least_of(call: &Call<'_>) -> Result<Seq, Error> {
    Ok(Seq(call.params.integer("minSequence")?.unwrap_or_default()))
}

/// A length of buckets: `10s`, `15m`, `1h`, `1d`.
fn interval(text: &str) -> Option<Interval> {
    let unit = text.chars().last()?;
    let count: u32 = text.strip_suffix(unit).and_then(crate::params::integer)?.try_into().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    count.checked_mul(seconds).filter(|seconds| (1..=86_400).contains(seconds)).map(Interval::Seconds)
}

/// The parameter `interval`, where the collection is `kept` in some.
fn interval_of(call: &Call<'_>, default: Interval, kept: &[Interval]) -> Result<Interval, Error> {
    match call.params.optional("interval")? {
        None => Ok(default),
        Some(text) => interval(text).ok_or_else(|| not_kept(kept)),
    }
}

/// Refuses an interval that nothing is kept in. Rows that are there are shown even so: they are of an earlier setting, which may have none
/// in the range that is asked for, as behind its last page.
fn check_kept<T>(interval: Interval, kept: &[Interval], time: TimeRange, rows: &[T]) -> Result<(), Error> {
    let has_range = time.from.is_some() || time.to.is_some();
    if rows.is_empty() && !has_range && !kept.contains(&interval) { Err(not_kept(kept)) } else { Ok(()) }
}

fn not_kept(kept: &[Interval]) -> Error {
    let kept: Vec<String> = kept.iter().map(|interval| interval_text(*interval)).collect();
    Error::bad(-1120, format!("Invalid interval; those kept: {}.", kept.join(", ")))
}

/// As [`interval`] reads it, in the longest unit.
fn interval_text(interval: Interval) -> String {
    let Interval::Seconds(seconds) = interval else { return format!("{interval:?}") };
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm')];
    let unit = units.into_iter().find(|(length, _)| seconds.is_multiple_of(*length));
    let (length, unit) = unit.unwrap_or((1, 's'));
    format!("{}{unit}", seconds.checked_div(length).unwrap_or_default())
}

/// What sums are asked for: those of `symbol`, of everything paid in `asset`, or, of what has no amounts, of the venue.
fn scope_of(call: &Call<'_>) -> Result<Scope, Error> {
    let symbol = call.optional_symbol()?;
    match (symbol, call.params.optional("asset")?) {
        (Some(units), None) => Ok(Scope::Symbol(units.symbol.instrument.id())),
        (None, Some(code)) => {
            let reference = call.model().reference();
            let asset = reference.asset_by_code(code).ok_or(Error::bad(-1121, "Invalid asset."))?;
            Ok(Scope::Asset(asset.id))
        }
        (None, None) => Ok(Scope::Venue),
        (Some(_), Some(_)) => Err(Error::bad(-1128, "Send either 'symbol' or 'asset'.")),
    }
}

/// Decimals of what a scope's amounts are in: base, quote. Absent: it has none.
fn scales_of(call: &Call<'_>, scope: Scope) -> Option<(u8, u8)> {
    let reference = call.model().reference();
    match scope {
        Scope::Venue => None,
        Scope::Asset(asset) => reference.asset(asset).map(|asset| (0, asset.scale)),
        Scope::Symbol(symbol) => {
            let instrument = &reference.symbol(symbol)?.instrument;
            Some((instrument.base_leg().scale, instrument.quote_leg().scale))
        }
    }
}

fn amount(json: &mut Json, name: &str, units: i128, scale: u8) {
    json.plain(name, DecimalText::new(units, scale).as_bytes());
}

fn times(json: &mut Json, bucket: Bucket) {
    json.number("openTime", bucket.start.millis());
    match bucket.end() {
        Some(end) => json.number("closeTime", end.millis().saturating_sub(1)),
        None => json.raw("closeTime", b"null"),
    }
}

/// Where the next page begins, where there may be one.
fn next_page(json: &mut Json, last: Option<UnixNanos>, is_full: bool) {
    match last.filter(|_| is_full) {
        Some(last) => json.number("nextStartTime", last.plus(1_000_000).millis()),
        None => json.raw("nextStartTime", b"null"),
    }
}
