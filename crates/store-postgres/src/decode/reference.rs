//! Assets, symbols, the venue's switch, users, API keys.

use domain::command::create_api_key::{Credential, Roles};
use domain::ids::{AssetId, KeyId, SymbolId, UserId};
use domain::instrument::{Asset, Fees, Instrument, Leg, PriceBand, SymbolLimits};
use domain::units::{Lots, Ppm, Seq, Ticks, UnixNanos};
use projector::rows::{AssetRow, KeyRow, SymbolRow, UserRow, VenueRow};

use super::Columns;
use crate::fault::Fault;

/// What [`venue`] reads.
pub(crate) const VENUE: &str = "SELECT killed, last_seq FROM venue";
/// What [`asset`] reads.
pub(crate) const ASSETS: &str = "SELECT asset_id, code, scale, last_seq FROM assets ORDER BY asset_id";
/// What [`symbol`] reads.
pub(crate) const SYMBOLS: &str = "SELECT symbol_id, code, base_asset_id, base_scale, quote_asset_id, quote_scale,
    tick_mantissa::text, tick_scale, lot_mantissa::text, lot_scale, status, price_min::text, price_max::text,
    quantity_min::text, quantity_max::text, notional_min::text, notional_max::text, band_above_ppm, band_below_ppm,
    maker_ppm, taker_ppm, last_seq FROM symbols ORDER BY symbol_id";
/// What [`user`] reads.
pub(crate) const USERS: &str =
    "SELECT user_id, maker_ppm, taker_ppm, killed, created_time, last_seq FROM users ORDER BY user_id";
/// What [`key`] reads.
pub(crate) const KEYS: &str = "SELECT key_id, user_id, can_read, can_trade, can_admin, can_audit, api_key, algorithm,
    credential, revoked, last_seq FROM api_keys ORDER BY key_id";

pub(crate) fn venue(columns: &mut Columns<'_>) -> Result<VenueRow, Fault> {
    Ok(VenueRow { killed: columns.get()?, last_seq: Seq(columns.long()?) })
}

pub(crate) fn asset(columns: &mut Columns<'_>) -> Result<AssetRow, Fault> {
    let asset = Asset { id: AssetId(columns.small()?), code: columns.text()?, scale: columns.scale()? };
    Ok(AssetRow { asset, last_seq: Seq(columns.long()?) })
}

pub(crate) fn symbol(columns: &mut Columns<'_>) -> Result<SymbolRow, Fault> {
    let (id, code) = (SymbolId(columns.small()?), columns.text()?);
    let base = Leg { asset: AssetId(columns.small()?), scale: columns.scale()? };
    let quote = Leg { asset: AssetId(columns.small()?), scale: columns.scale()? };
    let (tick, lot) = (columns.step()?, columns.step()?);
    let instrument = Instrument::of_legs(id, code, base, quote, tick, lot)
        .map_err(|error| Fault::Content(format!("symbol {}: {error:?}", id.0)))?;
    Ok(SymbolRow {
        instrument,
        status: columns.word()?,
        limits: limits(columns, &instrument)?,
        fees: Fees { maker: Ppm(columns.small()?), taker: Ppm(columns.small()?) },
        last_seq: Seq(columns.long()?),
    })
}

fn limits(columns: &mut Columns<'_>, instrument: &Instrument) -> Result<SymbolLimits, Fault> {
    let (tick, lot, scale) = (instrument.tick_size(), instrument.lot_size(), instrument.quote_leg().scale);
    Ok(SymbolLimits {
        price_min: Ticks(columns.steps(tick)?),
        price_max: Ticks(columns.steps(tick)?),
        quantity_min: Lots(columns.steps(lot)?),
        quantity_max: Lots(columns.steps(lot)?),
        notional_min: columns.amount(scale)?,
        notional_max: columns.amount(scale)?,
        band: match (columns.small_or_none()?, columns.small_or_none()?) {
            (Some(above), Some(below)) => Some(PriceBand { above: Ppm(above), below: Ppm(below) }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(Fault::Content("half a price band".into())),
        },
    })
}

pub(crate) fn user(columns: &mut Columns<'_>) -> Result<UserRow, Fault> {
    let user = UserId(columns.small()?);
    let fees = match (columns.small_or_none()?, columns.small_or_none()?) {
        (Some(maker), Some(taker)) => Some(Fees { maker: Ppm(maker), taker: Ppm(taker) }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(Fault::Content(format!("half the fees of user {}", user.0))),
    };
    let killed = columns.get()?;
    let created_time = columns.long_or_none()?.map(UnixNanos);
    Ok(UserRow { user, fees, killed, created_time, last_seq: Seq(columns.long()?) })
}

pub(crate) fn key(columns: &mut Columns<'_>) -> Result<KeyRow, Fault> {
    let id = columns.long()?;
    let key = KeyId(u32::try_from(id).map_err(|error| Fault::Content(format!("the key {id}: {error}")))?);
    let user = UserId(columns.small()?);
    let roles = Roles { read: columns.get()?, trade: columns.get()?, admin: columns.get()?, audit: columns.get()? };
    let api_key = columns.text()?;
    let (algorithm, bytes) = (columns.str()?, columns.get::<&[u8]>()?);
    let credential = match algorithm {
        "hmac_sha256" => Credential::HmacSha256 { sealed_secret: bytes.into() },
        "ed25519" => {
            let damaged = |error| Fault::Content(format!("the public key of key {}: {error}", key.0));
            Credential::Ed25519 { public_key: bytes.try_into().map_err(damaged)? }
        }
        _ => return Err(Fault::Content(format!("the algorithm {algorithm:?}"))),
    };
    Ok(KeyRow { key, user, roles, api_key, credential, revoked: columns.get()?, last_seq: Seq(columns.long()?) })
}
