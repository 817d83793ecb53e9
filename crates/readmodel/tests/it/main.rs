//! The read model against the engine's state, and against stores that are behind.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod stores;
mod state;
mod history;
mod restart;
mod routed;
mod standby;
mod retired;
mod rows;
