//! Command: set symbol limits.

use crate::ids::SymbolId;
use crate::instrument::SymbolLimits;

/// Change what a symbol's orders may be. Resting orders stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetSymbolLimits {
    /// The symbol.
    pub symbol: SymbolId,
    /// Its limits from now on.
    pub limits: SymbolLimits,
}
