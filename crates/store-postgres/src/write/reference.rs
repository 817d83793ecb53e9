//! Assets, symbols, the venue's switch, users, API keys.

use domain::command::create_api_key::Credential;
use domain::units::Amount;
use projector::batch::ReferenceRows;
use projector::changes::{SymbolChange, UserChange};
use projector::rows::{AssetRow, KeyRow, SymbolRow, UserRow, VenueRow};
use projector::words::Word;

use super::{Decimals, all_written, int, small};
use crate::copy::Lines;
use crate::fault::Fault;
use crate::link::Session;
use crate::units::{Subject, Units, of_steps};

const COPY_ASSETS: &str = "COPY assets (asset_id, code, scale, last_seq) FROM STDIN";
const COPY_SYMBOLS: &str = "COPY symbols (symbol_id, code, base_asset_id, base_scale, quote_asset_id, quote_scale, tick_mantissa,
    tick_scale, lot_mantissa, lot_scale, status, price_min, price_max, quantity_min, quantity_max, notional_min, notional_max,
    band_above_ppm, band_below_ppm, maker_ppm, taker_ppm, last_seq) FROM STDIN";
const COPY_USERS: &str = "COPY users (user_id, maker_ppm, taker_ppm, killed, created_time, last_seq) FROM STDIN";
const COPY_KEYS: &str =
    "COPY api_keys (key_id, user_id, can_read, can_trade, can_admin, can_audit, api_key, algorithm, credential,
    revoked, last_seq) FROM STDIN";
const PUT_VENUE: &str = "INSERT INTO venue AS v (killed, last_seq) VALUES ($1, $2)
    ON CONFLICT (single) DO UPDATE SET killed = EXCLUDED.killed, last_seq = EXCLUDED.last_seq
    WHERE v.last_seq < EXCLUDED.last_seq";
const CHANGE_SYMBOL: &str = "UPDATE symbols SET status = coalesce($2, status), last_seq = $3
    WHERE symbol_id = $1 AND last_seq < $3";
const CHANGE_SYMBOL_FEES: &str = "UPDATE symbols SET maker_ppm = $2, taker_ppm = $3 WHERE symbol_id = $1";
const CHANGE_SYMBOL_LIMITS: &str = "UPDATE symbols SET band_above_ppm = $2, band_below_ppm = $3,
        price_min = ($4::text[])[1]::numeric, price_max = ($4::text[])[2]::numeric,
        quantity_min = ($4::text[])[3]::numeric, quantity_max = ($4::text[])[4]::numeric,
        notional_min = ($4::text[])[5]::numeric, notional_max = ($4::text[])[6]::numeric
    WHERE symbol_id = $1";
const CHANGE_USER: &str =
    "UPDATE users SET killed = coalesce($2, killed), last_seq = $3 WHERE user_id = $1 AND last_seq < $3";
const CHANGE_USER_FEES: &str = "UPDATE users SET maker_ppm = $2, taker_ppm = $3 WHERE user_id = $1";
const REVOKE: &str = "UPDATE api_keys SET revoked = true, last_seq = $2 WHERE key_id = $1 AND last_seq < $2";

/// What the changes are of that need to know their units; what is new brings them along.
pub(crate) fn subjects(rows: &ReferenceRows) -> impl Iterator<Item = Subject> {
    rows.symbols_changed.iter().filter(|change| change.limits.is_some()).map(|change| Subject::Symbol(change.symbol))
}

pub(crate) async fn write(session: &mut Session, units: &Units, rows: &ReferenceRows) -> Result<(), Fault> {
    insert_assets(session, &rows.assets).await?;
    insert_symbols(session, &rows.symbols).await?;
    for change in &rows.symbols_changed {
        change_symbol(session, units, change).await?;
    }
    if let Some(row) = &rows.venue {
        put_venue(session, row).await?;
    }
    insert_users(session, &rows.users).await?;
    for change in &rows.users_changed {
        change_user(session, change).await?;
    }
    insert_keys(session, &rows.keys).await?;
    for revoked in &rows.keys_revoked {
        let revoke = session.statement(REVOKE).await?;
        let (key, last_seq) = (i64::from(revoked.key.0), int(revoked.last_seq.0));
        all_written(session.client.execute(&revoke, &[&key, &last_seq]).await?, 1, "api_keys")?;
    }
    Ok(())
}

pub(crate) async fn insert_assets(session: &mut Session, rows: &[AssetRow]) -> Result<(), Fault> {
    let mut lines = Lines::default();
    for row in rows {
        let asset = &row.asset;
        lines
            .whole(asset.id.0.into())
            .text(asset.code.as_str())
            .whole(asset.scale.into())
            .whole(row.last_seq.0)
            .end_row();
    }
    let copy = session.statement(COPY_ASSETS).await?;
    lines.send(&session.client, &copy).await
}

pub(crate) async fn insert_symbols(session: &mut Session, rows: &[SymbolRow]) -> Result<(), Fault> {
    let mut lines = Lines::default();
    for row in rows {
        let (instrument, limits) = (&row.instrument, &row.limits);
        let (tick, lot) = (instrument.tick_size(), instrument.lot_size());
        let (base, quote) = (instrument.base_leg(), instrument.quote_leg());
        lines.whole(instrument.id().0.into()).text(instrument.code().as_str());
        lines.whole(base.asset.0.into()).whole(base.scale.into()).whole(quote.asset.0.into()).whole(quote.scale.into());
        lines.whole(tick.mantissa).whole(tick.scale.into()).whole(lot.mantissa).whole(lot.scale.into());
        lines.word(row.status.word());
        for price in [limits.price_min, limits.price_max] {
            lines.decimal(of_steps(price.0, tick)?, tick.scale);
        }
        for quantity in [limits.quantity_min, limits.quantity_max] {
            lines.decimal(of_steps(quantity.0, lot)?, lot.scale);
        }
        lines.decimal(limits.notional_min, quote.scale).decimal(limits.notional_max, quote.scale);
        lines.whole_or_null(limits.band.map(|band| band.above.0.into()));
        lines.whole_or_null(limits.band.map(|band| band.below.0.into()));
        lines.whole(row.fees.maker.0.into()).whole(row.fees.taker.0.into()).whole(row.last_seq.0).end_row();
    }
    let copy = session.statement(COPY_SYMBOLS).await?;
    lines.send(&session.client, &copy).await
}

async fn change_symbol(session: &mut Session, units: &Units, change: &SymbolChange) -> Result<(), Fault> {
    let symbol = small(change.symbol.0)?;
    let set = session.statement(CHANGE_SYMBOL).await?;
    let (status, last_seq) = (change.status.map(Word::word), int(change.last_seq.0));
    all_written(session.client.execute(&set, &[&symbol, &status, &last_seq]).await?, 1, "symbols")?;
    if let Some(fees) = change.fees {
        let set = session.statement(CHANGE_SYMBOL_FEES).await?;
        session.client.execute(&set, &[&symbol, &small(fees.maker.0)?, &small(fees.taker.0)?]).await?;
    }
    if let Some(limits) = change.limits {
        let of = units.symbol(change.symbol)?;
        let mut numbers = Decimals::default();
        let mut push = |amount: Amount, scale| numbers.push(amount, scale);
        push(of_steps(limits.price_min.0, of.tick)?, of.tick.scale);
        push(of_steps(limits.price_max.0, of.tick)?, of.tick.scale);
        push(of_steps(limits.quantity_min.0, of.lot)?, of.lot.scale);
        push(of_steps(limits.quantity_max.0, of.lot)?, of.lot.scale);
        push(limits.notional_min, of.quote);
        push(limits.notional_max, of.quote);
        let set = session.statement(CHANGE_SYMBOL_LIMITS).await?;
        let above = limits.band.map(|band| small(band.above.0)).transpose()?;
        let below = limits.band.map(|band| small(band.below.0)).transpose()?;
        let numbers = numbers.texts();
        session.client.execute(&set, &[&symbol, &above, &below, &numbers]).await?;
    }
    Ok(())
}

pub(crate) async fn put_venue(session: &mut Session, row: &VenueRow) -> Result<(), Fault> {
    let put = session.statement(PUT_VENUE).await?;
    all_written(session.client.execute(&put, &[&row.killed, &int(row.last_seq.0)]).await?, 1, "venue")
}

pub(crate) async fn insert_users(session: &mut Session, rows: &[UserRow]) -> Result<(), Fault> {
    let mut lines = Lines::with_capacity(rows.len(), 60);
    for row in rows {
        lines.whole(row.user.0.into());
        lines.whole_or_null(row.fees.map(|fees| fees.maker.0.into()));
        lines.whole_or_null(row.fees.map(|fees| fees.taker.0.into()));
        lines.flag(row.killed).whole_or_null(row.created_time.map(|time| time.0)).whole(row.last_seq.0).end_row();
    }
    let copy = session.statement(COPY_USERS).await?;
    lines.send(&session.client, &copy).await
}

async fn change_user(session: &mut Session, change: &UserChange) -> Result<(), Fault> {
    let user = small(change.user.0)?;
    let set = session.statement(CHANGE_USER).await?;
    let written = session.client.execute(&set, &[&user, &change.killed, &int(change.last_seq.0)]).await?;
    all_written(written, 1, "users")?;
    if let Some(fees) = change.fees {
        let set = session.statement(CHANGE_USER_FEES).await?;
        let maker = fees.map(|fees| small(fees.maker.0)).transpose()?;
        let taker = fees.map(|fees| small(fees.taker.0)).transpose()?;
        session.client.execute(&set, &[&user, &maker, &taker]).await?;
    }
    Ok(())
}

pub(crate) async fn insert_keys(session: &mut Session, rows: &[KeyRow]) -> Result<(), Fault> {
    let mut lines = Lines::default();
    for row in rows {
        let (algorithm, credential): (_, &[u8]) = match &row.credential {
            Credential::HmacSha256 { sealed_secret } => ("hmac_sha256", sealed_secret),
            Credential::Ed25519 { public_key } => ("ed25519", public_key),
        };
        lines.whole(row.key.0.into()).whole(row.user.0.into());
        lines.flag(row.roles.read).flag(row.roles.trade).flag(row.roles.admin).flag(row.roles.audit);
        lines.text(row.api_key.as_str()).word(algorithm).bytes(credential).flag(row.revoked);
        lines.whole(row.last_seq.0).end_row();
    }
    let copy = session.statement(COPY_KEYS).await?;
    lines.send(&session.client, &copy).await
}
