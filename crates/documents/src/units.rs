//! What the amounts of an archive are in. Assets, and what a symbol is made of, never change, so what was read once holds.

use std::collections::HashMap;
use std::fmt;

use domain::ids::{AssetId, SymbolId};
use domain::units::Amount;
use projector::decimal;

use crate::collection::Collection;
use crate::document::{Document, Malformed, Value};

/// Decimals of the two assets of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolScales {
    /// Of its base asset.
    pub base: u8,
    /// Of its quote asset.
    pub quote: u8,
}

/// Decimals by asset and symbol, as they were when they were last read.
#[derive(Debug, Clone, Default)]
pub struct Units {
    assets: HashMap<AssetId, u8>,
    symbols: HashMap<SymbolId, SymbolScales>,
}

/// The `reference` stream of the archive does not have this yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// An asset.
    Asset(AssetId),
    /// A symbol.
    Symbol(SymbolId),
}

impl Units {
    /// Takes in a document of [`Collection::Assets`] or [`Collection::Symbols`].
    pub fn learn(&mut self, collection: Collection, document: &Document) -> Result<(), Malformed> {
        match collection {
            Collection::Assets => {
                self.assets.insert(AssetId(document.small("asset_id")?), document.small("scale")?);
            }
            Collection::Symbols => {
                let scales =
                    SymbolScales { base: document.small("base_scale")?, quote: document.small("quote_scale")? };
                self.symbols.insert(SymbolId(document.small("symbol_id")?), scales);
            }
            Collection::CompletedTrades
            | Collection::AuditLogs
            | Collection::Klines
            | Collection::HistoricalPositions
            | Collection::MarketSnapshots
            | Collection::Leaderboards
            | Collection::Analytics
            | Collection::ActiveUsers
            | Collection::ClosedOrders
            | Collection::ClosedOrderFills => {}
        }
        Ok(())
    }

    /// Decimals of an asset.
    pub fn asset(&self, asset: AssetId) -> Result<u8, Unknown> {
        self.assets.get(&asset).copied().ok_or(Unknown::Asset(asset))
    }

    /// Decimals of the assets of a symbol.
    pub fn symbol(&self, symbol: SymbolId) -> Result<SymbolScales, Unknown> {
        self.symbols.get(&symbol).copied().ok_or(Unknown::Symbol(symbol))
    }
}

/// An amount as a value.
pub(crate) fn amount(amount: Amount, scale: u8) -> Value {
    Value::from(decimal::text(amount, scale))
}

/// The amount that a document says.
pub(crate) fn amount_of(document: &Document, name: &str, scale: u8) -> Result<Amount, Malformed> {
    let text = document.text(name)?;
    let wrong = || Malformed(format!("{}: {name} is {text:?}, of {scale} decimals", document.id));
    decimal::parse(text, scale).ok_or_else(wrong)
}

/// A sum that may pass 64 bits, as a value.
pub(crate) fn wide(sum: u128) -> Value {
    Value::from(sum.to_string())
}

/// Such a sum.
pub(crate) fn wide_of(document: &Document, name: &str) -> Result<u128, Malformed> {
    let text = document.text(name)?;
    text.parse().map_err(|error| Malformed(format!("{}: {name} is {text:?}: {error}", document.id)))
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asset(asset) => write!(f, "asset {} is not in this archive yet", asset.0),
            Self::Symbol(symbol) => write!(f, "symbol {} is not in this archive yet", symbol.0),
        }
    }
}

impl std::error::Error for Unknown {}
