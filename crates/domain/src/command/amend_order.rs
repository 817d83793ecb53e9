//! Command: amend order.

use super::OrderRef;
use crate::ids::SymbolId;
use crate::text::ClientOrderId;
use crate::units::Lots;

/// Reduce an open order of the caller to a smaller quantity; it keeps its place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AmendOrder {
    /// The order's symbol.
    pub symbol: SymbolId,
    /// The order.
    pub order: OrderRef,
    /// The new whole quantity, filled part included: less than now and more than what is filled.
    pub quantity: Lots,
    /// The order's client order id from now on; the old one counts as closed. Absent: it stays as it is.
    pub new_client_order_id: Option<ClientOrderId>,
}
