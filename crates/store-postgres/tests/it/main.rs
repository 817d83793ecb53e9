//! One binary for all tests of the crate. Each test has a server of its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![allow(clippy::print_stdout, reason = "a failure prints its seed")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

mod subject;
mod conformance;
mod schema;
mod shards;
mod rewind;
mod history;
mod crash;
mod outcome;
mod tls;
mod server;
mod views;
mod moves;
mod elsewhere;
mod ranges;
mod retire;
mod router;
mod diagram;
