//! Command: cancel all.

use crate::ids::SymbolId;

/// Cancel all open orders of the caller, in the order of their ids; refused if there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CancelAll {
    /// Only those of this symbol.
    pub symbol: Option<SymbolId>,
}
