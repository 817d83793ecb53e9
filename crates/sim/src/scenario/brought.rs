//! The lines of what users bring along: `alice brings on BTCUSDT 1 cost 100 realised 5`, `alice brings on BTCUSDT sell 1 at 100 as a1`.

use domain::command::RequestContent;
use domain::command::open_order::OpenOrder;
use domain::command::open_position::OpenPosition;
use domain::ids::UserId;
use domain::instrument::Instrument;
use domain::order::Side;
use domain::state::State;

use super::names::{
    Names, amount, instrument, price, quantity, show_amount, show_name, show_price, show_quantity, show_symbol,
    show_user,
};
use super::words::{Unreadable, Words, text};

pub(super) fn read(names: &Names<'_>, user: UserId, words: &mut Words<'_>) -> Result<RequestContent, Unreadable> {
    words.expect("on")?;
    let symbol = names.symbol(words.word()?)?;
    let listed = names.instrument(symbol);
    let side = match words.word()? {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        base => {
            let (base_scale, quote_scale) = scales(listed);
            let quantity = amount(base, base_scale)?;
            words.expect("cost")?;
            let cost = amount(words.word()?, quote_scale)?;
            words.expect("realised")?;
            let realised = amount(words.word()?, quote_scale)?;
            return Ok(RequestContent::OpenPosition(OpenPosition { user, symbol, quantity, cost, realised }));
        }
    };
    let quantity = quantity(words.word()?, listed.map(Instrument::lot_size))?;
    words.expect("at")?;
    let price = price(words.word()?, listed.map(Instrument::tick_size))?;
    words.expect("as")?;
    let client_order_id = text(words.word()?)?;
    Ok(RequestContent::OpenOrder(OpenOrder { user, symbol, side, price, quantity, client_order_id }))
}

pub(super) fn write_position(state: &State, open: &OpenPosition) -> String {
    let (base_scale, quote_scale) = scales(instrument(state, open.symbol));
    let quantity = show_amount(open.quantity, base_scale);
    let (cost, realised) = (show_amount(open.cost, quote_scale), show_amount(open.realised, quote_scale));
    let (user, symbol) = (show_user(open.user), show_symbol(state, open.symbol));
    format!("{user} brings on {symbol} {quantity} cost {cost} realised {realised}")
}

pub(super) fn write_order(state: &State, open: &OpenOrder) -> String {
    let side = match open.side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    };
    let listed = instrument(state, open.symbol);
    let (quantity, price) = (show_quantity(open.quantity, listed), show_price(open.price, listed));
    let (user, symbol, name) = (show_user(open.user), show_symbol(state, open.symbol), show_name(open.client_order_id));
    format!("{user} brings on {symbol} {side} {quantity} at {price} as {name}")
}

fn scales(listed: Option<&Instrument>) -> (Option<u8>, Option<u8>) {
    (listed.map(|listed| listed.base_leg().scale), listed.map(|listed| listed.quote_leg().scale))
}
