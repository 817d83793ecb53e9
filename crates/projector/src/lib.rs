//! Folds committed events into batches of rows that a store can write.
//!
//! **Invariant:** rows and checkpoint commit together; a batch written twice writes nothing new.
//! **Invariant:** no business rule: a row holds what an event says.
//! **Invariant:** no I/O, clock or thread: blocks, stores and the time are parameters.
//!
//! Start reading at [`rows`] (what is written), then [`fold`] (how it comes of events), then [`store`] (when it counts as written).
#![deny(missing_docs)]

pub mod buckets;
pub mod settings;
pub mod rows;
pub mod changes;
pub mod candle;
pub mod book;
pub mod history;
pub mod minutes;
pub mod archive;
pub mod words;
pub mod decimal;
pub mod block;
pub mod batch;
pub mod share;
pub mod ledger;
pub mod audit;
pub mod fold;
pub mod store;
pub mod fault;
pub mod follower;
pub mod retired;
pub mod lineage;
pub mod memory;
pub mod conformance;
