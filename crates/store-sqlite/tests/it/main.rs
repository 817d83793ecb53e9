//! One binary for all tests of the crate.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![allow(clippy::print_stdout, reason = "a failure prints its seed")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

mod subject;
mod conformance;
mod crash;
mod schema;
mod views;
mod history;
mod rewind;
mod derived;
mod retired;
