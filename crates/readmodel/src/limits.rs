//! How much the read model keeps.

/// Rows kept for history reads until every store has them, over all users or symbols together. Where a store is so far
/// behind that rows had to go, reads that need them fail with the missing range; nothing else is affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Closed orders (about 230 bytes each).
    pub closed_orders_max: usize,
    /// Fills (about 180 bytes each).
    pub fills_max: usize,
    /// Ledger rows (about 110 bytes each).
    pub ledger_rows_max: usize,
    /// Trades (about 150 bytes each), beside the last [`RECENT_TRADES`] of each symbol.
    pub trades_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { closed_orders_max: 1_000_000, fills_max: 1_000_000, ledger_rows_max: 1_000_000, trades_max: 1_000_000 }
    }
}

/// Trades of each symbol that are kept however far the stores are: as many as one read can ask for.
pub const RECENT_TRADES: usize = 1_000;

/// Minutes of each symbol that are kept: the 24 hours of the ticker, and the minute that has just begun.
pub const RECENT_MINUTES: u64 = 24 * 60 + 1;

/// Rows a reader looks at before it lets the writer in again.
pub(crate) const ROWS_PER_LOCK: usize = 128;

/// Locks the users are spread over.
pub(crate) const USER_SHARDS: usize = 64;
