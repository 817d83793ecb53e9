//! The REST server, in the Binance Spot dialect; what Binance lacks is under `/v1`. See `docs/api.md`.
//!
//! **Invariant:** untrusted input stops here: no request can make it panic, and nothing it cannot read whole reaches the venue.
//! **Invariant:** no trading state and no trading rule; each request ends in accepted, refused, or unknown-ask-again, and asking
//! again is safe.
//! **Invariant:** the wall clock is read for `recvWindow`, time-outs and tickers, never for trading.
//!
//! Start reading at [`gateway::Gateway`], then `endpoint` (what there is), `auth` (who may), `trade` (one order's way), `access` (what is
//! recorded of those who may not, and of those who see more than their own).
#![deny(clippy::indexing_slicing, clippy::string_slice, clippy::as_conversions)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that cannot go on should stop")
)]

pub mod gateway;
pub mod door;
pub mod secrets;
mod endpoint;
mod openapi;
mod request;
mod auth;
mod replays;
mod access;
mod params;
mod decimal;
mod error;
mod refusal;
mod json;
mod reply;
mod units;
mod trade;
mod account;
mod market;
mod venue;
mod cache;
