//! What the numbers of a database are in. Assets, and what a symbol is made of, never change, so what was read once holds.

use std::collections::HashMap;

use domain::ids::{AssetId, SymbolId};
use domain::instrument::Step;
use domain::units::Amount;
use projector::decimal;
use tokio_postgres::Client;

use crate::fault::Fault;

/// Decimals of the two assets of a symbol, and its steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SymbolUnits {
    pub(crate) base: u8,
    pub(crate) quote: u8,
    pub(crate) tick: Step,
    pub(crate) lot: Step,
}

/// Units by asset and symbol, as they were when they were last read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Units {
    assets: HashMap<AssetId, u8>,
    symbols: HashMap<SymbolId, SymbolUnits>,
}

/// What rows are of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject {
    Asset(AssetId),
    Symbol(SymbolId),
}

impl Units {
    pub(crate) fn asset(&self, asset: AssetId) -> Result<u8, Fault> {
        self.assets.get(&asset).copied().ok_or(Fault::UnknownAsset(asset))
    }

    pub(crate) fn symbol(&self, symbol: SymbolId) -> Result<SymbolUnits, Fault> {
        self.symbols.get(&symbol).copied().ok_or(Fault::UnknownSymbol(symbol))
    }

    /// Reads them again if one of these is not among them.
    pub(crate) async fn know(&mut self, client: &Client, of: impl Iterator<Item = Subject>) -> Result<(), Fault> {
        let mut of = of;
        let is_unknown = |subject| match subject {
            Subject::Asset(asset) => !self.assets.contains_key(&asset),
            Subject::Symbol(symbol) => !self.symbols.contains_key(&symbol),
        };
        if of.any(is_unknown) {
            self.read(client).await?;
        }
        Ok(())
    }

    /// Reads them as they are now.
    pub(crate) async fn read(&mut self, client: &Client) -> Result<(), Fault> {
        let assets = client.query("SELECT asset_id, scale FROM assets", &[]);
        let symbols = client.query(
            "SELECT symbol_id, base_scale, quote_scale, tick_mantissa::text, tick_scale, lot_mantissa::text, lot_scale FROM symbols",
            &[],
        );
        let (assets, symbols) = tokio::try_join!(assets, symbols)?;
        for row in assets {
            self.assets.insert(AssetId(id(row.get(0))?), scale(row.get(1))?);
        }
        for row in symbols {
            let step = |mantissa, decimals| {
                Ok::<_, Fault>(Step { mantissa: self::mantissa(mantissa)?, scale: scale(decimals)? })
            };
            let units = SymbolUnits {
                base: scale(row.get(1))?,
                quote: scale(row.get(2))?,
                tick: step(row.get(3), row.get(4))?,
                lot: step(row.get(5), row.get(6))?,
            };
            self.symbols.insert(SymbolId(id(row.get(0))?), units);
        }
        Ok(())
    }
}

/// So many steps, as an amount of the step's decimals.
pub(crate) fn of_steps(count: u64, step: Step) -> Result<Amount, Fault> {
    let units = i128::from(count).checked_mul(i128::from(step.mantissa)).and_then(Amount::in_range);
    units.ok_or_else(|| Fault::Misuse(format!("{count} steps of {} are too much", step.mantissa)))
}

/// How many steps a decimal is.
pub(crate) fn steps(text: &str, step: Step) -> Result<u64, Fault> {
    let wrong = || Fault::Content(format!("{text} in steps of {} / 10^{}", step.mantissa, step.scale));
    let amount = decimal::parse(text, step.scale).ok_or_else(wrong)?;
    let mantissa = i128::from(step.mantissa);
    if amount.0 % mantissa != 0 {
        return Err(wrong());
    }
    u64::try_from(amount.0 / mantissa).map_err(|_negative| wrong())
}

pub(crate) fn mantissa(text: &str) -> Result<u64, Fault> {
    text.parse().map_err(|error| Fault::Content(format!("the size of a step {text:?}: {error}")))
}

pub(crate) fn id(value: i32) -> Result<u32, Fault> {
    u32::try_from(value).map_err(|error| Fault::Content(format!("the id {value}: {error}")))
}

pub(crate) fn scale(value: i16) -> Result<u8, Fault> {
    let scale = u8::try_from(value).ok().filter(|scale| *scale <= domain::limits::SCALE_MAX);
    scale.ok_or_else(|| Fault::Content(format!("{value} decimals")))
}
