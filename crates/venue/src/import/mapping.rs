//! What the tables and columns of the source mean: a TOML file.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use domain::instrument::Fees;
use domain::text::{AssetCode, SymbolCode};
use serde::Deserialize;

use super::number;

/// The whole file. Tables, columns and conditions are SQL of whoever wrote it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mapping {
    /// Name of the source: two sources may have the same keys.
    pub(crate) source: String,
    /// Assets, by what the source calls them.
    pub(crate) assets: BTreeMap<String, AssetMapping>,
    /// Symbols, likewise.
    #[serde(default)]
    pub(crate) symbols: BTreeMap<String, SymbolMapping>,
    pub(crate) users: UsersMapping,
    pub(crate) balances: Option<BalancesMapping>,
    pub(crate) positions: Option<PositionsMapping>,
    pub(crate) orders: Option<OrdersMapping>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssetMapping {
    /// The venue's code; the source's by default.
    pub(crate) code: Option<String>,
    pub(crate) scale: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SymbolMapping {
    /// The venue's code; the source's by default.
    pub(crate) code: Option<String>,
    /// Asset, as the source calls it.
    pub(crate) base: String,
    /// Asset, as the source calls it.
    pub(crate) quote: String,
    pub(crate) tick_size: String,
    pub(crate) lot_size: String,
    /// Parts of one, where the symbol is listed anew.
    #[serde(default)]
    pub(crate) maker_fee: Option<String>,
    #[serde(default)]
    pub(crate) taker_fee: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsersMapping {
    pub(crate) from: String,
    #[serde(rename = "where")]
    pub(crate) condition: Option<String>,
    pub(crate) key: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BalancesMapping {
    pub(crate) from: String,
    #[serde(rename = "where")]
    pub(crate) condition: Option<String>,
    pub(crate) user: String,
    pub(crate) asset: String,
    pub(crate) free: String,
    /// What open orders hold; nothing by default.
    pub(crate) locked: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PositionsMapping {
    pub(crate) from: String,
    #[serde(rename = "where")]
    pub(crate) condition: Option<String>,
    pub(crate) user: String,
    pub(crate) symbol: String,
    pub(crate) quantity: String,
    /// Of the open quantity, with its sign.
    pub(crate) cost: String,
    pub(crate) realised: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrdersMapping {
    pub(crate) from: String,
    #[serde(rename = "where")]
    pub(crate) condition: Option<String>,
    pub(crate) key: String,
    pub(crate) user: String,
    pub(crate) symbol: String,
    pub(crate) side: String,
    pub(crate) price: String,
    /// What is left to fill.
    pub(crate) remaining: String,
    /// What they are sorted by.
    pub(crate) time: String,
    pub(crate) client_order_id: Option<String>,
    /// What the source calls the sides.
    #[serde(default = "buy")]
    pub(crate) buy: Vec<String>,
    #[serde(default = "sell")]
    pub(crate) sell: Vec<String>,
}

fn buy() -> Vec<String> {
    ["buy", "BUY", "Buy", "b", "B"].map(Into::into).into()
}

fn sell() -> Vec<String> {
    ["sell", "SELL", "Sell", "s", "S"].map(Into::into).into()
}

impl Mapping {
    pub(crate) fn load(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", file.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let mapping: Self = toml::from_str(text)?;
        anyhow::ensure!(!mapping.source.is_empty(), "source needs a name");
        for (name, asset) in &mapping.assets {
            asset.code(name).with_context(|| format!("asset {name}"))?;
        }
        for (name, symbol) in &mapping.symbols {
            symbol.check(name, &mapping.assets).with_context(|| format!("symbol {name}"))?;
        }
        Ok(mapping)
    }
}

impl AssetMapping {
    pub(crate) fn code(&self, name: &str) -> anyhow::Result<AssetCode> {
        Ok(AssetCode::new(self.code.as_deref().unwrap_or(name))?)
    }
}

impl SymbolMapping {
    pub(crate) fn code(&self, name: &str) -> anyhow::Result<SymbolCode> {
        Ok(SymbolCode::new(self.code.as_deref().unwrap_or(name))?)
    }

    pub(crate) fn fees(&self) -> anyhow::Result<Fees> {
        let rate = |text: &Option<String>| text.as_deref().map_or(Some(Fees::default().maker), number::rate);
        let maker = rate(&self.maker_fee).context("maker_fee is no rate such as 0.001")?;
        let taker = rate(&self.taker_fee).context("taker_fee is no rate such as 0.001")?;
        Ok(Fees { maker, taker })
    }

    fn check(&self, name: &str, assets: &BTreeMap<String, AssetMapping>) -> anyhow::Result<()> {
        self.code(name)?;
        self.fees()?;
        number::step(&self.tick_size).context("tick_size is no decimal such as 0.01")?;
        number::step(&self.lot_size).context("lot_size is no decimal such as 0.01")?;
        for asset in [&self.base, &self.quote] {
            anyhow::ensure!(assets.contains_key(asset), "there is no [assets.{asset}]");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSETS: &str =
        "source = \"old\"\n[users]\nfrom = \"users\"\nkey = \"id\"\n[assets.btc]\ncode = \"BTC\"\nscale = 8\n";

    #[test]
    fn what_is_wrong_is_named() {
        Mapping::parse(ASSETS).unwrap();
        let says = |more: &str| format!("{:#}", Mapping::parse(&format!("{ASSETS}{more}")).unwrap_err());
        let symbol = "[symbols.x]\nbase = \"btc\"\nquote = \"usd\"\ntick_size = \"0.01\"\nlot_size = \"0.1\"\n";
        assert!(says(symbol).contains("symbol x: there is no [assets.usd]"));
        assert!(says(&symbol.replace("0.01", "cent")).contains("symbol x: tick_size"));
        assert!(
            says("[assets.\"far too long a code for anything at all\"]\nscale = 1\n").contains("asset far too long")
        );
        assert!(says("[balances]\nfrom = \"b\"\n").contains("missing field"));
        assert!(says("[orders]\nprize = \"b\"\n").contains("prize"));
    }
}
