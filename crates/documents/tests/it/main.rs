//! One binary for all tests of the crate.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod round_trip;
