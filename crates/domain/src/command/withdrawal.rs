//! Command: withdrawal.

use crate::ids::{AssetId, UserId, WithdrawalId};
use crate::units::Amount;

/// Lock money that is to leave the venue. Needs `free ≥ amount`; credit does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestWithdrawal {
    /// Whose.
    pub user: UserId,
    /// In what.
    pub asset: AssetId,
    /// How much: positive.
    pub amount: Amount,
}

/// The money of a pending withdrawal has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SettleWithdrawal {
    /// Which.
    pub withdrawal: WithdrawalId,
}

/// The money of a pending withdrawal stays: it is free again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CancelWithdrawal {
    /// Which.
    pub withdrawal: WithdrawalId,
}
