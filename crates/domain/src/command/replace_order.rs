//! Command: replace order.

use super::OrderRef;
use super::place_order::PlaceOrder;

/// Cancel an open order of the caller and place another on the same symbol, with nothing in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplaceOrder {
    /// The order to cancel; its symbol is the new order's.
    pub cancel: OrderRef,
    /// Cancel only an order in this state.
    pub only_if: ReplaceOnlyIf,
    /// What happens to the new order where the cancel is refused.
    pub mode: ReplaceMode,
    /// The new order.
    pub place: PlaceOrder,
}

/// What happens to the new order where the cancel is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReplaceMode {
    /// It is not placed.
    StopOnFailure,
    /// It is placed all the same.
    AllowFailure,
}

/// In which state the old order must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReplaceOnlyIf {
    /// Open.
    Open,
    /// Open without a fill.
    New,
    /// Open with a fill.
    PartiallyFilled,
}
