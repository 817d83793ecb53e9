//! DynamoDB as an archive: a table for each collection, with a common prefix, holds the streams that are routed there, and what their numbers mean.
//!
//! **Invariant:** items first, the checkpoint last: the checkpoint is never ahead of the items.
//! **Invariant:** the key of an item is a function of what is in it; one that still grows, or that changes, is only written over what is
//! known to be there. Other content under the same key is another history, and stops the writer.
//! **Invariant:** what the service puts off (throttling, unprocessed items) is written again, until it is there.
//! **Invariant:** what an operator can mend (credentials, permissions, the table) is tried again, never given up.
//!
//! Documents that are added are packed: their numbers have no gaps, so 64 with consecutive numbers share one compressed item, and a
//! document costs a fraction of a write unit.
//!
//! Start reading at [`pack`], then [`store`].

pub mod config;
pub mod store;
pub mod migrate;
pub mod history;
mod archive;
pub mod rewind;
pub mod fault;
pub mod pack;
pub mod cost;
pub mod sink;
pub mod scratch;
mod item;
mod link;
mod session;
mod checkpoint;
mod write;
mod open_items;
mod span;
mod stream;
