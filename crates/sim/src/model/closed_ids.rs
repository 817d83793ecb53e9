//! The client order ids of closed orders, remembered for a while.

use domain::ids::UserId;
use domain::limits::{CLOSED_ID_AGE_NS, CLOSED_IDS_MAX};
use domain::state::{ClosedIdState, OrderState};
use domain::text::ClientOrderId;

use super::Model;

impl Model {
    pub(super) fn forget_old_ids(&mut self) {
        let now = self.state.time;
        self.state.closed_ids.retain(|closed| now.since(closed.closed_time) < CLOSED_ID_AGE_NS);
    }

    /// Remembers the id the order has now.
    pub(super) fn remember_closed(&mut self, order: &OrderState) {
        self.state.closed_ids.push(ClosedIdState {
            user: order.user,
            client_order_id: order.client_order_id,
            order: order.order,
            symbol: order.symbol,
            side: order.side,
            kind: order.kind,
            placed: order.placed,
            closed_time: self.state.time,
        });
        if self.state.closed_ids.len() > CLOSED_IDS_MAX {
            self.state.closed_ids.remove(0);
        }
    }

    /// The latest with that name.
    pub(super) fn find_closed(&self, user: UserId, client_order_id: ClientOrderId) -> Option<ClosedIdState> {
        let mut latest_first = self.state.closed_ids.iter().rev();
        latest_first.find(|closed| closed.user == user && closed.client_order_id == client_order_id).copied()
    }
}
