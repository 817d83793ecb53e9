//! Lines that ask how things stand.

use domain::ids::{SymbolId, UserId};
use domain::order::Side;
use domain::state::OrderState;

use super::names::{Names, scale_of, show_amount, show_money, show_name, show_price, show_quantity};
use super::shards;
use super::words::{Unreadable, Words};

/// The answer, if the line is a question.
pub(super) fn ask(names: &Names<'_>, line: &str) -> Option<Result<String, Unreadable>> {
    let mut words = Words::of(line);
    let (first, second) = (words.maybe()?, words.maybe());
    let answer = match (first, second) {
        ("book", symbol) => names.symbol_or_last(symbol).map(|symbol| book(names, symbol)),
        ("last", symbol) => names.symbol_or_last(symbol).map(|symbol| last(names, symbol)),
        ("total", Some(asset)) => total(names, asset),
        ("shards", None) => shards::shards(names.state),
        ("moves", None) => shards::moves(names.state),
        ("home", Some("of")) => words.word().and_then(|subject| shards::home(names, subject)),
        (user, Some("has")) => words.word().and_then(|asset| has(names, names.user(user)?, asset)),
        (user, Some("position")) => {
            let symbol = words.maybe();
            names.user(user).and_then(|user| Ok(position(names, user, names.symbol_or_last(symbol)?)))
        }
        (user, Some("orders")) => names.user(user).map(|user| orders(names, user)),
        (user, Some("remembered")) => names.user(user).map(|user| remembered(names, user)),
        (_, _) => return None,
    };
    Some(answer.and_then(|answer| words.end().map(|()| answer)))
}

fn book(names: &Names<'_>, symbol: SymbolId) -> String {
    let side = |side: Side| -> String {
        let orders = names.state.orders.iter().filter(|order| order.symbol == symbol && order.side == side);
        let shown: Vec<String> = orders.map(|order| rest(names, order)).collect();
        if shown.is_empty() { "none".to_owned() } else { shown.join(" ") }
    };
    format!("bids {} | asks {}", side(Side::Buy), side(Side::Sell))
}

fn rest(names: &Names<'_>, order: &OrderState) -> String {
    let instrument = names.instrument(order.symbol);
    let left = order.quantity.checked_sub(order.executed).unwrap_or_default();
    format!("{}@{}", show_quantity(left, instrument), show_price(order.price, instrument))
}

fn last(names: &Names<'_>, symbol: SymbolId) -> String {
    let price = names.state.symbols.get(symbol.0 as usize).and_then(|listed| listed.last_price);
    price.map_or_else(|| "no trade".to_owned(), |price| show_price(price, names.instrument(symbol)))
}

fn total(names: &Names<'_>, word: &str) -> Result<String, Unreadable> {
    let asset = names.asset(word)?;
    let listed = names.state.assets.get(asset.0 as usize).ok_or("no such asset")?;
    Ok(show_amount(listed.total, Some(listed.asset.scale)))
}

fn has(names: &Names<'_>, user: UserId, word: &str) -> Result<String, Unreadable> {
    let asset = names.asset(word)?;
    let mut balances = names.state.balances.iter();
    let Some(balance) = balances.find(|balance| balance.user == user && balance.asset == asset) else {
        return Ok("nothing".to_owned());
    };
    let shown = |amount| show_amount(amount, scale_of(names.state, asset));
    let credit = balance.credit_limit;
    let drawable = if credit.is_zero() { String::new() } else { format!(", may draw {}", shown(credit)) };
    Ok(format!("{} free, {} locked{drawable}", shown(balance.free), shown(balance.locked)))
}

fn position(names: &Names<'_>, user: UserId, symbol: SymbolId) -> String {
    let mut positions = names.state.positions.iter();
    let position = positions.find(|position| position.user == user && position.symbol == symbol);
    let (Some(position), Some(instrument)) = (position, names.instrument(symbol)) else { return "none".to_owned() };
    format!(
        "{} cost {}, realised {}",
        show_money(names.state, position.quantity, instrument.base()),
        show_money(names.state, position.cost, instrument.quote()),
        show_money(names.state, position.realised, instrument.quote()),
    )
}

fn orders(names: &Names<'_>, user: UserId) -> String {
    let mut own: Vec<&OrderState> = names.state.orders.iter().filter(|order| order.user == user).collect();
    own.sort_by_key(|order| order.order);
    let shown = own.iter().map(|order| format!("{} {}", show_name(order.client_order_id), rest(names, order)));
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}

/// In the order of closing; only the last ones where there are many.
fn remembered(names: &Names<'_>, user: UserId) -> String {
    let own = names.state.closed_ids.iter().filter(|closed| closed.user == user);
    let own: Vec<String> = own.map(|closed| show_name(closed.client_order_id)).collect();
    match own.as_slice() {
        [] => "none".to_owned(),
        [.., last] if own.len() > 10 => format!("{} to {last}, {} in all", own[0], own.len()),
        few => few.join(", "),
    }
}
