//! Command: open order.

use super::place_order::PlaceOrder;
use crate::ids::{SymbolId, UserId};
use crate::order::{OrderKind, Side, TimeInForce};
use crate::text::ClientOrderId;
use crate::units::{Lots, Ticks};

/// Place an order that a user brings along from elsewhere. It rests or is refused: it never takes. As a request it is placed once, even
/// where it has long been filled when it is asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpenOrder {
    /// Whose.
    pub user: UserId,
    /// What to trade.
    pub symbol: SymbolId,
    /// Which way.
    pub side: Side,
    /// At which price.
    pub price: Ticks,
    /// How much is left of it.
    pub quantity: Lots,
    /// The user's name for it.
    pub client_order_id: ClientOrderId,
}

impl OpenOrder {
    /// The order that is placed.
    pub const fn place(&self) -> PlaceOrder {
        let Self { user: _, symbol, side, price, quantity, client_order_id } = *self;
        let kind = OrderKind::Limit { price, quantity, time_in_force: TimeInForce::PostOnly };
        PlaceOrder { symbol, side, kind, client_order_id }
    }
}
