//! The words of the venue: units, identifiers, commands, events, refusals, limits.
//!
//! **Invariant:** no I/O, no clock, no randomness, no floating point; every quantity has a type with its unit.
//! **Invariant:** `Ticks × Lots` exists only as [`instrument::Instrument::notional`], which returns overflow as an error.
//!
//! Start reading at [`command`] (what can be asked), then [`event`] (what can come of it).
#![deny(
    missing_docs,
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::integer_division,
    clippy::as_conversions,
    clippy::iter_over_hash_type
)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::integer_division, reason = "tests may calculate"))]

pub mod command;
pub mod event;
pub mod reject;
pub mod order;
pub mod instrument;
pub mod units;
pub mod ids;
pub mod text;
pub mod limits;
pub mod shards;
pub mod shard_map;
pub mod state;
