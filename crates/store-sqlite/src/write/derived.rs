//! Rows of the derived collections. A row is written again as long as its bucket is open.

use domain::units::{Amount, UnixNanos};
use projector::batch::AnalyticsRows;
use projector::book::Level;
use projector::buckets::Scope;
use projector::rows::derived::{KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow};
use rusqlite::{Connection, params};

use super::int;
use crate::fault::Fault;
use crate::units::{Decimal, Units};

pub(crate) fn klines(connection: &Connection, units: &mut Units, rows: &[KlineRow]) -> Result<(), Fault> {
    let mut put = connection.prepare_cached(
        "INSERT OR REPLACE INTO klines (symbol_id, bucket_seconds, bucket_start, open, high, low, close, volume,
            quote_volume, buy_volume, buy_quote_volume, first_trade, last_trade, trades, last_seq)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?;
    for row in rows {
        let (candle, quote) = (&row.candle, units.symbol(connection, row.symbol)?.quote);
        put.execute(params![
            row.symbol.0,
            row.bucket.interval.number(),
            int(row.bucket.start.0),
            int(candle.open.0),
            int(candle.high.0),
            int(candle.low.0),
            int(candle.close.0),
            whole(candle.volume),
            Decimal(candle.quote_volume, quote),
            whole(candle.taker_buy_volume),
            Decimal(candle.taker_buy_quote_volume, quote),
            int(candle.first_trade.0),
            int(candle.last_trade.0),
            int(candle.trades),
            int(row.last_seq.0),
        ])?;
    }
    Ok(())
}

pub(crate) fn positions(connection: &Connection, units: &mut Units, rows: &[PositionHistoryRow]) -> Result<(), Fault> {
    let mut put = connection.prepare_cached(
        "INSERT OR REPLACE INTO historical_positions (user_id, symbol_id, bucket_seconds, bucket_start, quantity, cost,
            realised, mark, unrealised, closed, last_seq)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for row in rows {
        let scales = units.symbol(connection, row.symbol)?;
        put.execute(params![
            row.user.0,
            row.symbol.0,
            row.bucket.interval.number(),
            int(row.bucket.start.0),
            Decimal(row.quantity, scales.base),
            Decimal(row.cost, scales.quote),
            Decimal(row.realised, scales.quote),
            row.mark.map(|mark| int(mark.0)),
            row.unrealised.map(|amount| Decimal(amount, scales.quote)),
            row.closed,
            int(row.last_seq.0),
        ])?;
    }
    Ok(())
}

/// Takes those away that are over by then: by block time, so that it is a function of the log.
pub(crate) fn snapshots(connection: &Connection, units: &mut Units, rows: &[MarketSnapshotRow]) -> Result<(), Fault> {
    let mut put = connection.prepare_cached(
        "INSERT OR REPLACE INTO market_snapshots (symbol_id, bucket_seconds, bucket_start, time, last_price, bids, asks,
            trades, volume, quote_volume, expires_at, last_seq)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for row in rows {
        put.execute(params![
            row.symbol.0,
            row.bucket.interval.number(),
            int(row.bucket.start.0),
            int(row.time.0),
            row.last_price.map(|price| int(price.0)),
            levels(&row.bids),
            levels(&row.asks),
            int(row.trades),
            whole(row.volume),
            Decimal(row.quote_volume, units.symbol(connection, row.symbol)?.quote),
            int(row.expires_at.0),
            int(row.last_seq.0),
        ])?;
    }
    let now = rows.iter().map(|row| row.time).max().unwrap_or(UnixNanos(0));
    connection.prepare_cached("DELETE FROM market_snapshots WHERE expires_at <= ?1")?.execute([int(now.0)])?;
    Ok(())
}

pub(crate) fn leaderboards(connection: &Connection, units: &mut Units, rows: &[LeaderboardRow]) -> Result<(), Fault> {
    let mut put = connection.prepare_cached(
        "INSERT OR REPLACE INTO leaderboards (scope, scope_id, bucket_seconds, bucket_start, user_id, volume, realised,
            fills, last_seq)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for row in rows {
        let (word, id) = row.scope.parts();
        let (_, quote) = scales(connection, units, row.scope)?;
        put.execute(params![
            word,
            id,
            row.bucket.interval.number(),
            int(row.bucket.start.0),
            row.user.0,
            Decimal(row.volume, quote),
            Decimal(row.realised, quote),
            int(row.fills),
            int(row.last_seq.0),
        ])?;
    }
    Ok(())
}

pub(crate) fn analytics(connection: &Connection, units: &mut Units, rows: &AnalyticsRows) -> Result<(), Fault> {
    let mut put = connection.prepare_cached(
        "INSERT OR REPLACE INTO analytics (scope, scope_id, bucket_seconds, bucket_start, trades, active_users, volume,
            quote_volume, base_fees, fees, last_seq)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for row in &rows.analytics {
        let (word, id) = row.scope.parts();
        let (base, quote) = scales(connection, units, row.scope)?;
        put.execute(params![
            word,
            id,
            row.bucket.interval.number(),
            int(row.bucket.start.0),
            int(row.trades),
            int(row.active_users),
            whole(row.volume),
            Decimal(row.quote_volume, quote),
            Decimal(row.base_fees, base),
            Decimal(row.fees, quote),
            int(row.last_seq.0),
        ])?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO active_users (scope, scope_id, bucket_seconds, bucket_start, user_id, first_seq)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for row in &rows.active_users {
        let ((word, id), bucket) = (row.scope.parts(), row.bucket);
        let (seconds, start) = (bucket.interval.number(), int(bucket.start.0));
        insert.execute(params![word, id, seconds, start, row.user.0, int(row.first.0)])?;
    }
    Ok(())
}

/// Decimals of what a sum is in: base, quote.
pub(crate) fn scales(connection: &Connection, units: &mut Units, scope: Scope) -> Result<(u8, u8), Fault> {
    match scope {
        Scope::Venue => Ok((0, 0)),
        Scope::Asset(asset) => units.asset(connection, asset).map(|scale| (0, scale)),
        Scope::Symbol(symbol) => units.symbol(connection, symbol).map(|scales| (scales.base, scales.quote)),
    }
}

/// A number of lots. Sums stop where amounts do.
fn whole(lots: u128) -> Decimal {
    Decimal(Amount::ZERO.bounded_add(Amount(i128::try_from(lots).unwrap_or(i128::MAX))), 0)
}

/// Price levels as JSON.
fn levels(levels: &[Level]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("[");
    for (index, level) in levels.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(text, "{comma}[{},{}]", level.price.0, level.lots);
    }
    text.push(']');
    text
}
