//! MongoDB as an archive: one database holds the streams that are routed to it, and what their numbers mean.
//!
//! **Invariant:** documents first, the checkpoint last: the checkpoint is never ahead of the documents.
//! **Invariant:** a document that is added never changes, and one that changes is only written over an earlier one; another document under
//! the same id is another history, and stops the writer.
//! **Invariant:** everything is written for a majority of the members and their journals.
//! **Invariant:** what an operator can mend (password, disk, indexes, a server that is down) is tried again, never given up.
//!
//! No transactions, no time-series collections, no bulk writes of the client: servers from 4.4 on do.
//!
//! Start reading at [`store`].

pub mod config;
pub mod store;
pub mod migrate;
pub mod history;
mod archive;
pub mod retired;
mod closed;
pub mod rewind;
pub mod fault;
pub mod encode;
pub mod scratch;
pub mod sink;
mod checkpoint;
mod link;
mod session;
mod write;
mod stream;
