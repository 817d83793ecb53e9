//! Canceling, amending and replacing what is open.

use domain::command::Envelope;
use domain::command::amend_order::AmendOrder;
use domain::command::cancel_all::CancelAll;
use domain::command::cancel_order::CancelOrder;
use domain::command::replace_order::{ReplaceMode, ReplaceOnlyIf, ReplaceOrder};
use domain::event::{Event, OrderAmended, Refused, RefusedPart};
use domain::ids::UserId;
use domain::order::CloseReason;
use domain::reject::RejectReason;
use domain::state::OrderState;
use domain::units::Lots;

use super::orders::remaining;
use super::{Model, Outcome};

impl Model {
    pub(super) fn cancel_order(
        &mut self,
        user: UserId,
        cancel: &CancelOrder,
        outcome: &mut Outcome,
    ) -> Result<(), RejectReason> {
        self.symbol(cancel.symbol)?;
        let open = self.find_open(user, cancel.symbol, cancel.order).ok_or(RejectReason::UnknownOrder)?;
        self.close_open_order(open.order, CloseReason::Canceled, outcome);
        Ok(())
    }

    pub(super) fn cancel_all(
        &mut self,
        user: UserId,
        cancel: CancelAll,
        outcome: &mut Outcome,
    ) -> Result<(), RejectReason> {
        if let Some(symbol) = cancel.symbol {
            self.symbol(symbol)?;
        }
        let orders = self.open_orders_by_id(user, cancel.symbol);
        if orders.is_empty() {
            return Err(RejectReason::NothingToCancel);
        }
        for order in orders {
            self.close_open_order(order, CloseReason::Canceled, outcome);
        }
        Ok(())
    }

    pub(super) fn amend_order(
        &mut self,
        user: UserId,
        amend: &AmendOrder,
        outcome: &mut Outcome,
    ) -> Result<(), RejectReason> {
        let symbol = self.symbol(amend.symbol)?;
        let named = self.find_open(user, amend.symbol, amend.order);
        let id_in_use = self.state.orders.iter().any(|open| {
            open.user == user
                && Some(open.client_order_id) == amend.new_client_order_id
                && Some(open.order) != named.map(|named| named.order)
        });
        if id_in_use {
            return Err(RejectReason::ClientOrderIdInUse);
        }
        self.check_trading(user, amend.symbol)?;
        let before = named.ok_or(RejectReason::UnknownOrder)?;
        if amend.quantity < symbol.limits.quantity_min {
            return Err(RejectReason::QuantityTooSmall);
        }
        if amend.quantity >= before.quantity {
            return Err(RejectReason::QuantityNotReduced);
        }
        if amend.quantity <= before.executed {
            return Err(RejectReason::QuantityAlreadyFilled);
        }
        let notional = symbol.instrument.notional(before.price, amend.quantity).expect("less than it was");
        if notional < symbol.limits.notional_min {
            return Err(RejectReason::NotionalTooSmall);
        }
        self.reduce(&before, amend, outcome);
        Ok(())
    }

    fn reduce(&mut self, before: &OrderState, amend: &AmendOrder, outcome: &mut Outcome) {
        let client_order_id = amend.new_client_order_id.unwrap_or(before.client_order_id);
        let after = OrderState { quantity: amend.quantity, client_order_id, ..*before };
        let place = self.state.orders.iter().position(|open| open.order == before.order);
        self.state.orders[place.expect("the caller has just found it")] = after;
        let less = before.quantity.checked_sub(after.quantity).expect("the caller has compared them");
        self.free_hold(before, less, outcome);
        if client_order_id != before.client_order_id {
            self.remember_closed(before);
        }
        let execution = self.next_execution(before.user);
        outcome.facts.push(Event::OrderAmended(OrderAmended {
            order: after.order,
            user: after.user,
            execution,
            symbol: after.symbol,
            side: after.side,
            price: after.price,
            quantity: after.quantity,
            remaining: remaining(&after),
            client_order_id,
            previous_client_order_id: before.client_order_id,
        }));
    }

    pub(super) fn replace_order(
        &mut self,
        envelope: &Envelope,
        replace: &ReplaceOrder,
        outcome: &mut Outcome,
    ) -> Result<(), RejectReason> {
        self.symbol(replace.place.symbol)?;
        self.check_trading(envelope.user, replace.place.symbol)?;
        let replaced = match self.cancel_for_replacement(envelope.user, replace, outcome) {
            Ok(canceled) => Some(canceled.order),
            Err(reason) => {
                outcome.facts.push(Event::Refused(Refused { part: RefusedPart::ReplaceCancel, reason }));
                match replace.mode {
                    ReplaceMode::StopOnFailure => return Ok(()),
                    ReplaceMode::AllowFailure => None,
                }
            }
        };
        if let Err(reason) = self.place_on_known_symbol(envelope, &replace.place, replaced, outcome) {
            outcome.facts.push(Event::Refused(Refused { part: RefusedPart::ReplacePlace, reason }));
        }
        Ok(())
    }

    fn cancel_for_replacement(
        &mut self,
        user: UserId,
        replace: &ReplaceOrder,
        outcome: &mut Outcome,
    ) -> Result<OrderState, RejectReason> {
        let open = self.find_open(user, replace.place.symbol, replace.cancel).ok_or(RejectReason::UnknownOrder)?;
        let as_asked = match replace.only_if {
            ReplaceOnlyIf::Open => true,
            ReplaceOnlyIf::New => open.executed == Lots::ZERO,
            ReplaceOnlyIf::PartiallyFilled => open.executed > Lots::ZERO,
        };
        if !as_asked {
            return Err(RejectReason::OrderStateMismatch);
        }
        self.close_open_order(open.order, CloseReason::Replaced, outcome);
        Ok(open)
    }
}
