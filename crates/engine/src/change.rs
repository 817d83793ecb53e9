//! Cancel, amend, replace, cancel all.

use domain::command::Envelope;
use domain::command::amend_order::AmendOrder;
use domain::command::cancel_all::CancelAll;
use domain::command::cancel_order::CancelOrder;
use domain::command::replace_order::{ReplaceMode, ReplaceOnlyIf, ReplaceOrder};
use domain::event::{Event, OrderAmended, OrderClosed, Refused, RefusedPart, RestedPart};
use domain::ids::{OrderId, SymbolId, UserId};
use domain::order::CloseReason;
use domain::reject::RejectReason;

use crate::apply::{Engine, index_of};
use crate::place::is_taken;
use crate::slab::Slot;

impl Engine {
    pub(crate) fn cancel_order(
        &mut self,
        user: UserId,
        cancel: &CancelOrder,
        events: &mut Vec<Event>,
    ) -> Result<(), RejectReason> {
        self.symbol_index(cancel.symbol)?;
        let slot = self.orders.find(user, cancel.symbol, &cancel.order).ok_or(RejectReason::UnknownOrder)?;
        self.close(slot, CloseReason::Canceled, events);
        Ok(())
    }

    pub(crate) fn amend_order(
        &mut self,
        user: UserId,
        amend: &AmendOrder,
        events: &mut Vec<Event>,
    ) -> Result<(), RejectReason> {
        let symbol_index = self.symbol_index(amend.symbol)?;
        let found = self.orders.find(user, amend.symbol, &amend.order);
        if amend.new_client_order_id.is_some_and(|name| is_taken(self, user, &name, found)) {
            return Err(RejectReason::ClientOrderIdInUse);
        }
        self.check_trading(user, symbol_index)?;
        let slot = found.ok_or(RejectReason::UnknownOrder)?;
        let before = self.orders[slot];
        let symbol = &self.symbols[symbol_index];
        if amend.quantity < symbol.limits.quantity_min {
            return Err(RejectReason::QuantityTooSmall);
        }
        if amend.quantity >= before.quantity {
            return Err(RejectReason::QuantityNotReduced);
        }
        if amend.quantity <= before.executed {
            return Err(RejectReason::QuantityAlreadyFilled);
        }
        let notional =
            symbol.instrument.notional(before.price, amend.quantity).or(Err(RejectReason::NotionalOverflow))?;
        if notional < symbol.limits.notional_min {
            return Err(RejectReason::NotionalTooSmall);
        }

        let reduced = before.quantity.checked_sub(amend.quantity).expect("checked to be less");
        let freed = symbol.hold(before.side, before.price, reduced);
        self.accounts.lock(user, symbol.pays(before.side), freed.negated());
        self.orders[slot].quantity = amend.quantity;
        let name = amend.new_client_order_id.unwrap_or(before.client_order_id);
        if name != before.client_order_id {
            self.orders.rename(slot, name);
            self.closed.remember(before.closed_id(self.time));
        }
        events.push(Event::OrderAmended(OrderAmended {
            order: before.order,
            user,
            execution: self.accounts.next_execution(user),
            symbol: amend.symbol,
            side: before.side,
            price: before.price,
            quantity: amend.quantity,
            remaining: self.orders[slot].remaining(),
            client_order_id: name,
            previous_client_order_id: before.client_order_id,
        }));
        Ok(())
    }

    pub(crate) fn replace_order(
        &mut self,
        envelope: &Envelope,
        replace: &ReplaceOrder,
        events: &mut Vec<Event>,
    ) -> Result<(), RejectReason> {
        let symbol = self.symbol_index(replace.place.symbol)?;
        self.check_trading(envelope.user, symbol)?;
        let canceled = match self.replaceable(envelope.user, replace) {
            Ok(slot) => {
                let order = self.orders[slot].order;
                self.close(slot, CloseReason::Replaced, events);
                Some(order)
            }
            Err(reason) => {
                events.push(Event::Refused(Refused { part: RefusedPart::ReplaceCancel, reason }));
                match replace.mode {
                    ReplaceMode::StopOnFailure => return Ok(()),
                    ReplaceMode::AllowFailure => None,
                }
            }
        };
        if let Err(reason) = self.place_on(symbol, envelope, &replace.place, canceled, events) {
            events.push(Event::Refused(Refused { part: RefusedPart::ReplacePlace, reason }));
        }
        Ok(())
    }

    fn replaceable(&self, user: UserId, replace: &ReplaceOrder) -> Result<Slot, RejectReason> {
        let slot = self.orders.find(user, replace.place.symbol, &replace.cancel).ok_or(RejectReason::UnknownOrder)?;
        let untouched = self.orders[slot].executed.is_zero();
        let matches = match replace.only_if {
            ReplaceOnlyIf::Open => true,
            ReplaceOnlyIf::New => untouched,
            ReplaceOnlyIf::PartiallyFilled => !untouched,
        };
        if matches { Ok(slot) } else { Err(RejectReason::OrderStateMismatch) }
    }

    pub(crate) fn cancel_all(
        &mut self,
        user: UserId,
        cancel: CancelAll,
        events: &mut Vec<Event>,
    ) -> Result<(), RejectReason> {
        if let Some(symbol) = cancel.symbol {
            self.symbol_index(symbol)?;
        }
        let orders = self.open_orders_of(user, cancel.symbol);
        if orders.is_empty() {
            return Err(RejectReason::NothingToCancel);
        }
        self.close_all(&orders, CloseReason::Canceled, events);
        Ok(())
    }

    /// The user's open orders in the order of their ids.
    pub(crate) fn open_orders_of(&self, user: UserId, symbol: Option<SymbolId>) -> Vec<OrderId> {
        let wanted = |id: &OrderId| {
            let slot = self.orders.by_id(*id);
            slot.is_some_and(|slot| symbol.is_none_or(|symbol| self.orders[slot].symbol == symbol))
        };
        self.accounts.user(user).order_ids().iter().copied().filter(wanted).collect()
    }

    pub(crate) fn close_all(&mut self, orders: &[OrderId], reason: CloseReason, events: &mut Vec<Event>) {
        for order in orders {
            let slot = self.orders.by_id(*order).expect("the order was open a moment ago");
            self.close(slot, reason, events);
        }
    }

    fn close(&mut self, slot: Slot, reason: CloseReason, events: &mut Vec<Event>) {
        let order = self.orders[slot];
        let symbol_index = index_of(order.symbol.0);
        let symbol = &self.symbols[symbol_index];
        let held = symbol.hold(order.side, order.price, order.remaining());
        self.accounts.lock(order.user, symbol.pays(order.side), held.negated());
        events.push(Event::OrderClosed(OrderClosed {
            order: order.order,
            user: order.user,
            execution: self.accounts.next_execution(order.user),
            symbol: order.symbol,
            side: order.side,
            reason,
            rested: Some(RestedPart { price: order.price, quantity: order.remaining() }),
        }));
        self.remove_order(symbol_index, slot);
    }
}
