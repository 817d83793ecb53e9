//! Command: place order.

use crate::ids::SymbolId;
use crate::order::{OrderKind, Side};
use crate::text::ClientOrderId;

/// Place an order on the caller's account.
///
/// A client order id that is open: same content = the first answer, other content = refused. One that closed less than
/// `CLOSED_ID_AGE_NS` ago and is among the last `CLOSED_IDS_MAX`: same content = the first answer, other content = a new
/// order. Otherwise: a new order. The content is `symbol`, `side` and `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceOrder {
    /// What to trade.
    pub symbol: SymbolId,
    /// Which way.
    pub side: Side,
    /// How.
    pub kind: OrderKind,
    /// The caller's name for it.
    pub client_order_id: ClientOrderId,
}
