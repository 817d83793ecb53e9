//! Assets, symbols, the venue's switch, users, API keys.

use domain::command::create_api_key::{Credential, Roles};
use domain::ids::{AssetId, KeyId, SymbolId, UserId};
use domain::instrument::{Asset, Fees, Instrument, Leg, PriceBand, Step, SymbolLimits};
use domain::units::{Lots, Ppm, Seq, Ticks, UnixNanos};
use projector::rows::{AssetRow, KeyRow, SymbolRow, UserRow, VenueRow};
use rusqlite::Row;

use super::Columns;
use crate::fault::Fault;

/// What [`venue`] reads.
pub(crate) const VENUE: &str = "SELECT killed, last_seq FROM venue";
/// What [`asset`] reads.
pub(crate) const ASSET: &str = "SELECT asset_id, code, scale, last_seq FROM assets";
/// What [`symbol`] reads.
pub(crate) const SYMBOL: &str = "SELECT symbol_id, code, base_asset_id, base_scale, quote_asset_id, quote_scale,
    tick_mantissa, tick_scale, lot_mantissa, lot_scale, status, price_min, price_max, quantity_min, quantity_max,
    notional_min, notional_max, band_above_ppm, band_below_ppm, maker_ppm, taker_ppm, last_seq FROM symbols";
/// What [`user`] reads.
pub(crate) const USER: &str = "SELECT user_id, maker_ppm, taker_ppm, killed, created_time, last_seq FROM users";
/// What [`key`] reads.
pub(crate) const KEY: &str = "SELECT key_id, user_id, can_read, can_trade, can_admin, can_audit, api_key, algorithm,
    credential, revoked, last_seq FROM api_keys";

pub(crate) fn venue(row: &Row<'_>) -> Result<VenueRow, Fault> {
    let mut columns = Columns::of(row);
    Ok(VenueRow { killed: columns.get()?, last_seq: Seq(columns.long()?) })
}

pub(crate) fn asset(row: &Row<'_>) -> Result<AssetRow, Fault> {
    let mut columns = Columns::of(row);
    let asset = Asset { id: AssetId(columns.get()?), code: columns.text()?, scale: columns.get()? };
    Ok(AssetRow { asset, last_seq: Seq(columns.long()?) })
}

pub(crate) fn symbol(row: &Row<'_>) -> Result<SymbolRow, Fault> {
    let mut columns = Columns::of(row);
    let (id, code) = (SymbolId(columns.get()?), columns.text()?);
    let base = Leg { asset: AssetId(columns.get()?), scale: columns.get()? };
    let quote = Leg { asset: AssetId(columns.get()?), scale: columns.get()? };
    let tick = Step { mantissa: columns.long()?, scale: columns.get()? };
    let lot = Step { mantissa: columns.long()?, scale: columns.get()? };
    let instrument = Instrument::of_legs(id, code, base, quote, tick, lot)
        .map_err(|error| Fault::Content(format!("symbol {}: {error:?}", id.0)))?;
    Ok(SymbolRow {
        instrument,
        status: columns.word()?,
        limits: limits(&mut columns, quote.scale)?,
        fees: Fees { maker: Ppm(columns.get()?), taker: Ppm(columns.get()?) },
        last_seq: Seq(columns.long()?),
    })
}

fn limits(columns: &mut Columns<'_>, scale: u8) -> Result<SymbolLimits, Fault> {
    Ok(SymbolLimits {
        price_min: Ticks(columns.long()?),
        price_max: Ticks(columns.long()?),
        quantity_min: Lots(columns.long()?),
        quantity_max: Lots(columns.long()?),
        notional_min: columns.amount(scale)?,
        notional_max: columns.amount(scale)?,
        band: match (columns.get()?, columns.get()?) {
            (Some(above), Some(below)) => Some(PriceBand { above: Ppm(above), below: Ppm(below) }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(Fault::Content("half a price band".into())),
        },
    })
}

pub(crate) fn user(row: &Row<'_>) -> Result<UserRow, Fault> {
    let mut columns = Columns::of(row);
    let user = UserId(columns.get()?);
    let fees = match (columns.get()?, columns.get()?) {
        (Some(maker), Some(taker)) => Some(Fees { maker: Ppm(maker), taker: Ppm(taker) }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(Fault::Content(format!("half the fees of user {}", user.0))),
    };
    let killed = columns.get()?;
    let created_time = columns.long_or_none()?.map(UnixNanos);
    Ok(UserRow { user, fees, killed, created_time, last_seq: Seq(columns.long()?) })
}

pub(crate) fn key(row: &Row<'_>) -> Result<KeyRow, Fault> {
    let mut columns = Columns::of(row);
    let (key, user) = (KeyId(columns.get()?), UserId(columns.get()?));
    let roles = Roles { read: columns.get()?, trade: columns.get()?, admin: columns.get()?, audit: columns.get()? };
    let api_key = columns.text()?;
    let (algorithm, bytes) = (columns.str()?, columns.get::<Vec<u8>>()?);
    let credential = match algorithm {
        "hmac_sha256" => Credential::HmacSha256 { sealed_secret: bytes.into_boxed_slice() },
        "ed25519" => {
            let public_key = bytes.as_slice().try_into();
            let damaged = |error| Fault::Content(format!("the public key of key {}: {error}", key.0));
            Credential::Ed25519 { public_key: public_key.map_err(damaged)? }
        }
        _ => return Err(Fault::Content(format!("the algorithm {algorithm:?}"))),
    };
    Ok(KeyRow { key, user, roles, api_key, credential, revoked: columns.get()?, last_seq: Seq(columns.long()?) })
}
