//! Command: deposit.

use crate::ids::{AssetId, UserId};
use crate::units::Amount;

/// Credit a user with money that came in from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deposit {
    /// Whom.
    pub user: UserId,
    /// In what.
    pub asset: AssetId,
    /// How much: positive, and the total of the asset (plus all credit limits) stays within `AMOUNT_MAX`.
    pub amount: Amount,
}
