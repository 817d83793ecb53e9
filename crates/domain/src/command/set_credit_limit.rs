//! Command: set credit limit.

use crate::ids::{AssetId, UserId};
use crate::units::Amount;

/// Let a user's orders draw an asset below zero, down to `-limit`. Lowering it never touches existing holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetCreditLimit {
    /// Whose.
    pub user: UserId,
    /// In what.
    pub asset: AssetId,
    /// How far; not negative. The total of the asset plus all credit limits stays within `AMOUNT_MAX`.
    pub limit: Amount,
}
