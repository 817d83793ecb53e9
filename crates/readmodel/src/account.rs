//! What one user has, as reads show it.

use domain::ids::{AssetId, SymbolId};
use domain::units::Amount;

/// Money of one user in one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// In what.
    pub asset: AssetId,
    /// Free; negative where credit is drawn.
    pub free: Amount,
    /// Held by open orders and pending withdrawals.
    pub locked: Amount,
    /// How far below zero orders may draw.
    pub credit_limit: Amount,
}

/// What one user has traded on one symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// In which symbol.
    pub symbol: SymbolId,
    /// In base minor units; negative: short.
    pub quantity: Amount,
    /// What the open quantity cost, with the sign of the quantity.
    pub cost: Amount,
    /// Profit of what was closed so far.
    pub realised: Amount,
}
