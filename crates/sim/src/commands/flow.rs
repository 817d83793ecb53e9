//! A day like others: a price that wanders, market makers who quote and requote around it, takers who cross.

use domain::command::amend_order::AmendOrder;
use domain::command::cancel_order::CancelOrder;
use domain::command::place_order::PlaceOrder;
use domain::command::replace_order::{ReplaceMode, ReplaceOnlyIf, ReplaceOrder};
use domain::command::set_credit_limit::SetCreditLimit;
use domain::command::withdrawal::RequestWithdrawal;
use domain::command::{Action, OrderRef, Request, RequestContent};
use domain::ids::{AssetId, SymbolId, UserId};
use domain::instrument::{PriceBand, SymbolLimits};
use domain::order::{MarketSize, OrderKind, Side, TimeInForce};
use domain::text::ClientOrderId;
use domain::units::{Amount, Lots, Ppm, Ticks};

use super::{Writer, envelope, fees, step, text};

const USERS: u32 = 20;
const SYMBOLS: u32 = 3;
/// USDT with 6 decimals is asset 0; the others, with 8, are 1, 2 and 3.
const ASSETS: [(&str, u8); 4] = [("USDT", 6), ("BTC", 8), ("ETH", 8), ("SOL", 8)];

/// An order that may still be open.
#[derive(Clone)]
struct Quote {
    user: u32,
    symbol: SymbolId,
    name: ClientOrderId,
    quantity: u64,
}

/// The market as the users see it.
struct Market {
    /// Per symbol, in ticks.
    mid: [u64; 3],
    quotes: Vec<Quote>,
    names: u64,
}

pub(super) fn write(writer: &mut Writer, count: usize) {
    open(writer);
    let mut market = Market { mid: [6_500_000, 350_000, 15_000], quotes: Vec::new(), names: 0 };
    while writer.commands.len() < count {
        let nanos = writer.random.below(50_000_000);
        writer.now = writer.now.plus(nanos);
        match writer.random.below(1_000) {
            0..480 => quote(writer, &mut market),
            480..800 => cancel(writer, &mut market),
            800..870 => replace(writer, &mut market),
            870..900 => amend(writer, &mut market),
            900..985 => take(writer, &mut market),
            985..995 => {
                let (user, asset) = (some_user(writer), writer.random.below(4));
                writer.deposit(user, u32::try_from(asset).expect("few assets"), 1_000_000_000);
            }
            _ => withdraw(writer),
        }
    }
}

fn open(writer: &mut Writer) {
    for (code, scale) in ASSETS {
        writer.list_asset(code, scale);
    }
    let band = Some(PriceBand { above: Ppm(200_000), below: Ppm(200_000) });
    let limits = SymbolLimits { notional_min: Amount(1_000_000), band, ..SymbolLimits::WIDEST };
    for (base, code) in [(1, "BTCUSDT"), (2, "ETHUSDT"), (3, "SOLUSDT")] {
        writer.list_symbol(code, (base, 0), (step(1, 2), step(1, 4)), limits, fees(1_000, 2_000));
    }
    for user in 1..=USERS {
        writer.open_account();
        writer.deposit(user, 0, 200_000_000_000);
        for asset in 1..=SYMBOLS {
            writer.deposit(user, asset, 500_000_000);
        }
        // Every fifth makes markets on credit.
        if user % 5 == 0 {
            let set = SetCreditLimit { user: UserId(user), asset: AssetId(1), limit: Amount(10_000_000_000) };
            writer.request(RequestContent::SetCreditLimit(set));
        }
    }
}

fn some_user(writer: &mut Writer) -> u32 {
    u32::try_from(writer.random.between(1, u64::from(USERS))).expect("few users")
}

fn some_symbol(writer: &mut Writer) -> SymbolId {
    SymbolId(writer.random.weighted(&[(60, 0), (30, 1), (10, 2)]))
}

/// A limit order a few ticks from the market, sometimes across it.
fn quote_order(writer: &mut Writer, market: &mut Market, symbol: SymbolId) -> PlaceOrder {
    let mid = &mut market.mid[symbol.0 as usize];
    *mid = *mid + writer.random.below(5) - 2;
    let side = writer.random.pick(&[Side::Buy, Side::Sell]);
    let (distance, inside) = (writer.random.below(40), 4);
    let price = match side {
        Side::Buy => *mid + inside - distance,
        Side::Sell => *mid + distance - inside,
    };
    let quantity = Lots(writer.random.between(1, 2_000));
    let time_in_force = writer.random.weighted(&[
        (80, TimeInForce::GoodTilCanceled),
        (12, TimeInForce::PostOnly),
        (6, TimeInForce::ImmediateOrCancel),
        (2, TimeInForce::FillOrKill),
    ]);
    market.names += 1;
    let client_order_id = text(&format!("o{}", market.names));
    PlaceOrder {
        symbol,
        side,
        kind: OrderKind::Limit { price: Ticks(price), quantity, time_in_force },
        client_order_id,
    }
}

fn quote(writer: &mut Writer, market: &mut Market) {
    let (user, symbol) = (some_user(writer), some_symbol(writer));
    let place = quote_order(writer, market, symbol);
    remember(market, user, &place);
    writer.write(envelope(user), Action::PlaceOrder(place));
}

fn remember(market: &mut Market, user: u32, place: &PlaceOrder) {
    match place.kind {
        OrderKind::Limit { quantity, .. } => {
            let quote = Quote { user, symbol: place.symbol, name: place.client_order_id, quantity: quantity.0 };
            market.quotes.push(quote);
        }
        OrderKind::Market { .. } => {}
    }
}

/// One of the quotes, which is then forgotten.
fn take_quote(writer: &mut Writer, market: &mut Market) -> Option<Quote> {
    let count = u64::try_from(market.quotes.len()).expect("a list is shorter than 2^64");
    if count == 0 {
        return None;
    }
    let place = usize::try_from(writer.random.below(count)).expect("within the list");
    Some(market.quotes.swap_remove(place))
}

fn cancel(writer: &mut Writer, market: &mut Market) {
    let Some(quote) = take_quote(writer, market) else { return };
    let cancel = CancelOrder { symbol: quote.symbol, order: OrderRef::Client(quote.name) };
    writer.write(envelope(quote.user), Action::CancelOrder(cancel));
}

fn replace(writer: &mut Writer, market: &mut Market) {
    let Some(quote) = take_quote(writer, market) else { return };
    let place = quote_order(writer, market, quote.symbol);
    remember(market, quote.user, &place);
    let (only_if, mode) = (ReplaceOnlyIf::Open, ReplaceMode::StopOnFailure);
    let replace = ReplaceOrder { cancel: OrderRef::Client(quote.name), only_if, mode, place };
    writer.write(envelope(quote.user), Action::ReplaceOrder(Box::new(replace)));
}

fn amend(writer: &mut Writer, market: &mut Market) {
    let Some(quote) = take_quote(writer, market) else { return };
    let quantity = quote.quantity / 2;
    market.quotes.push(Quote { quantity, ..quote.clone() });
    let (symbol, order) = (quote.symbol, OrderRef::Client(quote.name));
    let amend = AmendOrder { symbol, order, quantity: Lots(quantity), new_client_order_id: None };
    writer.write(envelope(quote.user), Action::AmendOrder(amend));
}

fn take(writer: &mut Writer, market: &mut Market) {
    let (user, symbol) = (some_user(writer), some_symbol(writer));
    let size = if writer.random.chance(500) {
        MarketSize::Quantity(Lots(writer.random.between(1, 3_000)))
    } else {
        MarketSize::Quote(Amount(i128::from(writer.random.between(1_000_000, 5_000_000_000))))
    };
    market.names += 1;
    let client_order_id = text(&format!("o{}", market.names));
    let side = writer.random.pick(&[Side::Buy, Side::Sell]);
    let place = PlaceOrder { symbol, side, kind: OrderKind::Market { size }, client_order_id };
    writer.write(envelope(user), Action::PlaceOrder(place));
}

fn withdraw(writer: &mut Writer) {
    let user = some_user(writer);
    writer.requests += 1;
    let id = text(&format!("r{}", writer.requests));
    let withdrawal = RequestWithdrawal { user: UserId(user), asset: AssetId(0), amount: Amount(5_000_000) };
    let content = RequestContent::RequestWithdrawal(withdrawal);
    writer.write(envelope(user), Action::Request(Request { id, content }));
}
