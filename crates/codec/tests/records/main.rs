//! The bytes of our records: pinned, round, and safe against any others.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod examples;
mod faults;
mod golden;
mod hostile;
mod payload;
mod round_trip;
mod strategies;
