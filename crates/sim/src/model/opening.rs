//! What users bring along from elsewhere.

use domain::command::Envelope;
use domain::command::open_order::OpenOrder;
use domain::command::open_position::OpenPosition;
use domain::event::Created;
use domain::limits::AMOUNT_MAX;
use domain::reject::RejectReason;
use domain::state::PositionState;

use super::{Model, Outcome};

impl Model {
    pub(super) fn open_position(&mut self, open: OpenPosition, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        self.target_user(open.user)?;
        self.symbol(open.symbol)?;
        let OpenPosition { user, symbol, quantity, cost, realised } = open;
        if [quantity, cost, realised].iter().any(|amount| amount.0 > AMOUNT_MAX || amount.0 < -AMOUNT_MAX) {
            return Err(RejectReason::InvalidPosition);
        }
        let (long, short) = (quantity.0 > 0 && cost.0 >= 0, quantity.0 < 0 && cost.0 <= 0);
        if !long && !short && cost.0 != 0 {
            return Err(RejectReason::InvalidPosition);
        }
        let there = self.position(user, symbol);
        if there.quantity.0 != 0 || there.cost.0 != 0 || there.realised.0 != 0 {
            return Err(RejectReason::PositionExists);
        }
        self.put_position(PositionState { user, symbol, quantity, cost, realised }, outcome);
        Ok(Created::Nothing)
    }

    pub(super) fn open_order(&mut self, open: &OpenOrder, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        self.target_user(open.user)?;
        let envelope = Envelope { user: open.user, ..Envelope::VENUE };
        self.place_order(&envelope, &open.place(), outcome)?;
        Ok(Created::Nothing)
    }
}
