//! One binary for all tests of the crate. Each test has a server of its own, or a database of its own on the server of `MONGODB_URI`.
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
mod server;
mod retired;
