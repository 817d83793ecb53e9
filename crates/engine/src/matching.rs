//! A taker against the book. See "Matching" in `docs/rules.md`.

use domain::event::{Event, OrderFilled, Trade};
use domain::ids::{OrderId, SymbolId, TradeId, UserId};
use domain::instrument::Fees;
use domain::limits::{AMOUNT_MAX, FILLS_PER_COMMAND_MAX};
use domain::order::{CloseReason, Liquidity, OrderKind, Side, TimeInForce};
use domain::units::{Amount, Lots, Ppm, Ticks};

use crate::apply::{Engine, index_of};
use crate::slab::Slot;

/// Where an order's payments come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pays {
    /// From what it holds, at its own price.
    FromHold {
        /// Its limit.
        price: Ticks,
    },
    /// From what is free.
    FromFree,
}

/// An order on its way through the book.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taker {
    pub(crate) order: OrderId,
    pub(crate) user: UserId,
    pub(crate) side: Side,
    pub(crate) worst: Option<Ticks>,
    pub(crate) fees: Fees,
    pub(crate) pays: Pays,
    pub(crate) remaining: Lots,
    pub(crate) quote_left: Option<Amount>,
    pub(crate) executed: Lots,
    pub(crate) executed_quote: Amount,
    pub(crate) filled: bool,
}

impl Taker {
    fn accepts(&self, price: Ticks) -> bool {
        self.worst.is_none_or(|worst| self.side.accepts(worst, price))
    }
}

/// One order's side of one fill.
#[derive(Debug, Clone, Copy)]
struct Part {
    order: OrderId,
    user: UserId,
    side: Side,
    liquidity: Liquidity,
    pays: Pays,
    fee_rate: Ppm,
    executed: Lots,
    executed_quote: Amount,
    filled: bool,
}

/// What both sides of a fill share.
#[derive(Debug, Clone, Copy)]
struct Fill {
    trade: TradeId,
    price: Ticks,
    quantity: Lots,
    base: Amount,
    quote: Amount,
}

impl Engine {
    /// Trades the taker until it is filled, the book has nothing acceptable, or it must stop; the answer says why it must.
    pub(crate) fn match_order(
        &mut self,
        symbol: SymbolId,
        kind: OrderKind,
        taker: &mut Taker,
        events: &mut Vec<Event>,
    ) -> Option<CloseReason> {
        let opposite = taker.side.opposite();
        if let OrderKind::Limit { time_in_force: TimeInForce::FillOrKill, .. } = kind
            && !self.can_fill_whole(symbol, taker)
        {
            return Some(CloseReason::NoLiquidity);
        }
        let mut fills = 0_u32;
        while !taker.filled {
            let books = &self.orders.books;
            let price = books.best(symbol, opposite).filter(|price| taker.accepts(*price))?;
            let maker = books.front(symbol, opposite).expect("the best level has an order");
            if fills == FILLS_PER_COMMAND_MAX {
                return Some(CloseReason::FillLimit);
            }
            let offered = books.remaining(maker).min(taker.remaining);
            let quantity = match self.affordable(symbol, taker, price, offered) {
                Ok(quantity) => quantity,
                Err(stop) => return Some(stop),
            };
            self.trade(symbol, taker, maker, price, quantity, events);
            fills = fills.saturating_add(1);
        }
        None
    }

    fn can_fill_whole(&self, symbol: SymbolId, taker: &Taker) -> bool {
        let mut missing = taker.remaining;
        let mut fills = 0_u32;
        for (price, maker) in self.orders.books.in_priority(symbol, taker.side.opposite()) {
            if !taker.accepts(price) || fills == FILLS_PER_COMMAND_MAX {
                return false;
            }
            match missing.checked_sub(self.orders.books.remaining(maker)) {
                Some(Lots::ZERO) | None => return true,
                Some(rest) => missing = rest,
            }
            fills = fills.saturating_add(1);
        }
        false
    }

    /// How much of what is offered a market order takes and can pay for.
    fn affordable(&self, symbol: SymbolId, taker: &Taker, price: Ticks, offered: Lots) -> Result<Lots, CloseReason> {
        let symbol = &self.symbols[index_of(symbol.0)];
        match taker.pays {
            Pays::FromHold { .. } => Ok(offered),
            Pays::FromFree => {
                // Who buys from oneself is paid as much as is spent, so funds alone would not bound the sum.
                let room = AMOUNT_MAX.saturating_sub(taker.executed_quote.0);
                let left = taker.quote_left.map_or(room, |left| left.0.min(room));
                let mut quantity = offered.min(symbol.instrument.lots_for_quote(price, Amount(left)));
                if quantity.is_zero() {
                    return Err(CloseReason::NoLiquidity);
                }
                let available = self.accounts.user(taker.user).available(symbol.pays(taker.side));
                quantity = quantity.min(symbol.lots_payable(taker.side, price, available));
                if quantity.is_zero() { Err(CloseReason::NoFunds) } else { Ok(quantity) }
            }
        }
    }

    fn trade(
        &mut self,
        symbol: SymbolId,
        taker: &mut Taker,
        maker_slot: Slot,
        price: Ticks,
        quantity: Lots,
        events: &mut Vec<Event>,
    ) {
        let symbol = &mut self.symbols[index_of(symbol.0)];
        symbol.last_trade = symbol.last_trade.checked_add(1).expect("2^64 trades take longer than the venue");
        symbol.last_price = Some(price);
        let quote = symbol.instrument.notional(price, quantity).expect("the maker's whole order was checked");
        let base = symbol.instrument.base_amount(quantity).expect("the maker's whole order was checked");
        let fill = Fill { trade: TradeId(symbol.last_trade), price, quantity, base, quote };

        let add = |executed: &mut Lots, executed_quote: &mut Amount| {
            *executed = executed.checked_add(quantity).expect("within the order");
            *executed_quote = executed_quote.checked_add(quote).expect("within what both users own");
        };
        let maker_left = self.orders.books.reduce(maker_slot, quantity);
        let maker = self.orders.details_mut(maker_slot);
        add(&mut maker.executed, &mut maker.executed_quote);
        add(&mut taker.executed, &mut taker.executed_quote);
        taker.remaining = taker.remaining.checked_sub(quantity).expect("no more than is left");
        taker.quote_left = taker.quote_left.map(|left| left.checked_sub(quote).expect("no more than is left"));
        let spent = |left: Amount| symbol.instrument.lots_for_quote(price, left).is_zero();
        taker.filled = taker.remaining.is_zero() || taker.quote_left.is_some_and(spent);

        let maker = *self.orders.record(maker_slot);
        let details = self.orders.details(maker_slot);
        let maker_filled = maker_left.is_zero();
        events.push(Event::Trade(Trade {
            trade: fill.trade,
            symbol: symbol.instrument.id(),
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
        let maker_part = Part {
            order: maker.order,
            user: maker.user,
            side: maker.side,
            liquidity: Liquidity::Maker,
            pays: Pays::FromHold { price },
            fee_rate: details.fees.maker,
            executed: details.executed,
            executed_quote: details.executed_quote,
            filled: maker_filled,
        };
        let taker_part = Part {
            order: taker.order,
            user: taker.user,
            side: taker.side,
            liquidity: Liquidity::Taker,
            pays: taker.pays,
            fee_rate: taker.fees.taker,
            executed: taker.executed,
            executed_quote: taker.executed_quote,
            filled: taker.filled,
        };
        self.settle(maker.symbol, &maker_part, &fill, events);
        self.settle(maker.symbol, &taker_part, &fill, events);
        if maker_filled {
            self.remove_order(maker_slot);
        }
    }

    /// Moves one side's money, follows its position, and says so.
    fn settle(&mut self, symbol: SymbolId, part: &Part, fill: &Fill, events: &mut Vec<Event>) {
        let symbol = &self.symbols[index_of(symbol.0)];
        let (paid, received) = match part.side {
            Side::Buy => (fill.quote, fill.base),
            Side::Sell => (fill.base, fill.quote),
        };
        let fee = part.fee_rate.of(received);
        let net = received.checked_sub(fee).expect("a fee is less than what it is taken of");
        let (paid_asset, received_asset) = (symbol.pays(part.side), symbol.pays(part.side.opposite()));
        match part.pays {
            Pays::FromHold { price } => {
                let held = symbol.hold(part.side, price, fill.quantity);
                let improvement = held.checked_sub(paid).expect("never worse than the limit");
                self.accounts.change(part.user, paid_asset, improvement, held.negated());
            }
            Pays::FromFree => self.accounts.change_free(part.user, paid_asset, paid.negated()),
        }
        self.accounts.change_free(part.user, received_asset, net);
        self.accounts.change_free(UserId::VENUE, received_asset, fee);
        let (quantity, cost) = match part.side {
            Side::Buy => (net, fill.quote),
            Side::Sell => (fill.base.negated(), net.negated()),
        };
        self.accounts.change_position(part.user, symbol.instrument.id(), quantity, cost);
        events.push(Event::OrderFilled(OrderFilled {
            order: part.order,
            user: part.user,
            execution: self.accounts.next_execution(part.user),
            symbol: symbol.instrument.id(),
            trade: fill.trade,
            side: part.side,
            liquidity: part.liquidity,
            price: fill.price,
            quantity: fill.quantity,
            quote: fill.quote,
            fee,
            fee_asset: received_asset,
            executed: part.executed,
            executed_quote: part.executed_quote,
            filled: part.filled,
        }));
    }

    /// Takes an order out of book and lists and remembers its client order id.
    pub(crate) fn remove_order(&mut self, slot: Slot) {
        self.accounts.remove_order(slot, &mut self.orders.books);
        self.orders.close(slot, self.time);
    }
}
