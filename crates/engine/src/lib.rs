//! The deterministic engine: commands in, events out.
//!
//! **Invariant:** pure and total. No I/O, clock, randomness, thread or log; same state + same commands = same events on
//! every machine; no command content can make it panic.
//! **Invariant:** money is conserved: every movement is a pair that sums to zero, except deposits and settled withdrawals.
//!
//! The rules are in `docs/rules.md`. Start reading at [`Engine::apply`], then `place` (one order's way), then `books`.
#![deny(
    missing_docs,
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::integer_division,
    clippy::as_conversions,
    clippy::iter_over_hash_type
)]

mod apply;
mod ahead;
mod place;
mod matching;
mod change;
mod requests;
mod opening;
mod shards;
mod accounts;
mod entries;
mod positions;
mod orders;
mod names;
mod books;
mod ladder;
mod id_table;
mod slab;
mod chunks;
mod hash;
mod restore;
mod check;

pub use apply::Engine;
pub use books::Books;
pub use restore::RestoreError;
pub use slab::Slot;
