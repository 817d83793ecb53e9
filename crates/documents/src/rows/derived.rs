//! The derived collections: sums of one bucket of time each, written again as long as it lasts.

use domain::ids::{SymbolId, TradeId, UserId};
use domain::units::{Ticks, UnixNanos};
use projector::book::Level;
use projector::buckets::{Bucket, Interval, Scope};
use projector::candle::Candle;
use projector::rows::derived::{
    ActiveUserRow, AnalyticsRow, KlineRow, LeaderboardRow, MarketSnapshotRow, PositionHistoryRow,
};

use super::NoRow;
use crate::document::{Document, Malformed, Value};
use crate::units::{Units, Unknown, amount, amount_of, wide, wide_of};

/// Letters of [`bucket_prefix`].
pub const BUCKET_PREFIX_LEN: usize = 32;

/// How the ids of all documents of a bucket begin.
pub fn bucket_prefix(bucket: &Bucket) -> String {
    format!("{:010}.{:020}.", bucket.interval.number(), bucket.start.0)
}

fn id_of_symbol(bucket: &Bucket, symbol: SymbolId) -> String {
    format!("{}{:010}", bucket_prefix(bucket), symbol.0)
}

/// What follows the prefix in the id of a document about a scope.
pub fn subject_of_scope(scope: Scope) -> String {
    let (word, id) = scope.parts();
    format!("{word}.{id:010}")
}

fn id_of_scope(bucket: &Bucket, scope: Scope) -> String {
    format!("{}{}", bucket_prefix(bucket), subject_of_scope(scope))
}

/// How the ids of everybody on a board begin; what follows is the user, and nothing else.
pub fn board_prefix(bucket: &Bucket, scope: Scope) -> String {
    format!("{}.", id_of_scope(bucket, scope))
}

fn of_bucket(bucket: &Bucket) -> [(&'static str, Value); 2] {
    [("bucket_seconds", bucket.interval.number().into()), ("bucket_start", bucket.start.0.into())]
}

fn bucket(document: &Document) -> Result<Bucket, Malformed> {
    let interval = Interval::of_number(document.small("bucket_seconds")?);
    Ok(Bucket { interval, start: UnixNanos(document.long("bucket_start")?) })
}

fn scope(document: &Document) -> Result<Scope, Malformed> {
    let (word, id) = (document.text("scope")?, document.small("scope_id")?);
    Scope::of_parts(word, id).ok_or_else(|| Malformed(format!("{}: scope is {word:?}", document.id)))
}

/// Decimals of the amounts of a scope, and of its base asset; of the venue there are none.
pub(crate) fn scales(scope: Scope, units: &Units) -> Result<(u8, u8), Unknown> {
    Ok(match scope {
        Scope::Venue => (0, 0),
        Scope::Asset(asset) => (units.asset(asset)?, 0),
        Scope::Symbol(symbol) => {
            let scales = units.symbol(symbol)?;
            (scales.quote, scales.base)
        }
    })
}

pub(crate) fn kline(row: &KlineRow, units: &Units) -> Result<Document, Unknown> {
    let (candle, scale) = (&row.candle, units.symbol(row.symbol)?.quote);
    let [interval, start] = of_bucket(&row.bucket);
    let fields = [
        interval,
        start,
        ("symbol_id", row.symbol.0.into()),
        ("open", candle.open.0.into()),
        ("high", candle.high.0.into()),
        ("low", candle.low.0.into()),
        ("close", candle.close.0.into()),
        ("volume", wide(candle.volume)),
        ("quote_volume", amount(candle.quote_volume, scale)),
        ("taker_buy_volume", wide(candle.taker_buy_volume)),
        ("taker_buy_quote_volume", amount(candle.taker_buy_quote_volume, scale)),
        ("first_trade_id", candle.first_trade.0.into()),
        ("last_trade_id", candle.last_trade.0.into()),
        ("trades", candle.trades.into()),
    ];
    Ok(Document::new(id_of_symbol(&row.bucket, row.symbol), row.last_seq, fields))
}

pub(crate) fn kline_row(document: &Document, units: &Units) -> Result<KlineRow, NoRow> {
    let (bucket, symbol) = (bucket(document)?, SymbolId(document.small("symbol_id")?));
    let scale = units.symbol(symbol)?.quote;
    let ticks = |name| document.long(name).map(Ticks);
    let candle = Candle {
        open_time: bucket.start,
        open: ticks("open")?,
        high: ticks("high")?,
        low: ticks("low")?,
        close: ticks("close")?,
        volume: wide_of(document, "volume")?,
        quote_volume: amount_of(document, "quote_volume", scale)?,
        taker_buy_volume: wide_of(document, "taker_buy_volume")?,
        taker_buy_quote_volume: amount_of(document, "taker_buy_quote_volume", scale)?,
        first_trade: TradeId(document.long("first_trade_id")?),
        last_trade: TradeId(document.long("last_trade_id")?),
        trades: document.long("trades")?,
    };
    Ok(KlineRow { bucket, symbol, candle, last_seq: document.seq })
}

pub(crate) fn position(row: &PositionHistoryRow, units: &Units) -> Result<Document, Unknown> {
    let scales = units.symbol(row.symbol)?;
    let [interval, start] = of_bucket(&row.bucket);
    let fields = [
        interval,
        start,
        ("user_id", row.user.0.into()),
        ("symbol_id", row.symbol.0.into()),
        ("quantity", amount(row.quantity, scales.base)),
        ("cost", amount(row.cost, scales.quote)),
        ("realised", amount(row.realised, scales.quote)),
        ("mark", row.mark.map(|mark| mark.0).into()),
        ("unrealised", row.unrealised.map_or(Value::Absent, |unrealised| amount(unrealised, scales.quote))),
        ("closed", row.closed.into()),
    ];
    let id = format!("{}{:010}.{:010}", bucket_prefix(&row.bucket), row.user.0, row.symbol.0);
    Ok(Document::new(id, row.last_seq, fields))
}

pub(crate) fn position_row(document: &Document, units: &Units) -> Result<PositionHistoryRow, NoRow> {
    let symbol = SymbolId(document.small("symbol_id")?);
    let scales = units.symbol(symbol)?;
    Ok(PositionHistoryRow {
        bucket: bucket(document)?,
        user: UserId(document.small("user_id")?),
        symbol,
        quantity: amount_of(document, "quantity", scales.base)?,
        cost: amount_of(document, "cost", scales.quote)?,
        realised: amount_of(document, "realised", scales.quote)?,
        mark: document.optional("mark", Document::long)?.map(Ticks),
        unrealised: document.optional("unrealised", |document, name| amount_of(document, name, scales.quote))?,
        closed: document.flag("closed")?,
        last_seq: document.seq,
    })
}

pub(crate) fn snapshot(row: &MarketSnapshotRow, units: &Units) -> Result<Document, Unknown> {
    let scale = units.symbol(row.symbol)?.quote;
    let [interval, start] = of_bucket(&row.bucket);
    let fields = [
        interval,
        start,
        ("symbol_id", row.symbol.0.into()),
        ("time", row.time.0.into()),
        ("last_price", row.last_price.map(|price| price.0).into()),
        ("bids", levels(&row.bids)),
        ("asks", levels(&row.asks)),
        ("trades", row.trades.into()),
        ("volume", wide(row.volume)),
        ("quote_volume", amount(row.quote_volume, scale)),
        ("expires_time", row.expires_at.0.into()),
    ];
    let mut document = Document::new(id_of_symbol(&row.bucket, row.symbol), row.last_seq, fields);
    document.expires = Some(row.expires_at);
    Ok(document)
}

pub(crate) fn snapshot_row(document: &Document, units: &Units) -> Result<MarketSnapshotRow, NoRow> {
    let symbol = SymbolId(document.small("symbol_id")?);
    Ok(MarketSnapshotRow {
        bucket: bucket(document)?,
        symbol,
        time: UnixNanos(document.long("time")?),
        last_price: document.optional("last_price", Document::long)?.map(Ticks),
        bids: levels_of(document, "bids")?,
        asks: levels_of(document, "asks")?,
        trades: document.long("trades")?,
        volume: wide_of(document, "volume")?,
        quote_volume: amount_of(document, "quote_volume", units.symbol(symbol)?.quote)?,
        expires_at: UnixNanos(document.long("expires_time")?),
        last_seq: document.seq,
    })
}

/// Prices and lots, best first: `price:lots price:lots`.
fn levels(levels: &[Level]) -> Value {
    let level = |level: &Level| format!("{}:{}", level.price.0, level.lots);
    Value::from(levels.iter().map(level).collect::<Vec<_>>().join(" "))
}

fn levels_of(document: &Document, name: &str) -> Result<Vec<Level>, Malformed> {
    let text = document.text(name)?;
    let level = |text: &str| {
        let (price, lots) = text.split_once(':')?;
        Some(Level { price: Ticks(price.parse().ok()?), lots: lots.parse().ok()? })
    };
    let levels: Option<Vec<Level>> = text.split_whitespace().map(level).collect();
    levels.ok_or_else(|| Malformed(format!("{}: {name} is {text:?}", document.id)))
}

pub(crate) fn leaderboard(row: &LeaderboardRow, units: &Units) -> Result<Document, Unknown> {
    let (scale, _) = scales(row.scope, units)?;
    let [interval, start] = of_bucket(&row.bucket);
    let (word, id) = row.scope.parts();
    let fields = [
        interval,
        start,
        ("scope", word.into()),
        ("scope_id", id.into()),
        ("user_id", row.user.0.into()),
        ("volume", amount(row.volume, scale)),
        ("realised", amount(row.realised, scale)),
        ("fills", row.fills.into()),
    ];
    let id = format!("{}{:010}", board_prefix(&row.bucket, row.scope), row.user.0);
    Ok(Document::new(id, row.last_seq, fields))
}

pub(crate) fn leaderboard_row(document: &Document, units: &Units) -> Result<LeaderboardRow, NoRow> {
    let scope = scope(document)?;
    let (scale, _) = scales(scope, units)?;
    Ok(LeaderboardRow {
        bucket: bucket(document)?,
        scope,
        user: UserId(document.small("user_id")?),
        volume: amount_of(document, "volume", scale)?,
        realised: amount_of(document, "realised", scale)?,
        fills: document.long("fills")?,
        last_seq: document.seq,
    })
}

pub(crate) fn analytics(row: &AnalyticsRow, units: &Units) -> Result<Document, Unknown> {
    let (scale, base) = scales(row.scope, units)?;
    let [interval, start] = of_bucket(&row.bucket);
    let (word, id) = row.scope.parts();
    let fields = [
        interval,
        start,
        ("scope", word.into()),
        ("scope_id", id.into()),
        ("trades", row.trades.into()),
        ("active_users", row.active_users.into()),
        ("volume", wide(row.volume)),
        ("quote_volume", amount(row.quote_volume, scale)),
        ("base_fees", amount(row.base_fees, base)),
        ("fees", amount(row.fees, scale)),
    ];
    Ok(Document::new(id_of_scope(&row.bucket, row.scope), row.last_seq, fields))
}

pub(crate) fn analytics_row(document: &Document, units: &Units) -> Result<AnalyticsRow, NoRow> {
    let scope = scope(document)?;
    let (scale, base) = scales(scope, units)?;
    Ok(AnalyticsRow {
        bucket: bucket(document)?,
        scope,
        trades: document.long("trades")?,
        active_users: document.long("active_users")?,
        volume: wide_of(document, "volume")?,
        quote_volume: amount_of(document, "quote_volume", scale)?,
        base_fees: amount_of(document, "base_fees", base)?,
        fees: amount_of(document, "fees", scale)?,
        last_seq: document.seq,
    })
}

pub(crate) fn active_user(row: &ActiveUserRow) -> Document {
    let [interval, start] = of_bucket(&row.bucket);
    let (word, id) = row.scope.parts();
    let fields = [interval, start, ("scope", word.into()), ("scope_id", id.into()), ("user_id", row.user.0.into())];
    let id = format!("{}.{:010}", id_of_scope(&row.bucket, row.scope), row.user.0);
    Document::new(id, row.first, fields)
}

pub(crate) fn active_user_row(document: &Document) -> Result<ActiveUserRow, Malformed> {
    let (bucket, scope) = (bucket(document)?, scope(document)?);
    Ok(ActiveUserRow { bucket, scope, user: UserId(document.small("user_id")?), first: document.seq })
}
