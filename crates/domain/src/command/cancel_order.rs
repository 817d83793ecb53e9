//! Command: cancel order.

use super::OrderRef;
use crate::ids::SymbolId;

/// Cancel what is left of an open order of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CancelOrder {
    /// The order's symbol.
    pub symbol: SymbolId,
    /// The order.
    pub order: OrderRef,
}
