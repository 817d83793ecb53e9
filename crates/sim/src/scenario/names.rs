//! What things are called: users, assets, symbols, prices, quantities and amounts, read and written.
//!
//! Where a name or a unit is unknown, a raw form stands in: `user#7`, `asset#7`, `symbol#7`, `7ticks`, `7lots`, `7minor`.

use std::collections::BTreeMap;

use domain::command::OrderRef;
use domain::ids::{AssetId, OrderId, SymbolId, UserId};
use domain::instrument::{Instrument, Step};
use domain::state::State;
use domain::text::ClientOrderId;
use domain::units::{Amount, Lots, Ppm, Ticks};

use super::decimal::Decimal;
use super::words::{Unreadable, number, text};

/// What a line is read with.
pub(super) struct Names<'a> {
    pub state: &'a State,
    pub users: &'a BTreeMap<String, UserId>,
    /// The symbol meant where none is named: the last one listed.
    pub symbol: Option<SymbolId>,
}

impl Names<'_> {
    pub(super) fn user(&self, word: &str) -> Result<UserId, Unreadable> {
        if word == "venue" {
            return Ok(UserId::VENUE);
        }
        if let Some(id) = word.strip_prefix("user#") {
            return Ok(UserId(number(id)?));
        }
        self.users.get(word).copied().ok_or_else(|| format!("who is `{word}`?"))
    }

    pub(super) fn asset(&self, word: &str) -> Result<AssetId, Unreadable> {
        if let Some(id) = word.strip_prefix("asset#") {
            return Ok(AssetId(number(id)?));
        }
        let listed = self.state.assets.iter().find(|listed| listed.asset.code.as_str() == word);
        listed.map(|listed| listed.asset.id).ok_or_else(|| format!("`{word}` is no asset"))
    }

    pub(super) fn symbol(&self, word: &str) -> Result<SymbolId, Unreadable> {
        if let Some(id) = word.strip_prefix("symbol#") {
            return Ok(SymbolId(number(id)?));
        }
        let listed = self.state.symbols.iter().find(|listed| listed.instrument.code().as_str() == word);
        listed.map(|listed| listed.instrument.id()).ok_or_else(|| format!("`{word}` is no symbol"))
    }

    pub(super) fn symbol_or_last(&self, word: Option<&str>) -> Result<SymbolId, Unreadable> {
        match word {
            Some(word) => self.symbol(word),
            None => self.symbol.ok_or_else(|| "no symbol is listed yet".to_owned()),
        }
    }

    pub(super) fn instrument(&self, symbol: SymbolId) -> Option<&Instrument> {
        instrument(self.state, symbol)
    }

    pub(super) fn amount(&self, word: &str, asset: AssetId) -> Result<Amount, Unreadable> {
        amount(word, scale_of(self.state, asset))
    }
}

pub(super) fn instrument(state: &State, symbol: SymbolId) -> Option<&Instrument> {
    state.symbols.get(symbol.0 as usize).map(|listed| &listed.instrument)
}

pub(super) fn scale_of(state: &State, asset: AssetId) -> Option<u8> {
    state.assets.get(asset.0 as usize).map(|listed| listed.asset.scale)
}

pub(super) fn price(word: &str, tick_size: Option<Step>) -> Result<Ticks, Unreadable> {
    steps(word, "ticks", tick_size).map(Ticks)
}

pub(super) fn quantity(word: &str, lot_size: Option<Step>) -> Result<Lots, Unreadable> {
    steps(word, "lots", lot_size).map(Lots)
}

fn steps(word: &str, unit: &str, step: Option<Step>) -> Result<u64, Unreadable> {
    if let Some(raw) = word.strip_suffix(unit) {
        return number(raw);
    }
    let step = step.ok_or_else(|| format!("`{word}` of an unknown symbol: write it in {unit}"))?;
    let decimal = Decimal::read(word).ok_or_else(|| format!("`{word}` is not a decimal"))?;
    decimal.in_steps(step).ok_or_else(|| format!("`{word}` is not a whole number of {unit}"))
}

pub(super) fn amount(word: &str, scale: Option<u8>) -> Result<Amount, Unreadable> {
    if let Some(raw) = word.strip_suffix("minor") {
        return number(raw).map(Amount);
    }
    let scale = scale.ok_or_else(|| format!("`{word}` of an unknown asset: write it in minor units"))?;
    let decimal = Decimal::read(word).ok_or_else(|| format!("`{word}` is not a decimal"))?;
    decimal.at_scale(scale).map(Amount).ok_or_else(|| format!("`{word}` has too many decimals"))
}

/// `0.1%` in parts per million.
pub(super) fn rate(word: &str) -> Result<Ppm, Unreadable> {
    let percent = word.strip_suffix('%').and_then(Decimal::read);
    let ppm = percent.and_then(|percent| percent.at_scale(4)).and_then(|ppm| u32::try_from(ppm).ok());
    ppm.map(Ppm).ok_or_else(|| format!("`{word}` is not a rate such as 0.1%"))
}

/// `#3` is the third order of the cell, `order#3` the order with that id, anything else the caller's name for it.
pub(super) fn order_ref(word: &str, cell: u64) -> Result<OrderRef, Unreadable> {
    if let Some(id) = word.strip_prefix("order#") {
        return Ok(OrderRef::Id(OrderId(number(id)?)));
    }
    if let Some(counter) = word.strip_prefix('#') {
        let id = OrderId::new(cell, number(counter)?);
        return id.map(OrderRef::Id).ok_or_else(|| format!("there is no order `{word}`"));
    }
    Ok(OrderRef::Client(text(word)?))
}

pub(super) fn show_user(user: UserId) -> String {
    if user == UserId::VENUE { "venue".to_owned() } else { format!("user#{}", user.0) }
}

pub(super) fn show_asset(state: &State, asset: AssetId) -> String {
    let listed = state.assets.get(asset.0 as usize);
    listed.map_or_else(|| format!("asset#{}", asset.0), |listed| listed.asset.code.to_string())
}

pub(super) fn show_symbol(state: &State, symbol: SymbolId) -> String {
    instrument(state, symbol).map_or_else(|| format!("symbol#{}", symbol.0), |listed| listed.code().to_string())
}

pub(super) fn show_price(price: Ticks, instrument: Option<&Instrument>) -> String {
    let decimal = instrument.and_then(|instrument| Decimal::of_steps(price.0, instrument.tick_size()));
    decimal.map_or_else(|| format!("{}ticks", price.0), Decimal::full)
}

pub(super) fn show_quantity(quantity: Lots, instrument: Option<&Instrument>) -> String {
    let decimal = instrument.and_then(|instrument| Decimal::of_steps(quantity.0, instrument.lot_size()));
    decimal.map_or_else(|| format!("{}lots", quantity.0), Decimal::short)
}

pub(super) fn show_amount(amount: Amount, scale: Option<u8>) -> String {
    match scale {
        Some(scale) => Decimal { units: amount.0, scale }.short(),
        None => format!("{}minor", amount.0),
    }
}

/// With the asset's code.
pub(super) fn show_money(state: &State, amount: Amount, asset: AssetId) -> String {
    format!("{} {}", show_amount(amount, scale_of(state, asset)), show_asset(state, asset))
}

pub(super) fn show_rate(rate: Ppm) -> String {
    format!("{}%", Decimal { units: i128::from(rate.0), scale: 4 }.short())
}

pub(super) fn show_order_ref(order: OrderRef, cell: u64) -> String {
    match order {
        OrderRef::Client(name) => show_name(name),
        OrderRef::Id(id) if id.cell() == cell && OrderId::new(cell, id.counter()) == Some(id) => {
            format!("#{}", id.counter())
        }
        OrderRef::Id(id) => format!("order#{}", id.0),
    }
}

pub(super) fn show_name(name: ClientOrderId) -> String {
    name.to_string()
}
