//! Rows of the derived collections.

use domain::ids::{SymbolId, TradeId, UserId};
use domain::units::{Seq, Ticks, UnixNanos};
use projector::book::Level;
use projector::buckets::{Bucket, Interval, Scope};
use projector::candle::Candle;
use projector::rows::derived::{
    ActiveUserRow, AnalyticsRow, KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow,
};
use rusqlite::Row;

use super::{Columns, Scales};
use crate::fault::Fault;
use crate::write::derived::scales;

/// What [`kline`] reads.
pub(crate) const KLINE: &str = "SELECT symbol_id, bucket_seconds, bucket_start, open, high, low, close, volume,
    quote_volume, buy_volume, buy_quote_volume, first_trade, last_trade, trades, last_seq FROM klines";
/// What [`position`] reads.
pub(crate) const POSITION: &str = "SELECT user_id, symbol_id, bucket_seconds, bucket_start, quantity, cost, realised,
    mark, unrealised, closed, last_seq FROM historical_positions";
/// What [`snapshot`] reads.
pub(crate) const SNAPSHOT: &str =
    "SELECT symbol_id, bucket_seconds, bucket_start, time, last_price, bids, asks, trades,
    volume, quote_volume, expires_at, last_seq FROM market_snapshots";
/// What [`leaderboard`] reads.
pub(crate) const LEADERBOARD: &str = "SELECT scope, scope_id, bucket_seconds, bucket_start, user_id, volume, realised,
    fills, last_seq FROM leaderboards";
/// What [`analytics`] reads.
pub(crate) const ANALYTICS: &str = "SELECT scope, scope_id, bucket_seconds, bucket_start, trades, active_users, volume,
    quote_volume, base_fees, fees, last_seq FROM analytics";
/// What [`active_user`] reads.
pub(crate) const ACTIVE_USER: &str = "SELECT scope, scope_id, bucket_seconds, bucket_start, user_id, first_seq
    FROM active_users";

pub(crate) fn kline(row: &Row<'_>, of: &mut Scales<'_>) -> Result<KlineRow, Fault> {
    let mut columns = Columns::of(row);
    let (symbol, bucket) = (SymbolId(columns.get()?), bucket(&mut columns)?);
    let quote = of.units.symbol(of.connection, symbol)?.quote;
    let candle = Candle {
        open_time: bucket.start,
        open: Ticks(columns.long()?),
        high: Ticks(columns.long()?),
        low: Ticks(columns.long()?),
        close: Ticks(columns.long()?),
        volume: lots(&mut columns)?,
        quote_volume: columns.amount(quote)?,
        taker_buy_volume: lots(&mut columns)?,
        taker_buy_quote_volume: columns.amount(quote)?,
        first_trade: TradeId(columns.long()?),
        last_trade: TradeId(columns.long()?),
        trades: columns.long()?,
    };
    Ok(KlineRow { bucket, symbol, candle, last_seq: Seq(columns.long()?) })
}

pub(crate) fn position(row: &Row<'_>, of: &mut Scales<'_>) -> Result<PositionHistoryRow, Fault> {
    let mut columns = Columns::of(row);
    let (user, symbol, bucket) = (UserId(columns.get()?), SymbolId(columns.get()?), bucket(&mut columns)?);
    let scales = of.units.symbol(of.connection, symbol)?;
    Ok(PositionHistoryRow {
        bucket,
        user,
        symbol,
        quantity: columns.amount(scales.base)?,
        cost: columns.amount(scales.quote)?,
        realised: columns.amount(scales.quote)?,
        mark: columns.long_or_none()?.map(Ticks),
        unrealised: columns.amount_or_none(scales.quote)?,
        closed: columns.get()?,
        last_seq: Seq(columns.long()?),
    })
}

pub(crate) fn snapshot(row: &Row<'_>, of: &mut Scales<'_>) -> Result<MarketSnapshotRow, Fault> {
    let mut columns = Columns::of(row);
    let (symbol, bucket) = (SymbolId(columns.get()?), bucket(&mut columns)?);
    Ok(MarketSnapshotRow {
        bucket,
        symbol,
        time: UnixNanos(columns.long()?),
        last_price: columns.long_or_none()?.map(Ticks),
        bids: levels(columns.str()?)?,
        asks: levels(columns.str()?)?,
        trades: columns.long()?,
        volume: lots(&mut columns)?,
        quote_volume: columns.amount(of.units.symbol(of.connection, symbol)?.quote)?,
        expires_at: UnixNanos(columns.long()?),
        last_seq: Seq(columns.long()?),
    })
}

pub(crate) fn leaderboard(row: &Row<'_>, of: &mut Scales<'_>) -> Result<LeaderboardRow, Fault> {
    let mut columns = Columns::of(row);
    let (scope, bucket) = (scope(&mut columns)?, bucket(&mut columns)?);
    let (_, quote) = scales(of.connection, of.units, scope)?;
    Ok(LeaderboardRow {
        bucket,
        scope,
        user: UserId(columns.get()?),
        volume: columns.amount(quote)?,
        realised: columns.amount(quote)?,
        fills: columns.long()?,
        last_seq: Seq(columns.long()?),
    })
}

pub(crate) fn analytics(row: &Row<'_>, of: &mut Scales<'_>) -> Result<AnalyticsRow, Fault> {
    let mut columns = Columns::of(row);
    let (scope, bucket) = (scope(&mut columns)?, bucket(&mut columns)?);
    let (base, quote) = scales(of.connection, of.units, scope)?;
    Ok(AnalyticsRow {
        bucket,
        scope,
        trades: columns.long()?,
        active_users: columns.long()?,
        volume: lots(&mut columns)?,
        quote_volume: columns.amount(quote)?,
        base_fees: columns.amount(base)?,
        fees: columns.amount(quote)?,
        last_seq: Seq(columns.long()?),
    })
}

pub(crate) fn active_user(row: &Row<'_>) -> Result<ActiveUserRow, Fault> {
    let mut columns = Columns::of(row);
    let (scope, bucket) = (scope(&mut columns)?, bucket(&mut columns)?);
    Ok(ActiveUserRow { bucket, scope, user: UserId(columns.get()?), first: Seq(columns.long()?) })
}

fn bucket(columns: &mut Columns<'_>) -> Result<Bucket, Fault> {
    let interval = Interval::of_number(columns.get()?);
    Ok(Bucket { interval, start: UnixNanos(columns.long()?) })
}

fn scope(columns: &mut Columns<'_>) -> Result<Scope, Fault> {
    let (word, id) = (columns.str()?, columns.get()?);
    Scope::of_parts(word, id).ok_or_else(|| Fault::Content(format!("the scope {word:?} {id}")))
}

fn lots(columns: &mut Columns<'_>) -> Result<u128, Fault> {
    let amount = columns.amount(0)?;
    u128::try_from(amount.0).map_err(|error| Fault::Content(format!("{} lots: {error}", amount.0)))
}

/// Price levels out of `[[price,lots],…]`.
fn levels(text: &str) -> Result<Vec<Level>, Fault> {
    let damaged = || Fault::Content(format!("the price levels {text:?}"));
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or_else(damaged)?;
    let level = |level: &str| {
        let (price, lots) = level.trim_start_matches([',', '[']).split_once(',')?;
        Some(Level { price: Ticks(price.parse().ok()?), lots: lots.parse().ok()? })
    };
    let levels = inside.split_terminator(']').map(level);
    levels.collect::<Option<_>>().ok_or_else(damaged)
}
