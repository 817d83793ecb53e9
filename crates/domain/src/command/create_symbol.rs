//! Command: create symbol.

use crate::ids::AssetId;
use crate::instrument::{Fees, Step, SymbolLimits};
use crate::text::SymbolCode;

/// List a symbol; it is trading at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CreateSymbol {
    /// Its code, not yet in use.
    pub code: SymbolCode,
    /// What is traded.
    pub base: AssetId,
    /// What it is paid in.
    pub quote: AssetId,
    /// Quote per base of one tick.
    pub tick_size: Step,
    /// Base of one lot.
    pub lot_size: Step,
    /// What its orders may be.
    pub limits: SymbolLimits,
    /// Its fees.
    pub fees: Fees,
}
