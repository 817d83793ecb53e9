//! What the amounts of a file are in. Assets, and what a symbol is made of, never change, so what was read once holds.

use std::collections::HashMap;

use domain::ids::{AssetId, SymbolId};
use domain::units::Amount;
use projector::decimal;
use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, ToSql};

use crate::fault::Fault;

/// Decimals of the two assets of a symbol.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SymbolScales {
    pub(crate) base: u8,
    pub(crate) quote: u8,
}

/// Decimals by asset and symbol, as far as they were needed.
#[derive(Debug, Default)]
pub(crate) struct Units {
    assets: HashMap<AssetId, u8>,
    symbols: HashMap<SymbolId, SymbolScales>,
}

impl Units {
    /// An amount of an asset, as text.
    pub(crate) fn text(&mut self, connection: &Connection, asset: AssetId, amount: Amount) -> Result<Decimal, Fault> {
        Ok(Decimal(amount, self.asset(connection, asset)?))
    }

    pub(crate) fn asset(&mut self, connection: &Connection, asset: AssetId) -> Result<u8, Fault> {
        if let Some(scale) = self.assets.get(&asset) {
            return Ok(*scale);
        }
        let mut statement = connection.prepare_cached("SELECT scale FROM assets WHERE asset_id = ?1")?;
        let mut rows = statement.query([asset.0])?;
        let row = rows.next()?.ok_or(Fault::UnknownAsset(asset))?;
        let scale = row.get(0)?;
        self.assets.insert(asset, scale);
        Ok(scale)
    }

    pub(crate) fn symbol(&mut self, connection: &Connection, symbol: SymbolId) -> Result<SymbolScales, Fault> {
        if let Some(scales) = self.symbols.get(&symbol) {
            return Ok(*scales);
        }
        let sql = "SELECT base_scale, quote_scale FROM symbols WHERE symbol_id = ?1";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([symbol.0])?;
        let row = rows.next()?.ok_or(Fault::UnknownSymbol(symbol))?;
        let scales = SymbolScales { base: row.get(0)?, quote: row.get(1)? };
        self.symbols.insert(symbol, scales);
        Ok(scales)
    }
}

/// An amount that is written as text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal(pub(crate) Amount, pub(crate) u8);

impl ToSql for Decimal {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(Value::Text(decimal::text(self.0, self.1))))
    }
}
