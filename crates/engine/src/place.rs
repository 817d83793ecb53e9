//! One order's way: checked, accepted, held, matched, rested or closed. See "`PlaceOrder`" in `docs/rules.md`.

use domain::command::Envelope;
use domain::command::place_order::PlaceOrder;
use domain::event::{Event, OrderClosed, OrderPlaced, OrderRepeated};
use domain::ids::{AssetId, OrderId, SessionId, SymbolId, UserId};
use domain::instrument::SymbolLimits;
use domain::limits::{LOTS_MAX, OPEN_ORDERS_PER_USER_MAX};
use domain::order::{CloseReason, MarketSize, OrderKind, Side, TimeInForce};
use domain::reject::RejectReason;
use domain::text::ClientOrderId;
use domain::units::{Amount, Lots, Ticks};

use crate::apply::{Engine, Symbol, index_of};
use crate::books::{Hot, Link};
use crate::matching::{Pays, Taker};
use crate::names::NameHash;
use crate::orders::Details;

/// What an order was checked to be: the numbers the rest of its way needs.
#[derive(Debug, Clone, Copy)]
struct Checked {
    /// Held from free; nothing for a market order.
    hold: Amount,
    /// Worst price; absent: any.
    worst: Option<Ticks>,
    quantity: Lots,
    quote: Option<Amount>,
}

impl Engine {
    pub(crate) fn place_order(
        &mut self,
        envelope: &Envelope,
        order: &PlaceOrder,
        name: Option<NameHash>,
        events: &mut Vec<Event>,
    ) -> Result<(), RejectReason> {
        self.symbol_index(order.symbol)?;
        self.place_on(envelope, order, name, None, events)
    }

    /// Steps 2 and on of placing an order on a symbol that exists. `replaced`: the order canceled by the same
    /// command, of which no remembered client order id counts.
    pub(crate) fn place_on(
        &mut self,
        envelope: &Envelope,
        order: &PlaceOrder,
        name: Option<NameHash>,
        replaced: Option<OrderId>,
        events: &mut Vec<Event>,
    ) -> Result<(), RejectReason> {
        let symbol = index_of(order.symbol.0);
        let name = name.unwrap_or_else(|| NameHash::of(envelope.user, &order.client_order_id));
        if let Some(repeated) = self.find_repeated(envelope.user, order, name, replaced)? {
            events.push(Event::OrderRepeated(repeated));
            return Ok(());
        }
        self.check_trading(envelope.user, symbol)?;
        let counter = self.last_order.saturating_add(1);
        let id = OrderId::new(self.cell, counter).ok_or(RejectReason::OrderIdsExhausted)?;
        let checked = self.check_order(symbol, envelope.user, order)?;

        self.last_order = counter;
        let fees = self.accounts.user(envelope.user).fees().unwrap_or(self.symbols[symbol].fees);
        events.push(Event::OrderPlaced(OrderPlaced {
            order: id,
            user: envelope.user,
            execution: self.accounts.next_execution(envelope.user),
            symbol: order.symbol,
            side: order.side,
            kind: order.kind,
            client_order_id: order.client_order_id,
            fees,
        }));
        let paid = self.symbols[symbol].pays(order.side);
        self.accounts.lock(envelope.user, paid, checked.hold);
        let mut taker = Taker {
            order: id,
            user: envelope.user,
            side: order.side,
            worst: checked.worst,
            fees,
            pays: match order.kind {
                OrderKind::Limit { price, .. } => Pays::FromHold { price },
                OrderKind::Market { .. } => Pays::FromFree,
            },
            remaining: checked.quantity,
            quote_left: checked.quote,
            executed: Lots::ZERO,
            executed_quote: Amount::ZERO,
            filled: false,
        };
        let stop = self.match_order(order.symbol, order.kind, &mut taker, events);
        self.finish(envelope.session, order, name, &taker, stop, events);
        Ok(())
    }

    fn find_repeated(
        &self,
        user: UserId,
        order: &PlaceOrder,
        name: NameHash,
        replaced: Option<OrderId>,
    ) -> Result<Option<OrderRepeated>, RejectReason> {
        let Some(slot) = self.orders.by_name(name, user, &order.client_order_id) else { return Ok(None) };
        let (known, details) = (self.orders.record(slot), self.orders.details(slot));
        let same = known.symbol == order.symbol && known.side == order.side && details.kind == order.kind;
        let repeated = OrderRepeated { order: known.order, first: details.placed };
        if self.orders.is_open(slot) {
            return if same { Ok(Some(repeated)) } else { Err(RejectReason::ClientOrderIdInUse) };
        }
        Ok((same && replaced != Some(known.order)).then_some(repeated))
    }

    fn check_order(&self, symbol: usize, user: UserId, order: &PlaceOrder) -> Result<Checked, RejectReason> {
        let symbol = &self.symbols[symbol];
        let limits = &symbol.limits;
        let best = || self.orders.books.best(order.symbol, order.side.opposite());
        match order.kind {
            OrderKind::Limit { price, quantity, time_in_force } => {
                check_quantity(limits, quantity)?;
                check_price(limits, price)?;
                let notional = symbol.instrument.notional(price, quantity).or(Err(RejectReason::NotionalOverflow))?;
                let base = symbol.instrument.base_amount(quantity).or(Err(RejectReason::NotionalOverflow))?;
                check_notional(limits, notional)?;
                if let (Some(band), Some(last)) = (limits.band, symbol.last_price) {
                    let (lowest, highest) = band.around(last);
                    if price < lowest || price > highest {
                        return Err(RejectReason::PriceOutsideBand);
                    }
                }
                match time_in_force {
                    TimeInForce::GoodTilCanceled => self.check_open_orders(user)?,
                    TimeInForce::PostOnly => {
                        self.check_open_orders(user)?;
                        if best().is_some_and(|best| order.side.accepts(price, best)) {
                            return Err(RejectReason::WouldTrade);
                        }
                    }
                    TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => {}
                }
                let hold = match order.side {
                    Side::Buy => notional,
                    Side::Sell => base,
                };
                if self.accounts.user(user).available(symbol.pays(order.side)) < hold {
                    return Err(RejectReason::InsufficientFunds);
                }
                Ok(Checked { hold, worst: Some(price), quantity, quote: None })
            }
            OrderKind::Market { size } => {
                let (quantity, quote) = check_market_size(symbol, size)?;
                let worst = symbol.worst_market_price(order.side);
                if let Some(best) = best().filter(|best| worst.is_none_or(|worst| order.side.accepts(worst, *best))) {
                    // It must be able to pay for one lot, if there is anything to trade with.
                    let available = self.accounts.user(user).available(symbol.pays(order.side));
                    if symbol.lots_payable(order.side, best, available).is_zero() {
                        return Err(RejectReason::InsufficientFunds);
                    }
                }
                Ok(Checked { hold: Amount::ZERO, worst, quantity, quote })
            }
        }
    }

    fn check_open_orders(&self, user: UserId) -> Result<(), RejectReason> {
        if self.accounts.user(user).open_orders >= OPEN_ORDERS_PER_USER_MAX {
            return Err(RejectReason::TooManyOpenOrders);
        }
        Ok(())
    }

    /// Rests what is left of the order, or closes it, or remembers that it was filled.
    fn finish(
        &mut self,
        session: SessionId,
        order: &PlaceOrder,
        name: NameHash,
        taker: &Taker,
        stop: Option<CloseReason>,
        events: &mut Vec<Event>,
    ) {
        let record = Hot {
            order: taker.order,
            user: taker.user,
            symbol: order.symbol,
            of_user: Link::default(),
            rests: None,
            name,
            side: order.side,
        };
        let details = Details {
            kind: order.kind,
            executed_quote: taker.executed_quote,
            executed: taker.executed,
            fees: taker.fees,
            session,
            placed: self.seq,
            placed_time: self.time,
            client_order_id: order.client_order_id,
        };
        match rests_at(order.kind) {
            Some(price) if !taker.filled && stop.is_none() => {
                let slot = self.orders.insert(&record, details);
                self.orders.books.queue(slot, price, taker.remaining);
                self.accounts.add_order(slot, &mut self.orders.books);
            }
            Some(_) | None => {
                if !taker.filled {
                    self.release_taker(order.symbol, taker);
                    events.push(Event::OrderClosed(OrderClosed {
                        order: taker.order,
                        user: taker.user,
                        execution: self.accounts.next_execution(taker.user),
                        symbol: order.symbol,
                        side: order.side,
                        reason: stop.unwrap_or(CloseReason::NoLiquidity),
                        rested: None,
                    }));
                }
                self.orders.remember_new(&record, details, self.time);
            }
        }
    }

    fn release_taker(&mut self, symbol: SymbolId, taker: &Taker) {
        if let Pays::FromHold { price } = taker.pays {
            let symbol = &self.symbols[index_of(symbol.0)];
            let held = symbol.hold(taker.side, price, taker.remaining);
            self.accounts.lock(taker.user, symbol.pays(taker.side), held.negated());
        }
    }
}

/// The price at which an order of this kind rests, if it does.
fn rests_at(kind: OrderKind) -> Option<Ticks> {
    match kind {
        OrderKind::Limit { price, time_in_force, .. } => match time_in_force {
            TimeInForce::GoodTilCanceled | TimeInForce::PostOnly => Some(price),
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => None,
        },
        OrderKind::Market { .. } => None,
    }
}

impl Symbol {
    /// The asset an order of this side pays with.
    pub(crate) fn pays(&self, side: Side) -> AssetId {
        match side {
            Side::Buy => self.instrument.quote(),
            Side::Sell => self.instrument.base(),
        }
    }

    /// What an accepted limit order holds for so many lots.
    pub(crate) fn hold(&self, side: Side, price: Ticks, quantity: Lots) -> Amount {
        match side {
            Side::Buy => self.instrument.notional(price, quantity),
            Side::Sell => self.instrument.base_amount(quantity),
        }
        .expect("the whole order was checked when it was placed")
    }

    /// Most lots that an order of this side can pay for (deliver) with `available`.
    pub(crate) fn lots_payable(&self, side: Side, price: Ticks, available: Amount) -> Lots {
        match side {
            Side::Buy => self.instrument.lots_for_quote(price, available),
            Side::Sell => self.instrument.lots_for_base(available),
        }
    }

    /// The worst price of a market order; absent where no band applies.
    fn worst_market_price(&self, side: Side) -> Option<Ticks> {
        let (lowest, highest) = self.limits.band?.around(self.last_price?);
        Some(match side {
            Side::Buy => highest,
            Side::Sell => lowest,
        })
    }
}

/// Quantity and quote amount a market order starts with.
fn check_market_size(symbol: &Symbol, size: MarketSize) -> Result<(Lots, Option<Amount>), RejectReason> {
    match size {
        MarketSize::Quantity(quantity) => {
            check_quantity(&symbol.limits, quantity)?;
            symbol.instrument.base_amount(quantity).or(Err(RejectReason::NotionalOverflow))?;
            Ok((quantity, None))
        }
        MarketSize::Quote(quote) => {
            if !quote.is_positive() {
                return Err(RejectReason::NotionalTooSmall);
            }
            check_notional(&symbol.limits, quote)?;
            Ok((Lots(LOTS_MAX), Some(quote)))
        }
    }
}

fn check_quantity(limits: &SymbolLimits, quantity: Lots) -> Result<(), RejectReason> {
    if quantity < limits.quantity_min {
        return Err(RejectReason::QuantityTooSmall);
    }
    if quantity > limits.quantity_max {
        return Err(RejectReason::QuantityTooLarge);
    }
    Ok(())
}

fn check_price(limits: &SymbolLimits, price: Ticks) -> Result<(), RejectReason> {
    if price < limits.price_min {
        return Err(RejectReason::PriceTooLow);
    }
    if price > limits.price_max {
        return Err(RejectReason::PriceTooHigh);
    }
    Ok(())
}

fn check_notional(limits: &SymbolLimits, notional: Amount) -> Result<(), RejectReason> {
    if notional < limits.notional_min {
        return Err(RejectReason::NotionalTooSmall);
    }
    if notional > limits.notional_max {
        return Err(RejectReason::NotionalTooLarge);
    }
    Ok(())
}

/// A client order id in use by another order of the user than `own`.
pub(crate) fn is_taken(engine: &Engine, user: UserId, name: &ClientOrderId, own: Option<crate::slab::Slot>) -> bool {
    let found = engine.orders.by_name(NameHash::of(user, name), user, name);
    found.is_some_and(|slot| engine.orders.is_open(slot) && Some(slot) != own)
}
