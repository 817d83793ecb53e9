//! Matching: best price first, then oldest, until nothing is left or something stops it.

use domain::event::{Event, OrderFilled, Trade};
use domain::ids::{SymbolId, TradeId};
use domain::instrument::Instrument;
use domain::limits::{AMOUNT_MAX, FILLS_PER_COMMAND_MAX};
use domain::order::{CloseReason, Liquidity, MarketSize, OrderKind, Side, TimeInForce};
use domain::state::OrderState;
use domain::units::{Amount, Lots, Ticks};

use super::money::Exchange;
use super::orders::remaining;
use super::{Model, Outcome};

/// How matching ended.
pub(super) enum Matched {
    /// The taker is filled.
    Filled,
    /// Something is left, but there is no opposite order with an acceptable price.
    NothingToTradeWith,
    /// Something is left, and may not trade.
    Stopped(CloseReason),
}

impl Model {
    /// The first of the opposite orders, if its price is acceptable.
    pub(super) fn best_opposite(&self, symbol: SymbolId, side: Side, worst: Ticks) -> Option<OrderState> {
        self.opposite(symbol, side, worst).next().copied()
    }

    /// The opposite orders with an acceptable price, in priority.
    fn opposite(&self, symbol: SymbolId, side: Side, worst: Ticks) -> impl Iterator<Item = &OrderState> {
        let orders = self.state.orders.iter();
        orders.filter(move |order| {
            order.symbol == symbol && order.side == side.opposite() && side.accepts(worst, order.price)
        })
    }

    pub(super) fn match_order(&mut self, taker: &mut OrderState, outcome: &mut Outcome) -> Matched {
        if is_fill_or_kill(taker.kind) && !self.fills_whole(taker) {
            return Matched::Stopped(CloseReason::NoLiquidity);
        }
        let mut fills = 0;
        while let Some(maker) = self.best_opposite(taker.symbol, taker.side, taker.price) {
            if fills == FILLS_PER_COMMAND_MAX {
                return Matched::Stopped(CloseReason::FillLimit);
            }
            let quantity = match self.next_quantity(taker, &maker) {
                Ok(quantity) => quantity,
                Err(reason) => return Matched::Stopped(reason),
            };
            self.trade(taker, &maker, quantity, outcome);
            fills += 1;
            if self.is_filled(taker, maker.price) {
                return Matched::Filled;
            }
        }
        Matched::NothingToTradeWith
    }

    fn fills_whole(&self, taker: &OrderState) -> bool {
        let walked = self.opposite(taker.symbol, taker.side, taker.price).take(FILLS_PER_COMMAND_MAX as usize);
        let offered: u128 = walked.map(|maker| u128::from(remaining(maker).0)).sum();
        offered >= u128::from(taker.quantity.0)
    }

    /// How much the two trade; or why a market order may not.
    fn next_quantity(&self, taker: &OrderState, maker: &OrderState) -> Result<Lots, CloseReason> {
        let quantity = remaining(taker).min(remaining(maker));
        let OrderKind::Market { size } = taker.kind else { return Ok(quantity) };
        let instrument = self.state.symbols[taker.symbol.0 as usize].instrument;

        let quantity = quantity.min(lots_wanted(taker, size, &instrument, maker.price));
        // What all fills cost stays an amount: an order that buys from its own user gets back what it pays, so funds end nothing.
        let countable = Amount(AMOUNT_MAX - taker.executed_quote.0);
        let quantity = quantity.min(instrument.lots_for_quote(maker.price, countable));
        if quantity.is_zero() {
            return Err(CloseReason::NoLiquidity);
        }
        let payable = match taker.side {
            Side::Buy => {
                let funds = self.available(taker.user, instrument.quote());
                instrument.lots_for_quote(maker.price, funds)
            }
            Side::Sell => instrument.lots_for_base(self.available(taker.user, instrument.base())),
        };
        let quantity = quantity.min(payable);
        if quantity.is_zero() { Err(CloseReason::NoFunds) } else { Ok(quantity) }
    }

    fn is_filled(&self, taker: &OrderState, price: Ticks) -> bool {
        let instrument = self.state.symbols[taker.symbol.0 as usize].instrument;
        let wanted = match taker.kind {
            OrderKind::Limit { .. } => remaining(taker),
            OrderKind::Market { size } => lots_wanted(taker, size, &instrument, price),
        };
        wanted.is_zero()
    }

    fn trade(&mut self, taker: &mut OrderState, maker: &OrderState, quantity: Lots, outcome: &mut Outcome) {
        let price = maker.price;
        let symbol = &mut self.state.symbols[taker.symbol.0 as usize];
        symbol.last_trade.0 += 1;
        symbol.last_price = Some(price);
        let trade = symbol.last_trade;
        let instrument = symbol.instrument;
        let quote = instrument.notional(price, quantity).expect("not more than the maker's hold at its own price");
        let base = instrument.base_amount(quantity).expect("not more than the maker's quantity");
        outcome.facts.push(Event::Trade(Trade {
            trade,
            symbol: taker.symbol,
            price,
            quantity,
            base,
            quote,
            taker_side: taker.side,
            maker_order: maker.order,
            maker_user: maker.user,
            taker_order: taker.order,
            taker_user: taker.user,
        }));

        let mut maker = *maker;
        let fill = Fill { trade, price, quantity, quote };
        for (order, liquidity) in [(&mut maker, Liquidity::Maker), (taker, Liquidity::Taker)] {
            order.executed = order.executed.checked_add(quantity).expect("nothing fills beyond its quantity");
            order.executed_quote.0 += quote.0;
            let exchange = Exchange::of(order, liquidity, &instrument, base, quote);
            self.report_fill(order, liquidity, &fill, &exchange, outcome);
            self.exchange(order, quantity, &exchange, outcome);
            self.follow(order, &exchange, outcome);
        }
        self.update_maker(maker);
    }

    /// A maker that is filled leaves the book.
    fn update_maker(&mut self, maker: OrderState) {
        let place = self.state.orders.iter().position(|order| order.order == maker.order);
        let place = place.expect("a maker stands in the book");
        if remaining(&maker).is_zero() {
            self.state.orders.remove(place);
            self.remember_closed(&maker);
        } else {
            self.state.orders[place] = maker;
        }
    }

    fn report_fill(
        &mut self,
        order: &OrderState,
        liquidity: Liquidity,
        fill: &Fill,
        exchange: &Exchange,
        outcome: &mut Outcome,
    ) {
        let execution = self.next_execution(order.user);
        outcome.facts.push(Event::OrderFilled(OrderFilled {
            order: order.order,
            user: order.user,
            execution,
            symbol: order.symbol,
            trade: fill.trade,
            side: order.side,
            liquidity,
            price: fill.price,
            quantity: fill.quantity,
            quote: fill.quote,
            fee: exchange.fee,
            fee_asset: exchange.received_asset,
            executed: order.executed,
            executed_quote: order.executed_quote,
            filled: self.is_filled(order, fill.price),
        }));
    }
}

/// What both sides of a trade have in common.
struct Fill {
    trade: TradeId,
    price: Ticks,
    quantity: Lots,
    quote: Amount,
}

/// What is left of a market order; by quote, no more than what is left of the amount pays for (brings in) at this price.
fn lots_wanted(taker: &OrderState, size: MarketSize, instrument: &Instrument, price: Ticks) -> Lots {
    match size {
        MarketSize::Quantity(_) => remaining(taker),
        MarketSize::Quote(amount) => {
            let left = Amount(amount.0 - taker.executed_quote.0);
            remaining(taker).min(instrument.lots_for_quote(price, left))
        }
    }
}

fn is_fill_or_kill(kind: OrderKind) -> bool {
    matches!(kind, OrderKind::Limit { time_in_force: TimeInForce::FillOrKill, .. })
}
