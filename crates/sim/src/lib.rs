//! Checks the venue against a slow, obvious exchange, with commands from a seed and with scenarios a trader can read.
//!
//! **Invariant:** [`model`] shares no code with `engine` beyond `domain`; where both answer alike, two readings of the rules agree.
//! **Invariant:** no clock and no randomness but the seed: the same seed yields the same commands on every machine.
//!
//! Start reading at [`model`]: it is `docs/rules.md` as slow code. Then [`conservation`], and [`differential`], which runs both.

pub mod model;
pub mod conservation;
pub mod random;
pub mod commands;
pub mod feed;
pub mod venue;
pub mod differential;
pub mod crash;
pub mod scenario;
