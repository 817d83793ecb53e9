//! Command: create asset.

use crate::text::AssetCode;

/// List an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CreateAsset {
    /// Its code, not yet in use.
    pub code: AssetCode,
    /// Its decimals, `0 ..= SCALE_MAX`.
    pub scale: u8,
}
