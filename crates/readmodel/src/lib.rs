//! The venue as it is now, in memory: a fold of committed commands that every read of the gateway starts from.
//!
//! **Invariant:** what has been applied is found by every read that begins later; a user's part of one command appears at once.
//! **Invariant:** a history read is complete or fails: store rows through the store's checkpoint and every later row from
//! memory, or [`merged::HistoryError::Gap`] with the range that nobody has.
//! **Invariant:** one thread applies; readers take short locks, one user's or one symbol's at a time.
//!
//! Start reading at [`model::ReadModel`].

pub mod model;
pub mod reference;
pub mod account;
pub mod market;
pub mod day;
pub mod merged;
pub mod answer;
pub mod restart;
pub mod routed;
pub mod standby;
pub mod retired;
pub mod limits;
mod apply;
mod sorted;
mod part;
mod run;
mod shard;
mod orders;
mod chains;
mod kept;
mod money;
mod tail;
mod ring;
mod sync;
