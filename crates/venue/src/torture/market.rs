//! What the REST clients trade, and with what money. Assets of their own: what the load inside the process has is not counted.

use anyhow::Context;
use outside::client::{Client, Key};
use outside::money::units;
use serde_json::{Value, json};

use crate::rig::Rig;
use crate::servers::Servers;

pub(crate) const SYMBOLS: [&str; 2] = ["RBTCRUSD", "RETHRUSD"];
const ASSETS: [(&str, &str); 3] = [("RBTC", "10000"), ("RETH", "10000"), ("RUSD", "1000000")];

/// Everybody's keys, and how much of each asset there is.
#[derive(Debug)]
pub(crate) struct Market {
    pub(crate) traders: Vec<Key>,
    /// Their numbers.
    pub(crate) users: Vec<u64>,
    /// Reads the venue's own account, where the fees go.
    venue: Key,
}

impl Market {
    /// Lists the assets and symbols, and opens the accounts.
    pub(crate) fn set_up(rig: &mut Rig, traders: u32) -> anyhow::Result<Self> {
        rig.venue()?;
        let key = rig.binary.admin_key(&rig.data)?;
        let mut admin = rig.client(&key)?;
        for (asset, _) in ASSETS {
            admin.admin("assets", &json!({"requestId": asset, "code": asset, "scale": 8}))?;
        }
        for symbol in SYMBOLS {
            let fees = json!({"maker": "0.0002", "taker": "0.0005"});
            let (base, quote) = symbol.split_at(4);
            admin.admin(
                "symbols",
                &json!({
                    "requestId": symbol, "code": symbol, "base": base, "quote": quote,
                    "tickSize": "0.01", "lotSize": "0.0001", "fees": fees,
                }),
            )?;
        }
        let traders = (0..traders).map(|number| trader(&mut admin, number)).collect::<Result<Vec<_>, _>>()?;
        let (users, traders) = traders.into_iter().unzip();
        let venue = new_key(&mut admin, 0, "venue")?;
        Ok(Self { traders, users, venue })
    }

    /// Adds up what everybody has: as much as was deposited, or money was made or lost.
    pub(crate) fn check_money(&self, rig: &mut Rig) -> anyhow::Result<()> {
        let mut sums = [0; ASSETS.len()];
        for key in self.traders.iter().chain([&self.venue]) {
            let account = rig.client(key)?.get("/api/v3/account", "")?;
            let balances = account["balances"].as_array().context("balances")?;
            for (sum, (asset, _)) in sums.iter_mut().zip(ASSETS) {
                let balance = balances.iter().find(|balance| balance["asset"] == asset).context("a balance")?;
                *sum += amount(&balance["free"])? + amount(&balance["locked"])?;
            }
        }
        self.check_sums(sums)
    }

    fn check_sums(&self, sums: [i128; ASSETS.len()]) -> anyhow::Result<()> {
        for (sum, (asset, each)) in sums.into_iter().zip(ASSETS) {
            let all = units(each).context("a decimal")? * i128::try_from(self.traders.len())?;
            anyhow::ensure!(sum == all, "of {asset} {all} were deposited and {sum} are there");
        }
        Ok(())
    }

    /// Adds up what the shards say that they own: the same money, and each of so many orders once.
    pub(crate) fn check_shards(&self, servers: &Servers, orders: usize) -> anyhow::Result<()> {
        let mut sums = [0; ASSETS.len()];
        for (sum, (asset, _)) in sums.iter_mut().zip(ASSETS) {
            let sql = format!(
                "SELECT coalesce(sum(free + locked), 0) FROM owned_balances WHERE asset_id IN
                 (SELECT asset_id FROM assets WHERE code = '{asset}')"
            );
            for text in servers.ask(&sql)? {
                *sum += units(text.trim()).with_context(|| format!("an amount: {text}"))?;
            }
        }
        self.check_sums(sums).context("over all shards")?;
        let sql = format!(
            "SELECT count(*) FROM owned_orders WHERE symbol_id IN (SELECT symbol_id FROM symbols WHERE code IN ('{}'))",
            SYMBOLS.join("', '")
        );
        let mut found = 0;
        for count in servers.ask(&sql)? {
            found += count.trim().parse::<usize>()?;
        }
        anyhow::ensure!(found == orders, "{orders} orders were acknowledged, over all shards there are {found}");
        Ok(())
    }
}

/// An amount as the venue writes it.
pub(crate) fn amount(value: &Value) -> anyhow::Result<i128> {
    value.as_str().and_then(units).with_context(|| format!("no amount: {value}"))
}

/// A user, and its key.
fn trader(admin: &mut Client, number: u32) -> anyhow::Result<(u64, Key)> {
    let user = admin.admin("users", &json!({"requestId": format!("trader-{number}")}))?;
    let user = user["userId"].as_u64().context("a user id")?;
    for (asset, amount) in ASSETS {
        let id = format!("{asset}-{number}");
        admin.admin("deposits", &json!({"requestId": id, "userId": user, "asset": asset, "amount": amount}))?;
    }
    Ok((user, new_key(admin, user, &format!("key-{number}"))?))
}

fn new_key(admin: &mut Client, user: u64, request: &str) -> anyhow::Result<Key> {
    let key = admin.admin("keys", &json!({"requestId": request, "userId": user, "roles": ["read", "trade"]}))?;
    let text = |name: &str| key[name].as_str().map(str::to_owned).with_context(|| format!("{name} in {key}"));
    Ok(Key { api_key: text("apiKey")?, secret: text("secretKey")? })
}
