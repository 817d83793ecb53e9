//! Folds committed events into batches of rows that a store can write.
//!
//! **Invariant:** rows and checkpoint commit together; a batch written twice writes nothing new.
//! **Invariant:** no business rule: a row holds what an event says.
//!
//! Start reading at [`rows`].
#![deny(missing_docs)]

pub mod rows;
pub mod history;
