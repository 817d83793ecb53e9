//! Command: open position.

use crate::ids::{SymbolId, UserId};
use crate::units::Amount;

/// Give a user the position they bring along from elsewhere. Moves no money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpenPosition {
    /// Whose: there is no position yet, or nothing is left of it.
    pub user: UserId,
    /// In what.
    pub symbol: SymbolId,
    /// In base; negative: short.
    pub quantity: Amount,
    /// What it cost, in quote: of the same sign as the quantity, or zero.
    pub cost: Amount,
    /// Profit made so far, in quote.
    pub realised: Amount,
}
