//! What users bring along from elsewhere. See "Requests" in `docs/rules.md`.

use domain::command::Envelope;
use domain::command::open_order::OpenOrder;
use domain::command::open_position::OpenPosition;
use domain::event::{Created, Event};
use domain::reject::RejectReason;
use domain::units::Amount;

use crate::apply::Engine;
use crate::positions::Position;
use crate::requests::check;

impl Engine {
    /// The event is that of every position touched, at the end of the command.
    pub(crate) fn open_position(&mut self, request: OpenPosition) -> Result<Created, RejectReason> {
        let OpenPosition { user, symbol, quantity, cost, realised } = request;
        self.check_target(user)?;
        self.symbol_index(symbol)?;
        let in_range = [quantity, cost, realised].iter().all(|amount| Amount::in_range(amount.0).is_some());
        let fits = cost.is_zero() || cost.0.signum() == quantity.0.signum();
        check(in_range && fits, RejectReason::InvalidPosition)?;
        let there = self.accounts.user(user).positions.get(symbol.0).copied().unwrap_or_default();
        check(there == Position::default(), RejectReason::PositionExists)?;
        self.accounts.set_position(user, symbol, Position { quantity, cost, realised });
        Ok(Created::Nothing)
    }

    pub(crate) fn open_order(&mut self, request: &OpenOrder, events: &mut Vec<Event>) -> Result<Created, RejectReason> {
        self.check_target(request.user)?;
        // As the user's own order, of no session and no key.
        let envelope = Envelope { user: request.user, ..Envelope::VENUE };
        self.place_order(&envelope, &request.place(), None, events)?;
        Ok(Created::Nothing)
    }
}
