//! Assets and symbols into both files; the venue's switch, users and API keys into the hot one.

use domain::command::create_api_key::Credential;
use domain::instrument::{Fees, SymbolLimits};
use domain::units::Amount;
use projector::batch::ReferenceRows;
use projector::changes::{SymbolChange, UserChange};
use projector::rows::{AssetRow, KeyRow, SymbolRow, UserRow, VenueRow};
use projector::words::Word;
use rusqlite::{Connection, params};

use super::{int, one};
use crate::fault::Fault;
use crate::schema::Role;
use crate::units::{Decimal, Units};

pub(crate) fn write(connection: &Connection, units: &mut Units, rows: &ReferenceRows, role: Role) -> Result<(), Fault> {
    insert_assets(connection, &rows.assets)?;
    for row in &rows.symbols {
        put_symbol(connection, row)?;
    }
    for change in &rows.symbols_changed {
        change_symbol(connection, units, change)?;
    }
    match role {
        Role::Hot => accounts(connection, rows),
        Role::Archive => Ok(()),
    }
}

fn accounts(connection: &Connection, rows: &ReferenceRows) -> Result<(), Fault> {
    if let Some(row) = &rows.venue {
        put_venue(connection, row)?;
    }
    for row in &rows.users {
        put_user(connection, row)?;
    }
    for change in &rows.users_changed {
        change_user(connection, change)?;
    }
    for row in &rows.keys {
        put_key(connection, row)?;
    }
    for revoked in &rows.keys_revoked {
        let mut revoke =
            connection.prepare_cached("UPDATE api_keys SET revoked = 1, last_seq = ?2 WHERE key_id = ?1")?;
        let changed = revoke.execute(params![revoked.key.0, int(revoked.last_seq.0)])?;
        one(changed, || format!("of key {}", revoked.key.0))?;
    }
    Ok(())
}

fn insert_assets(connection: &Connection, rows: &[AssetRow]) -> Result<(), Fault> {
    let mut insert =
        connection.prepare_cached("INSERT INTO assets (asset_id, code, scale, last_seq) VALUES (?1, ?2, ?3, ?4)")?;
    for row in rows {
        let asset = &row.asset;
        insert.execute(params![asset.id.0, asset.code.as_str(), asset.scale, int(row.last_seq.0)])?;
    }
    Ok(())
}

pub(crate) fn put_symbol(connection: &Connection, row: &SymbolRow) -> Result<(), Fault> {
    let (instrument, limits) = (&row.instrument, &row.limits);
    let (tick, lot) = (instrument.tick_size(), instrument.lot_size());
    let scale = instrument.quote_leg().scale;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO symbols (symbol_id, code, base_asset_id, base_scale, quote_asset_id, quote_scale,
                tick_mantissa, tick_scale, lot_mantissa, lot_scale, status, price_min, price_max, quantity_min,
                quantity_max, notional_min, notional_max, band_above_ppm, band_below_ppm, maker_ppm, taker_ppm, last_seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
                ?22)",
        )?
        .execute(params![
            instrument.id().0,
            instrument.code().as_str(),
            instrument.base().0,
            instrument.base_leg().scale,
            instrument.quote().0,
            scale,
            int(tick.mantissa),
            tick.scale,
            int(lot.mantissa),
            lot.scale,
            row.status.word(),
            int(limits.price_min.0),
            int(limits.price_max.0),
            int(limits.quantity_min.0),
            int(limits.quantity_max.0),
            Decimal(limits.notional_min, scale),
            Decimal(limits.notional_max, scale),
            limits.band.map(|band| band.above.0),
            limits.band.map(|band| band.below.0),
            row.fees.maker.0,
            row.fees.taker.0,
            int(row.last_seq.0),
        ])?;
    Ok(())
}

fn change_symbol(connection: &Connection, units: &mut Units, change: &SymbolChange) -> Result<(), Fault> {
    let symbol = change.symbol.0;
    let sql = "UPDATE symbols SET status = coalesce(?2, status), last_seq = ?3 WHERE symbol_id = ?1";
    let status = change.status.map(Word::word);
    let changed = connection.prepare_cached(sql)?.execute(params![symbol, status, int(change.last_seq.0)])?;
    one(changed, || format!("of symbol {symbol}"))?;
    if let Some(fees) = change.fees {
        let sql = "UPDATE symbols SET maker_ppm = ?2, taker_ppm = ?3 WHERE symbol_id = ?1";
        connection.prepare_cached(sql)?.execute(params![symbol, fees.maker.0, fees.taker.0])?;
    }
    if let Some(limits) = change.limits {
        let scale = units.symbol(connection, change.symbol)?.quote;
        set_limits(connection, symbol, &limits, |amount| Decimal(amount, scale))?;
    }
    Ok(())
}

fn set_limits(
    connection: &Connection,
    symbol: u32,
    limits: &SymbolLimits,
    text: impl Fn(Amount) -> Decimal,
) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "UPDATE symbols SET price_min = ?2, price_max = ?3, quantity_min = ?4, quantity_max = ?5,
                notional_min = ?6, notional_max = ?7, band_above_ppm = ?8, band_below_ppm = ?9 WHERE symbol_id = ?1",
        )?
        .execute(params![
            symbol,
            int(limits.price_min.0),
            int(limits.price_max.0),
            int(limits.quantity_min.0),
            int(limits.quantity_max.0),
            text(limits.notional_min),
            text(limits.notional_max),
            limits.band.map(|band| band.above.0),
            limits.band.map(|band| band.below.0),
        ])?;
    Ok(())
}

pub(crate) fn put_venue(connection: &Connection, row: &VenueRow) -> Result<(), Fault> {
    let sql = "INSERT OR REPLACE INTO venue (venue_id, killed, last_seq) VALUES (0, ?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![row.killed, int(row.last_seq.0)])?;
    Ok(())
}

pub(crate) fn put_user(connection: &Connection, row: &UserRow) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO users (user_id, maker_ppm, taker_ppm, killed, created_time, last_seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            row.user.0,
            row.fees.map(|fees| fees.maker.0),
            row.fees.map(|fees| fees.taker.0),
            row.killed,
            row.created_time.map(|time| int(time.0)),
            int(row.last_seq.0),
        ])?;
    Ok(())
}

fn change_user(connection: &Connection, change: &UserChange) -> Result<(), Fault> {
    let user = change.user.0;
    let sql = "UPDATE users SET killed = coalesce(?2, killed), last_seq = ?3 WHERE user_id = ?1";
    let changed = connection.prepare_cached(sql)?.execute(params![user, change.killed, int(change.last_seq.0)])?;
    one(changed, || format!("of user {user}"))?;
    if let Some(fees) = change.fees {
        let (maker, taker) = (fees.map(|fees: Fees| fees.maker.0), fees.map(|fees| fees.taker.0));
        let sql = "UPDATE users SET maker_ppm = ?2, taker_ppm = ?3 WHERE user_id = ?1";
        connection.prepare_cached(sql)?.execute(params![user, maker, taker])?;
    }
    Ok(())
}

pub(crate) fn put_key(connection: &Connection, row: &KeyRow) -> Result<(), Fault> {
    let (algorithm, credential): (_, &[u8]) = match &row.credential {
        Credential::HmacSha256 { sealed_secret } => ("hmac_sha256", sealed_secret),
        Credential::Ed25519 { public_key } => ("ed25519", public_key),
    };
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO api_keys (key_id, user_id, can_read, can_trade, can_admin, can_audit, api_key,
                algorithm, credential, revoked, last_seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            row.key.0,
            row.user.0,
            row.roles.read,
            row.roles.trade,
            row.roles.admin,
            row.roles.audit,
            row.api_key.as_str(),
            algorithm,
            credential,
            row.revoked,
            int(row.last_seq.0),
        ])?;
    Ok(())
}
