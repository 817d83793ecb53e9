//! Turns the JSON of an administration request into its command.

use domain::command::RequestContent;
use domain::command::add_shard::AddShard;
use domain::command::create_api_key::{CreateApiKey, Credential};
use domain::command::create_asset::CreateAsset;
use domain::command::create_symbol::CreateSymbol;
use domain::command::create_user::CreateUser;
use domain::command::deposit::Deposit;
use domain::command::revoke_api_key::RevokeApiKey;
use domain::command::set_credit_limit::SetCreditLimit;
use domain::command::set_fees::{SetSymbolFees, SetUserFees};
use domain::command::set_kill_switch::{KillScope, SetKillSwitch};
use domain::command::set_shard::SetShard;
use domain::command::set_symbol_limits::SetSymbolLimits;
use domain::command::set_symbol_status::SetSymbolStatus;
use domain::command::withdrawal::{CancelWithdrawal, RequestWithdrawal, SettleWithdrawal};
use domain::ids::{UserId, WithdrawalId};
use domain::instrument::{Asset, Fees, PriceBand, Step, SymbolLimits, SymbolStatus};
use domain::limits::SHARD_WEIGHT_DEFAULT;
use domain::shards::ShardStatus;
use domain::text::{ApiKeyText, RequestId, Text};
use domain::units::{Amount, Lots, Ppm, Ticks, Weight};
use serde::de::DeserializeOwned;

use crate::decimal::Decimal;
use crate::endpoint::Admin;
use crate::error::Error;
use crate::request::Call;
use crate::venue::admin::{Issued, Read};
use crate::venue::bodies;
use crate::venue::keys;
use crate::venue::moves;

pub(crate) fn read(call: &Call<'_>, admin: Admin) -> Result<Read, Error> {
    match admin {
        Admin::Shards => add_shard(call),
        Admin::SetShard => set_shard(call),
        Admin::Assets => asset(call),
        Admin::Symbols => symbol(call),
        Admin::Users => {
            let body: bodies::CreateUser = parse(call)?;
            plain(&body.request_id, RequestContent::CreateUser(CreateUser))
        }
        Admin::Keys => key(call),
        Admin::RevokeKey => revoke_key(call),
        Admin::Deposits => {
            let (request_id, user, asset, amount) = money(call)?;
            plain(&request_id, RequestContent::Deposit(Deposit { user, asset: asset.id, amount }))
        }
        Admin::Withdrawals => {
            let (request_id, user, asset, amount) = money(call)?;
            let content = RequestWithdrawal { user, asset: asset.id, amount };
            plain(&request_id, RequestContent::RequestWithdrawal(content))
        }
        Admin::SettleWithdrawal => {
            let body: bodies::EndWithdrawal = parse(call)?;
            let withdrawal = WithdrawalId(body.withdrawal_id);
            plain(&body.request_id, RequestContent::SettleWithdrawal(SettleWithdrawal { withdrawal }))
        }
        Admin::CancelWithdrawal => {
            let body: bodies::EndWithdrawal = parse(call)?;
            let withdrawal = WithdrawalId(body.withdrawal_id);
            plain(&body.request_id, RequestContent::CancelWithdrawal(CancelWithdrawal { withdrawal }))
        }
        Admin::CreditLimits => {
            let body: bodies::CreditLimit = parse(call)?;
            let asset = asset_named(call, &body.asset)?;
            let limit = amount("limit", &body.limit, asset.scale)?;
            let content = SetCreditLimit { user: UserId(body.user_id), asset: asset.id, limit };
            plain(&body.request_id, RequestContent::SetCreditLimit(content))
        }
        Admin::SymbolFees => {
            let body: bodies::SymbolFees = parse(call)?;
            let symbol = call.symbol_named(&body.symbol)?.symbol.instrument.id();
            let content = SetSymbolFees { symbol, fees: fees(&body.fees)? };
            plain(&body.request_id, RequestContent::SetSymbolFees(content))
        }
        Admin::UserFees => {
            let body: bodies::UserFees = parse(call)?;
            let content = SetUserFees { user: UserId(body.user_id), fees: body.fees.as_ref().map(fees).transpose()? };
            plain(&body.request_id, RequestContent::SetUserFees(content))
        }
        Admin::SymbolStatus => symbol_status(call),
        Admin::SymbolLimits => symbol_limits(call),
        Admin::KillSwitch => {
            let body: bodies::KillSwitch = parse(call)?;
            let scope = body.user_id.map_or(KillScope::Venue, |user| KillScope::User(UserId(user)));
            let content = SetKillSwitch { scope, engaged: body.engaged };
            plain(&body.request_id, RequestContent::SetKillSwitch(content))
        }
        Admin::BeginMove => {
            let body: bodies::BeginMove = parse(call)?;
            plain(&body.request_id, moves::begin(call, &body)?)
        }
        Admin::AbortMove => {
            let body: bodies::AbortMove = parse(call)?;
            plain(&body.request_id, moves::abort(call, &body)?)
        }
    }
}

fn parse<T: DeserializeOwned>(call: &Call<'_>) -> Result<T, Error> {
    let read = serde_json::from_slice(call.body).map(|bodies::Object(body)| body);
    read.map_err(|error| Error::bad(-1135, format!("Invalid JSON Request: {error}.")))
}

fn plain(request_id: &str, content: RequestContent) -> Result<Read, Error> {
    Ok(Read { request_id: name("requestId", request_id)?, content, issued: None })
}

fn name<const N: usize>(field: &str, text: &str) -> Result<Text<N>, Error> {
    Text::new(text).or(Err(Error::invalid_data(field)))
}

/// A code of our own: letters that survive a URL.
fn code<const N: usize>(text: &str) -> Result<Text<N>, Error> {
    let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    if text.bytes().all(legal) { name("code", text) } else { Err(Error::invalid_data("code")) }
}

fn decimal(field: &str, text: &str) -> Result<Decimal, Error> {
    Decimal::parse(text).or(Err(Error::invalid_data(field)))
}

fn amount(field: &str, text: &str, scale: u8) -> Result<Amount, Error> {
    decimal(field, text)?.minor_units(scale).ok_or_else(|| Error::invalid_data(field))
}

fn step(field: &str, text: &str) -> Result<Step, Error> {
    let decimal = decimal(field, text)?;
    let mantissa = u64::try_from(decimal.mantissa).or(Err(Error::invalid_data(field)))?;
    Ok(Step { mantissa, scale: decimal.scale })
}

fn ppm(field: &str, text: &str) -> Result<Ppm, Error> {
    let parts = decimal(field, text)?.minor_units(6).and_then(|parts| u32::try_from(parts.0).ok());
    parts.map(Ppm).ok_or_else(|| Error::invalid_data(field))
}

fn fees(body: &bodies::Fees) -> Result<Fees, Error> {
    Ok(Fees { maker: ppm("maker", &body.maker)?, taker: ppm("taker", &body.taker)? })
}

fn asset_named(call: &Call<'_>, code: &str) -> Result<Asset, Error> {
    call.model().reference().asset_by_code(code).copied().ok_or(Error::bad(-5003, "There is no such asset."))
}

fn money(call: &Call<'_>) -> Result<(String, UserId, Asset, Amount), Error> {
    let body: bodies::Money = parse(call)?;
    let asset = asset_named(call, &body.asset)?;
    let amount = amount("amount", &body.amount, asset.scale)?;
    Ok((body.request_id, UserId(body.user_id), asset, amount))
}

fn add_shard(call: &Call<'_>) -> Result<Read, Error> {
    let body: bodies::AddShard = parse(call)?;
    let name = name("name", &body.name)?;
    let weight = Weight(body.weight.unwrap_or(SHARD_WEIGHT_DEFAULT));
    plain(&body.request_id, RequestContent::AddShard(AddShard { name, weight }))
}

fn set_shard(call: &Call<'_>) -> Result<Read, Error> {
    let body: bodies::SetShard = parse(call)?;
    let map = call.model().shard_map();
    let shard = map.shard_by_name(&body.name).ok_or(Error::bad(-5030, "There is no such shard."))?;
    let weight = body.weight.map_or(shard.weight, Weight);
    let status = match body.status {
        None => shard.status,
        Some(bodies::ShardStatus::Active) => ShardStatus::Active,
        Some(bodies::ShardStatus::Draining) => ShardStatus::Draining,
    };
    plain(&body.request_id, RequestContent::SetShard(SetShard { shard: shard.id, weight, status }))
}

fn asset(call: &Call<'_>) -> Result<Read, Error> {
    let body: bodies::CreateAsset = parse(call)?;
    let content = CreateAsset { code: code(&body.code)?, scale: body.scale };
    plain(&body.request_id, RequestContent::CreateAsset(content))
}

fn symbol(call: &Call<'_>) -> Result<Read, Error> {
    let body: bodies::CreateSymbol = parse(call)?;
    let (base, quote) = (asset_named(call, &body.base)?, asset_named(call, &body.quote)?);
    let (tick_size, lot_size) = (step("tickSize", &body.tick_size)?, step("lotSize", &body.lot_size)?);
    let content = CreateSymbol {
        code: code(&body.code)?,
        base: base.id,
        quote: quote.id,
        tick_size,
        lot_size,
        limits: limits(&body.limits, tick_size, lot_size, quote.scale)?,
        fees: body.fees.as_ref().map(fees).transpose()?.unwrap_or_default(),
    };
    plain(&body.request_id, RequestContent::CreateSymbol(Box::new(content)))
}

fn symbol_limits(call: &Call<'_>) -> Result<Read, Error> {
    let body: bodies::SymbolLimits = parse(call)?;
    let units = call.symbol_named(&body.symbol)?;
    let instrument = &units.symbol.instrument;
    let limits = limits(&body.limits, instrument.tick_size(), instrument.lot_size(), units.quote.scale)?;
    let content = SetSymbolLimits { symbol: instrument.id(), limits };
    plain(&body.request_id, RequestContent::SetSymbolLimits(Box::new(content)))
}

fn symbol_status(call: &Call<'_>) -> Result<Read, Error> {
    let body: bodies::SymbolStatus = parse(call)?;
    let symbol = call.symbol_named(&body.symbol)?.symbol.instrument.id();
    let status = match body.status {
        bodies::Status::Trading => SymbolStatus::Trading,
        bodies::Status::Halt => SymbolStatus::Halted,
    };
    plain(&body.request_id, RequestContent::SetSymbolStatus(SetSymbolStatus { symbol, status }))
}

fn limits(body: &bodies::Limits, tick: Step, lot: Step, quote_scale: u8) -> Result<SymbolLimits, Error> {
    let widest = SymbolLimits::WIDEST;
    let steps = |field: &str, text: &Option<String>, step: Step, widest: u64| match text {
        None => Ok(widest),
        Some(text) => decimal(field, text)?.steps(step).ok_or_else(|| Error::invalid_data(field)),
    };
    let quote = |field: &str, text: &Option<String>, widest: Amount| match text {
        None => Ok(widest),
        Some(text) => amount(field, text, quote_scale),
    };
    let band = match &body.band {
        None => None,
        Some(band) => Some(PriceBand { above: ppm("above", &band.above)?, below: ppm("below", &band.below)? }),
    };
    Ok(SymbolLimits {
        price_min: Ticks(steps("minPrice", &body.min_price, tick, widest.price_min.0)?),
        price_max: Ticks(steps("maxPrice", &body.max_price, tick, widest.price_max.0)?),
        quantity_min: Lots(steps("minQuantity", &body.min_quantity, lot, widest.quantity_min.0)?),
        quantity_max: Lots(steps("maxQuantity", &body.max_quantity, lot, widest.quantity_max.0)?),
        notional_min: quote("minNotional", &body.min_notional, widest.notional_min)?,
        notional_max: quote("maxNotional", &body.max_notional, widest.notional_max)?,
        band,
    })
}

/// The key follows from the request, so that a repeated request is the same request.
fn key(call: &Call<'_>) -> Result<Read, Error> {
    let body: bodies::CreateKey = parse(call)?;
    let request_id: RequestId = name("requestId", &body.request_id)?;
    let user = UserId(body.user_id);
    let roles = keys::roles(&body.roles).ok_or_else(|| Error::invalid_data("roles"))?;
    let master = call.gateway.authority.master();
    let label = format!("{}:{request_id}", call.caller()?.user.0);
    let issued = match &body.public_key {
        None => {
            let new = master.new_key(user, roles, &label);
            Issued { command: new.command, secret: Some(new.secret) }
        }
        Some(text) => {
            let public_key = keys::public_key(text).ok_or_else(|| Error::invalid_data("publicKey"))?;
            let (api_key, credential) = (master.api_key(&label), Credential::Ed25519 { public_key });
            Issued { command: CreateApiKey { user, roles, api_key, credential }, secret: None }
        }
    };
    let content = RequestContent::CreateApiKey(Box::new(issued.command.clone()));
    Ok(Read { request_id, content, issued: Some(issued) })
}

fn revoke_key(call: &Call<'_>) -> Result<Read, Error> {
    let body: bodies::RevokeKey = parse(call)?;
    let api_key: ApiKeyText = name("apiKey", &body.api_key)?;
    let key = call.model().key(&api_key).ok_or(Error::bad(-5013, "There is no such API key, or it is revoked."))?;
    plain(&body.request_id, RequestContent::RevokeApiKey(RevokeApiKey { key: key.id }))
}
