//! The embedded store: two SQLite files, one for what is asked every day, one for the archive. No server needed.
//!
//! **Invariant:** the rows of a batch and its checkpoint are one transaction.
//! **Invariant:** amounts are canonical decimal text, prices whole ticks, quantities whole lots; never a float.
//! **Invariant:** a schema only grows by migrations; a file of a newer program is refused, not guessed at.
//!
//! A commit is not synced (`synchronous = NORMAL` under WAL): a power failure can lose the last transactions, never a part of one
//! and never one without those after it, so the rows lost take their checkpoint with them and are projected again. Before
//! the journal gives up blocks for good, [`store::SqliteStore::sync`] makes the checkpoint durable.
//!
//! Start reading at `schema/`, then [`store`].

pub mod store;
pub mod history;
pub mod rewind;
pub mod retired;
pub mod fault;
mod name;
mod paced;
mod schema;
mod units;
mod write;
mod decode;
mod stream;
mod recall;
