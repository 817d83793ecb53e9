//! Command: set symbol status.

use crate::ids::SymbolId;
use crate::instrument::SymbolStatus;

/// Halt or resume a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetSymbolStatus {
    /// The symbol.
    pub symbol: SymbolId,
    /// Its status from now on.
    pub status: SymbolStatus,
}
