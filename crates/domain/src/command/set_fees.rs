//! Command: set fees.

use crate::ids::{SymbolId, UserId};
use crate::instrument::Fees;

/// Change the fees of a symbol for orders placed from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetSymbolFees {
    /// The symbol.
    pub symbol: SymbolId,
    /// Its fees from now on.
    pub fees: Fees,
}

/// Give a user fees of their own, on all symbols, for orders placed from now on; or take them away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetUserFees {
    /// The user.
    pub user: UserId,
    /// Their fees from now on; absent: those of the symbol.
    pub fees: Option<Fees>,
}
