//! Placing an order: what is checked, in which order, and what becomes of it.

use domain::command::place_order::PlaceOrder;
use domain::command::{Envelope, OrderRef};
use domain::event::{Event, OrderClosed, OrderPlaced, OrderRepeated, RestedPart};
use domain::ids::{OrderId, SymbolId, UserId};
use domain::instrument::SymbolStatus;
use domain::limits::{LOTS_MAX, OPEN_ORDERS_PER_USER_MAX, TICKS_MAX};
use domain::order::{CloseReason, MarketSize, OrderKind, Side, TimeInForce};
use domain::reject::RejectReason;
use domain::state::{OrderState, SymbolState};
use domain::units::{Amount, Lots, Ticks};

use super::matching::Matched;
use super::money::hold;
use super::{Model, Outcome};

impl Model {
    pub(super) fn place_order(
        &mut self,
        envelope: &Envelope,
        place: &PlaceOrder,
        outcome: &mut Outcome,
    ) -> Result<(), RejectReason> {
        self.symbol(place.symbol)?;
        self.place_on_known_symbol(envelope, place, None, outcome)
    }

    /// Steps 2 to 7, and the order itself. `replaced` is the order that a replacement has just canceled.
    pub(super) fn place_on_known_symbol(
        &mut self,
        envelope: &Envelope,
        place: &PlaceOrder,
        replaced: Option<OrderId>,
        outcome: &mut Outcome,
    ) -> Result<(), RejectReason> {
        if let Some(repeated) = self.find_repeated(envelope.user, place, replaced)? {
            outcome.facts.push(Event::OrderRepeated(repeated));
            return Ok(());
        }
        self.check_trading(envelope.user, place.symbol)?;
        let counter = self.state.last_order + 1;
        let id = OrderId::new(self.state.cell, counter).ok_or(RejectReason::OrderIdsExhausted)?;
        let symbol = self.symbol(place.symbol)?;
        check_kind(&symbol, place.kind)?;
        self.check_room(envelope.user, place.kind)?;
        self.check_would_trade(place)?;
        self.check_funds(envelope.user, place, &symbol)?;

        self.state.last_order = counter;
        let order = OrderState {
            order: id,
            user: envelope.user,
            session: envelope.session,
            symbol: place.symbol,
            side: place.side,
            kind: place.kind,
            client_order_id: place.client_order_id,
            price: worst_price(&symbol, place.side, place.kind),
            quantity: whole_quantity(place.kind),
            executed: Lots::ZERO,
            executed_quote: Amount::ZERO,
            fees: self.user(envelope.user).fees.unwrap_or(symbol.fees),
            placed: self.state.seq,
            placed_time: self.state.time,
        };
        self.carry_out_order(order, outcome);
        Ok(())
    }

    fn carry_out_order(&mut self, mut order: OrderState, outcome: &mut Outcome) {
        let execution = self.next_execution(order.user);
        outcome.facts.push(Event::OrderPlaced(OrderPlaced {
            order: order.order,
            user: order.user,
            execution,
            symbol: order.symbol,
            side: order.side,
            kind: order.kind,
            client_order_id: order.client_order_id,
            fees: order.fees,
        }));
        self.hold_whole(&order, outcome);
        let reason = match (self.match_order(&mut order, outcome), time_in_force(order.kind)) {
            (Matched::Filled, _) => {
                self.remember_closed(&order);
                return;
            }
            (Matched::NothingToTradeWith, Some(TimeInForce::GoodTilCanceled | TimeInForce::PostOnly)) => {
                self.rest(order);
                return;
            }
            (Matched::NothingToTradeWith, _) => CloseReason::NoLiquidity,
            (Matched::Stopped(reason), _) => reason,
        };
        self.close_order(&order, None, reason, outcome);
    }

    /// Behind all others at its price.
    fn rest(&mut self, order: OrderState) {
        let place = self.state.orders.partition_point(|other| rank(other) <= rank(&order));
        self.state.orders.insert(place, order);
    }

    pub(super) fn close_open_order(&mut self, id: OrderId, reason: CloseReason, outcome: &mut Outcome) {
        let place = self.state.orders.iter().position(|order| order.order == id);
        let order = self.state.orders.remove(place.expect("the caller has just found it"));
        let rested = RestedPart { price: order.price, quantity: remaining(&order) };
        self.close_order(&order, Some(rested), reason, outcome);
    }

    fn close_order(
        &mut self,
        order: &OrderState,
        rested: Option<RestedPart>,
        reason: CloseReason,
        outcome: &mut Outcome,
    ) {
        let execution = self.next_execution(order.user);
        outcome.facts.push(Event::OrderClosed(OrderClosed {
            order: order.order,
            user: order.user,
            execution,
            symbol: order.symbol,
            side: order.side,
            reason,
            rested,
        }));
        self.free_hold(order, remaining(order), outcome);
        self.remember_closed(order);
    }

    fn hold_whole(&mut self, order: &OrderState, outcome: &mut Outcome) {
        self.move_hold(order, order.quantity, 1, outcome);
    }

    pub(super) fn free_hold(&mut self, order: &OrderState, quantity: Lots, outcome: &mut Outcome) {
        self.move_hold(order, quantity, -1, outcome);
    }

    fn move_hold(&mut self, order: &OrderState, quantity: Lots, direction: i128, outcome: &mut Outcome) {
        match order.kind {
            OrderKind::Limit { .. } => {
                let instrument = self.state.symbols[order.symbol.0 as usize].instrument;
                let (asset, held) = hold(&instrument, order.side, order.price, quantity);
                self.move_money(order.user, asset, -direction * held.0, direction * held.0, outcome);
            }
            OrderKind::Market { .. } => {}
        }
    }

    /// Step 2: the order this one repeats, if it does.
    fn find_repeated(
        &self,
        user: UserId,
        place: &PlaceOrder,
        replaced: Option<OrderId>,
    ) -> Result<Option<OrderRepeated>, RejectReason> {
        let content = (place.symbol, place.side, place.kind);
        let mut open = self.state.orders.iter();
        if let Some(open) = open.find(|open| open.user == user && open.client_order_id == place.client_order_id) {
            if (open.symbol, open.side, open.kind) != content {
                return Err(RejectReason::ClientOrderIdInUse);
            }
            return Ok(Some(OrderRepeated { order: open.order, first: open.placed }));
        }
        let closed = self.find_closed(user, place.client_order_id);
        let counts = closed.filter(|closed| Some(closed.order) != replaced);
        let same = counts.filter(|closed| (closed.symbol, closed.side, closed.kind) == content);
        Ok(same.map(|closed| OrderRepeated { order: closed.order, first: closed.placed }))
    }

    pub(super) fn check_trading(&mut self, user: UserId, symbol: SymbolId) -> Result<(), RejectReason> {
        if self.state.killed {
            return Err(RejectReason::VenueKilled);
        }
        if self.user(user).killed {
            return Err(RejectReason::UserKilled);
        }
        match self.symbol(symbol)?.status {
            SymbolStatus::Halted => Err(RejectReason::SymbolHalted),
            SymbolStatus::Trading => Ok(()),
        }
    }

    /// Step 5.
    fn check_room(&self, user: UserId, kind: OrderKind) -> Result<(), RejectReason> {
        let open = self.state.orders.iter().filter(|open| open.user == user).count();
        match time_in_force(kind) {
            Some(TimeInForce::GoodTilCanceled | TimeInForce::PostOnly) if open >= OPEN_ORDERS_PER_USER_MAX as usize => {
                Err(RejectReason::TooManyOpenOrders)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Step 6.
    fn check_would_trade(&self, place: &PlaceOrder) -> Result<(), RejectReason> {
        match place.kind {
            OrderKind::Limit { price, time_in_force: TimeInForce::PostOnly, .. }
                if self.best_opposite(place.symbol, place.side, price).is_some() =>
            {
                Err(RejectReason::WouldTrade)
            }
            OrderKind::Limit { .. } | OrderKind::Market { .. } => Ok(()),
        }
    }

    /// Step 7.
    fn check_funds(&self, user: UserId, place: &PlaceOrder, symbol: &SymbolState) -> Result<(), RejectReason> {
        let needed = match place.kind {
            OrderKind::Limit { price, quantity, .. } => Some((price, quantity)),
            OrderKind::Market { .. } => {
                let worst = worst_price(symbol, place.side, place.kind);
                self.best_opposite(place.symbol, place.side, worst).map(|best| (best.price, Lots(1)))
            }
        };
        let Some((price, quantity)) = needed else { return Ok(()) };
        let (asset, held) = hold(&symbol.instrument, place.side, price, quantity);
        if self.available(user, asset) < held { Err(RejectReason::InsufficientFunds) } else { Ok(()) }
    }

    /// The caller's open order on that symbol.
    pub(super) fn find_open(&self, user: UserId, symbol: SymbolId, name: OrderRef) -> Option<OrderState> {
        let mut own = self.state.orders.iter().filter(|open| open.user == user && open.symbol == symbol);
        let named = own.find(|open| match name {
            OrderRef::Id(id) => open.order == id,
            OrderRef::Client(client_order_id) => open.client_order_id == client_order_id,
        });
        named.copied()
    }

    pub(super) fn open_orders_by_id(&self, user: UserId, symbol: Option<SymbolId>) -> Vec<OrderId> {
        let own = self.state.orders.iter().filter(|open| open.user == user);
        let asked = own.filter(|open| symbol.is_none_or(|symbol| open.symbol == symbol));
        let mut ids: Vec<OrderId> = asked.map(|open| open.order).collect();
        ids.sort();
        ids
    }
}

pub(super) fn remaining(order: &OrderState) -> Lots {
    order.quantity.checked_sub(order.executed).expect("nothing fills beyond its quantity")
}

/// Where an order stands in [`domain::state::State::orders`], but for the time it came.
fn rank(order: &OrderState) -> (SymbolId, Side, i128) {
    let price = i128::from(order.price.0);
    match order.side {
        Side::Buy => (order.symbol, order.side, -price),
        Side::Sell => (order.symbol, order.side, price),
    }
}

fn time_in_force(kind: OrderKind) -> Option<TimeInForce> {
    match kind {
        OrderKind::Limit { time_in_force, .. } => Some(time_in_force),
        OrderKind::Market { .. } => None,
    }
}

fn whole_quantity(kind: OrderKind) -> Lots {
    match kind {
        OrderKind::Limit { quantity, .. } | OrderKind::Market { size: MarketSize::Quantity(quantity) } => quantity,
        OrderKind::Market { size: MarketSize::Quote(_) } => Lots(LOTS_MAX),
    }
}

/// Where no band applies, the worst price of a market order is the end of the range of prices.
fn worst_price(symbol: &SymbolState, side: Side, kind: OrderKind) -> Ticks {
    match kind {
        OrderKind::Limit { price, .. } => price,
        OrderKind::Market { .. } => {
            let (lowest, highest) = band(symbol).unwrap_or((Ticks(1), Ticks(TICKS_MAX)));
            match side {
                Side::Buy => highest,
                Side::Sell => lowest,
            }
        }
    }
}

fn band(symbol: &SymbolState) -> Option<(Ticks, Ticks)> {
    Some(symbol.limits.band?.around(symbol.last_price?))
}

/// Step 4.
fn check_kind(symbol: &SymbolState, kind: OrderKind) -> Result<(), RejectReason> {
    let SymbolState { limits, instrument, .. } = symbol;
    match kind {
        OrderKind::Limit { price, quantity, .. } => {
            check_quantity(symbol, quantity)?;
            if price < limits.price_min {
                return Err(RejectReason::PriceTooLow);
            }
            if price > limits.price_max {
                return Err(RejectReason::PriceTooHigh);
            }
            let (Ok(notional), Ok(_)) = (instrument.notional(price, quantity), instrument.base_amount(quantity)) else {
                return Err(RejectReason::NotionalOverflow);
            };
            check_notional(symbol, notional)?;
            if band(symbol).is_some_and(|(lowest, highest)| price < lowest || price > highest) {
                return Err(RejectReason::PriceOutsideBand);
            }
            Ok(())
        }
        OrderKind::Market { size: MarketSize::Quantity(quantity) } => {
            check_quantity(symbol, quantity)?;
            instrument.base_amount(quantity).map_err(|_overflow| RejectReason::NotionalOverflow)?;
            Ok(())
        }
        OrderKind::Market { size: MarketSize::Quote(amount) } => {
            if !amount.is_positive() {
                return Err(RejectReason::NotionalTooSmall);
            }
            check_notional(symbol, amount)
        }
    }
}

fn check_quantity(symbol: &SymbolState, quantity: Lots) -> Result<(), RejectReason> {
    if quantity < symbol.limits.quantity_min {
        return Err(RejectReason::QuantityTooSmall);
    }
    if quantity > symbol.limits.quantity_max {
        return Err(RejectReason::QuantityTooLarge);
    }
    Ok(())
}

fn check_notional(symbol: &SymbolState, notional: Amount) -> Result<(), RejectReason> {
    if notional < symbol.limits.notional_min {
        return Err(RejectReason::NotionalTooSmall);
    }
    if notional > symbol.limits.notional_max {
        return Err(RejectReason::NotionalTooLarge);
    }
    Ok(())
}
