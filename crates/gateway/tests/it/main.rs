//! The gateway over a real engine and a real read model: requests as clients send them, answers as they read them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod venue;
mod signatures;
mod access;
mod refusals;
mod orders;
mod replacing;
mod without_store;
mod market;
mod klines;
mod administration;
mod records;
mod archive;
mod openapi;
mod unknown;
mod rubbish;
