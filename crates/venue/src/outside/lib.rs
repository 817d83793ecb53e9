//! A venue seen from outside: started, killed, asked. What the torture and the tests of the binary stand on.
//!
//! **Invariant:** it knows the venue by its command line and its REST interface only, as anybody does.
//!
//! Start reading at [`process::Running`].

pub mod process;
pub mod http;
pub mod client;
pub mod money;

/// The collections of the archive, as routes name them, but for the closed orders of shards.
pub const COLLECTIONS: [&str; 7] = [
    "completed_trades",
    "audit_logs",
    "klines",
    "historical_positions",
    "market_snapshots",
    "leaderboards",
    "analytics",
];
