//! Cancel, amend, replace, cancel all.

use domain::command::Envelope;
use domain::command::amend_order::AmendOrder;
use domain::command::cancel_all::CancelAll;
use domain::command::cancel_order::CancelOrder;
use domain::command::replace_order::{ReplaceMode, ReplaceOnlyIf, ReplaceOrder};
use domain::event::{Event, OrderAmended, OrderClosed, Refused, RefusedPart, RestedPart};
use domain::ids::{SymbolId, UserId};
use domain::order::CloseReason;
use domain::reject::RejectReason;

use crate::apply::{Engine, index_of};
use crate::books::{Hot, Rests};
use crate::names::NameHash;
use crate::place::is_taken;
use crate::slab::Slot;

impl Engine {
    pub(crate) fn cancel_order(
        &mut self,
        user: UserId,
        cancel: &CancelOrder,
        name: Option<NameHash>,
        events: &mut Vec<Event>,
    ) -> Result<(), RejectReason> {
        self.symbol_index(cancel.symbol)?;
        let slot = self.orders.find(user, cancel.symbol, &cancel.order, name).ok_or(RejectReason::UnknownOrder)?;
        self.close(slot, CloseReason::Canceled, events);
        Ok(())
    }

    pub(crate) fn amend_order(
        &mut self,
        user: UserId,
        amend: &AmendOrder,
        name: Option<NameHash>,
        events: &mut Vec<Event>,
    ) -> Result<(), RejectReason> {
        let symbol_index = self.symbol_index(amend.symbol)?;
        let found = self.orders.find(user, amend.symbol, &amend.order, name);
        if amend.new_client_order_id.is_some_and(|name| is_taken(self, user, &name, found)) {
            return Err(RejectReason::ClientOrderIdInUse);
        }
        self.check_trading(user, symbol_index)?;
        let slot = found.ok_or(RejectReason::UnknownOrder)?;
        let (Hot { order, side, .. }, Rests { price, .. }) =
            (*self.orders.record(slot), *self.orders.books.rests(slot));
        let (before, executed) = (self.orders.quantity(slot), self.orders.details(slot).executed);
        let symbol = &self.symbols[symbol_index];
        if amend.quantity < symbol.limits.quantity_min {
            return Err(RejectReason::QuantityTooSmall);
        }
        if amend.quantity >= before {
            return Err(RejectReason::QuantityNotReduced);
        }
        if amend.quantity <= executed {
            return Err(RejectReason::QuantityAlreadyFilled);
        }
        let notional = symbol.instrument.notional(price, amend.quantity).or(Err(RejectReason::NotionalOverflow))?;
        if notional < symbol.limits.notional_min {
            return Err(RejectReason::NotionalTooSmall);
        }

        let reduced = before.checked_sub(amend.quantity).expect("checked to be less");
        let freed = symbol.hold(side, price, reduced);
        self.accounts.lock(user, symbol.pays(side), freed.negated());
        let remaining = self.orders.books.reduce(slot, reduced);
        let previous_client_order_id = self.orders.details(slot).client_order_id;
        let client_order_id = amend.new_client_order_id.unwrap_or(previous_client_order_id);
        if client_order_id != previous_client_order_id {
            self.orders.rename(slot, client_order_id, self.time);
        }
        events.push(Event::OrderAmended(OrderAmended {
            order,
            user,
            execution: self.accounts.next_execution(user),
            symbol: amend.symbol,
            side,
            price,
            quantity: amend.quantity,
            remaining,
            client_order_id,
            previous_client_order_id,
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
                let order = self.orders.record(slot).order;
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
        if let Err(reason) = self.place_on(envelope, &replace.place, None, canceled, events) {
            events.push(Event::Refused(Refused { part: RefusedPart::ReplacePlace, reason }));
        }
        Ok(())
    }

    fn replaceable(&self, user: UserId, replace: &ReplaceOrder) -> Result<Slot, RejectReason> {
        let found = self.orders.find(user, replace.place.symbol, &replace.cancel, None);
        let slot = found.ok_or(RejectReason::UnknownOrder)?;
        let untouched = self.orders.details(slot).executed.is_zero();
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
    pub(crate) fn open_orders_of(&self, user: UserId, symbol: Option<SymbolId>) -> Vec<Slot> {
        let wanted = |slot: &Slot| symbol.is_none_or(|symbol| self.orders.record(*slot).symbol == symbol);
        self.accounts.orders_of(user, &self.orders.books).filter(wanted).collect()
    }

    pub(crate) fn close_all(&mut self, orders: &[Slot], reason: CloseReason, events: &mut Vec<Event>) {
        for slot in orders {
            self.close(*slot, reason, events);
        }
    }

    fn close(&mut self, slot: Slot, reason: CloseReason, events: &mut Vec<Event>) {
        let Hot { order, user, symbol, side, .. } = *self.orders.record(slot);
        let Rests { price, remaining, .. } = *self.orders.books.rests(slot);
        let listed = &self.symbols[index_of(symbol.0)];
        let held = listed.hold(side, price, remaining);
        self.accounts.lock(user, listed.pays(side), held.negated());
        events.push(Event::OrderClosed(OrderClosed {
            order,
            user,
            execution: self.accounts.next_execution(user),
            symbol,
            side,
            reason,
            rested: Some(RestedPart { price, quantity: remaining }),
        }));
        self.remove_order(slot);
    }
}
