//! One binary for all tests of the crate. Each test has a table of its own; `DYNAMODB_ENDPOINT` names another service than the tests' own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![allow(clippy::print_stdout, reason = "a failure prints its seed")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

mod feed;
mod proxy;
mod subject;
mod conformance;
mod history;
mod rewind;
mod schema;
mod crash;
mod service;
mod cost;
