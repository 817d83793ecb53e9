//! What the source has, as its server writes it.

use anyhow::Context;
use store_postgres::foreign::ForeignTables;

use super::mapping::Mapping;

/// Everything that is to be brought along. A value that is null is empty: no key and no number is.
#[derive(Debug, Default)]
pub(crate) struct SourceRows {
    pub(crate) users: Vec<String>,
    pub(crate) balances: Vec<BalanceRow>,
    pub(crate) positions: Vec<PositionRow>,
    /// In the order of their time.
    pub(crate) orders: Vec<OrderRow>,
}

#[derive(Debug)]
pub(crate) struct BalanceRow {
    pub(crate) user: String,
    pub(crate) asset: String,
    pub(crate) free: String,
    pub(crate) locked: String,
}

#[derive(Debug)]
pub(crate) struct PositionRow {
    pub(crate) user: String,
    pub(crate) symbol: String,
    pub(crate) quantity: String,
    pub(crate) cost: String,
    pub(crate) realised: String,
}

#[derive(Debug)]
pub(crate) struct OrderRow {
    pub(crate) key: String,
    pub(crate) user: String,
    pub(crate) symbol: String,
    pub(crate) side: String,
    pub(crate) price: String,
    pub(crate) remaining: String,
    /// Empty: it has none.
    pub(crate) client_order_id: String,
}

pub(crate) fn read(tables: &ForeignTables, mapping: &Mapping) -> anyhow::Result<SourceRows> {
    let mut rows = SourceRows::default();
    let users = &mapping.users;
    let each = |kind: &str, sql: String, visit: &mut dyn FnMut(Vec<String>)| {
        let mut texts = |columns: &[Option<&str>]| {
            visit(columns.iter().map(|column| column.unwrap_or_default().to_owned()).collect());
        };
        tables.each(&sql, &mut texts).with_context(|| format!("[{kind}]: {sql}"))
    };
    let condition = users.condition.as_deref();
    each("users", select(&[&users.key], &users.from, condition, "1"), &mut |columns| rows.users.extend(columns))?;
    if let Some(of) = &mapping.balances {
        let locked = of.locked.as_deref().unwrap_or("0");
        let sql = select(&[&of.user, &of.asset, &of.free, locked], &of.from, of.condition.as_deref(), "1, 2");
        each("balances", sql, &mut |columns| {
            if let Ok([user, asset, free, locked]) = <[String; 4]>::try_from(columns) {
                rows.balances.push(BalanceRow { user, asset, free, locked });
            }
        })?;
    }
    if let Some(of) = &mapping.positions {
        let realised = of.realised.as_deref().unwrap_or("0");
        let columns = [&of.user, &of.symbol, &of.quantity, &of.cost, realised];
        each("positions", select(&columns, &of.from, of.condition.as_deref(), "1, 2"), &mut |columns| {
            if let Ok([user, symbol, quantity, cost, realised]) = <[String; 5]>::try_from(columns) {
                rows.positions.push(PositionRow { user, symbol, quantity, cost, realised });
            }
        })?;
    }
    if let Some(of) = &mapping.orders {
        let name = of.client_order_id.as_deref().unwrap_or("NULL");
        let columns = [&of.key, &of.user, &of.symbol, &of.side, &of.price, &of.remaining, name];
        let order = format!("({}), 1", of.time);
        each("orders", select(&columns, &of.from, of.condition.as_deref(), &order), &mut |columns| {
            if let Ok([key, user, symbol, side, price, remaining, client_order_id]) = <[String; 7]>::try_from(columns) {
                rows.orders.push(OrderRow { key, user, symbol, side, price, remaining, client_order_id });
            }
        })?;
    }
    Ok(rows)
}

fn select(columns: &[&str], from: &str, condition: Option<&str>, order: &str) -> String {
    let columns: Vec<_> = columns.iter().map(|column| format!("({column})::text")).collect();
    let condition = condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
    format!("SELECT {} FROM {from}{condition} ORDER BY {order}", columns.join(", "))
}
