//! Reads the lines that administer the venue and move money.

use domain::command::RequestContent;
use domain::command::create_api_key::{CreateApiKey, Credential, Roles};
use domain::command::create_asset::CreateAsset;
use domain::command::create_symbol::CreateSymbol;
use domain::command::create_user::CreateUser;
use domain::command::deposit::Deposit;
use domain::command::revoke_api_key::RevokeApiKey;
use domain::command::set_credit_limit::SetCreditLimit;
use domain::command::set_fees::{SetSymbolFees, SetUserFees};
use domain::command::set_kill_switch::{KillScope, SetKillSwitch};
use domain::command::set_symbol_limits::SetSymbolLimits;
use domain::command::set_symbol_status::SetSymbolStatus;
use domain::command::withdrawal::{CancelWithdrawal, RequestWithdrawal, SettleWithdrawal};
use domain::ids::{KeyId, UserId, WithdrawalId};
use domain::instrument::{Fees, Instrument, PriceBand, Step, SymbolLimits, SymbolStatus};

use super::decimal::Decimal;
use super::names::{Names, amount, price, quantity, rate, scale_of};
use super::shards;
use super::words::{Unreadable, Words, number, text};

/// The words a request of the venue begins with.
pub(super) fn is_request(first: &str) -> bool {
    let words = [
        "asset", "symbol", "user", "key", "revoke", "halt", "resume", "limits", "fees", "settle", "cancel", "kill",
        "revive", "shard", "set", "begin", "commit", "abort",
    ];
    words.contains(&first)
}

pub(super) fn read_request(
    names: &Names<'_>,
    first: &str,
    words: &mut Words<'_>,
) -> Result<RequestContent, Unreadable> {
    Ok(match first {
        "asset" => {
            let code = text(words.word()?)?;
            RequestContent::CreateAsset(CreateAsset { code, scale: number(words.word()?)? })
        }
        "symbol" => RequestContent::CreateSymbol(Box::new(read_symbol(names, words)?)),
        "user" => {
            // The name is only this text's: the venue knows users by number.
            words.word()?;
            RequestContent::CreateUser(CreateUser)
        }
        "key" => RequestContent::CreateApiKey(Box::new(read_key(names, words)?)),
        "revoke" => {
            words.expect("key")?;
            RequestContent::RevokeApiKey(RevokeApiKey { key: KeyId(number(words.word()?)?) })
        }
        "halt" | "resume" => {
            let symbol = names.symbol(words.word()?)?;
            let status = if first == "halt" { SymbolStatus::Halted } else { SymbolStatus::Trading };
            RequestContent::SetSymbolStatus(SetSymbolStatus { symbol, status })
        }
        "limits" => {
            let symbol = names.symbol(words.word()?)?;
            let instrument = names.instrument(symbol);
            let limits = read_limits(&Units::of(instrument), words)?;
            RequestContent::SetSymbolLimits(Box::new(SetSymbolLimits { symbol, limits }))
        }
        "fees" => read_fees(names, words)?,
        "settle" | "cancel" => {
            words.expect("withdrawal")?;
            let withdrawal = WithdrawalId(number(words.word()?)?);
            if first == "settle" {
                RequestContent::SettleWithdrawal(SettleWithdrawal { withdrawal })
            } else {
                RequestContent::CancelWithdrawal(CancelWithdrawal { withdrawal })
            }
        }
        "kill" | "revive" => {
            let scope = match words.word()? {
                "venue" => KillScope::Venue,
                user => KillScope::User(names.user(user)?),
            };
            RequestContent::SetKillSwitch(SetKillSwitch { scope, engaged: first == "kill" })
        }
        "shard" => shards::read_add(words)?,
        "set" => shards::read_set(names, words)?,
        "begin" | "commit" | "abort" => shards::read_move(names, first, words)?,
        first => return Err(format!("`{first}` is no request")),
    })
}

/// `alice deposits 10 USDT`, `alice withdraws 10 USDT`, `alice may draw 10 USDT`.
pub(super) fn read_money(
    names: &Names<'_>,
    user: UserId,
    verb: &str,
    words: &mut Words<'_>,
) -> Result<RequestContent, Unreadable> {
    if verb == "may" {
        words.expect("draw")?;
    }
    let size = words.word()?;
    let asset = names.asset(words.word()?)?;
    let amount = names.amount(size, asset)?;
    Ok(match verb {
        "deposits" => RequestContent::Deposit(Deposit { user, asset, amount }),
        "withdraws" => RequestContent::RequestWithdrawal(RequestWithdrawal { user, asset, amount }),
        "may" => RequestContent::SetCreditLimit(SetCreditLimit { user, asset, limit: amount }),
        verb => return Err(format!("`{verb}` moves no money")),
    })
}

fn read_symbol(names: &Names<'_>, words: &mut Words<'_>) -> Result<CreateSymbol, Unreadable> {
    let code = text(words.word()?)?;
    let pair = words.word()?;
    let (base, quote) = pair.split_once('/').ok_or_else(|| format!("`{pair}` is not base/quote"))?;
    let (base, quote) = (names.asset(base)?, names.asset(quote)?);
    words.expect("tick")?;
    let tick_size = read_step(words.word()?)?;
    words.expect("lot")?;
    let lot_size = read_step(words.word()?)?;
    let fees = if words.take_if("fees") { read_rates(words)? } else { Fees::default() };
    let units = Units { tick: Some(tick_size), lot: Some(lot_size), quote: scale_of(names.state, quote) };
    let limits = read_limits(&units, words)?;
    Ok(CreateSymbol { code, base, quote, tick_size, lot_size, limits, fees })
}

fn read_step(word: &str) -> Result<Step, Unreadable> {
    let decimal = Decimal::read(word).ok_or_else(|| format!("`{word}` is not a decimal"))?;
    let mantissa = u64::try_from(decimal.units).map_err(|_large| format!("`{word}` is too large"))?;
    Ok(Step { mantissa, scale: decimal.scale })
}

fn read_rates(words: &mut Words<'_>) -> Result<Fees, Unreadable> {
    Ok(Fees { maker: rate(words.word()?)?, taker: rate(words.word()?)? })
}

fn read_fees(names: &Names<'_>, words: &mut Words<'_>) -> Result<RequestContent, Unreadable> {
    match words.word()? {
        "on" => {
            let symbol = names.symbol(words.word()?)?;
            Ok(RequestContent::SetSymbolFees(SetSymbolFees { symbol, fees: read_rates(words)? }))
        }
        "for" => {
            let user = names.user(words.word()?)?;
            let fees = if words.take_if("none") { None } else { Some(read_rates(words)?) };
            Ok(RequestContent::SetUserFees(SetUserFees { user, fees }))
        }
        word => Err(format!("`on` a symbol or `for` a user instead of `{word}`?")),
    }
}

/// What the numbers of limits are measured in.
struct Units {
    tick: Option<Step>,
    lot: Option<Step>,
    quote: Option<u8>,
}

impl Units {
    fn of(instrument: Option<&Instrument>) -> Self {
        Self {
            tick: instrument.map(Instrument::tick_size),
            lot: instrument.map(Instrument::lot_size),
            quote: instrument.map(|instrument| instrument.quote_leg().scale),
        }
    }
}

/// Any of `price 1..2`, `quantity 1..2`, `notional 1..2`, `band -10% +5%`; what is not said is as wide as can be.
fn read_limits(units: &Units, words: &mut Words<'_>) -> Result<SymbolLimits, Unreadable> {
    let mut limits = SymbolLimits::WIDEST;
    loop {
        if words.take_if("price") {
            let (low, high) = read_range(words)?;
            (limits.price_min, limits.price_max) = (price(low, units.tick)?, price(high, units.tick)?);
        } else if words.take_if("quantity") {
            let (low, high) = read_range(words)?;
            (limits.quantity_min, limits.quantity_max) = (quantity(low, units.lot)?, quantity(high, units.lot)?);
        } else if words.take_if("notional") {
            let (low, high) = read_range(words)?;
            (limits.notional_min, limits.notional_max) = (amount(low, units.quote)?, amount(high, units.quote)?);
        } else if words.take_if("band") {
            let (below, above) = (words.word()?, words.word()?);
            let below = below.strip_prefix('-').ok_or_else(|| format!("`{below}` is not below"))?;
            limits.band = Some(PriceBand { above: rate(above)?, below: rate(below)? });
        } else {
            return Ok(limits);
        }
    }
}

fn read_range<'a>(words: &mut Words<'a>) -> Result<(&'a str, &'a str), Unreadable> {
    let word = words.word()?;
    word.split_once("..").ok_or_else(|| format!("`{word}` is not a range such as 1..2"))
}

fn read_key(names: &Names<'_>, words: &mut Words<'_>) -> Result<CreateApiKey, Unreadable> {
    let api_key = text(words.word()?)?;
    words.expect("for")?;
    let user = names.user(words.word()?)?;
    let roles = Roles {
        read: words.take_if("read"),
        trade: words.take_if("trade"),
        admin: words.take_if("admin"),
        audit: words.take_if("audit"),
    };
    let credential = match words.word()? {
        "ed25519" => Credential::Ed25519 { public_key: [7; 32] },
        "hmac" => Credential::HmacSha256 { sealed_secret: vec![7; number(words.word()?)?].into_boxed_slice() },
        word => return Err(format!("`ed25519` or `hmac` instead of `{word}`?")),
    };
    Ok(CreateApiKey { user, roles, api_key, credential })
}
