//! PostgreSQL as a store: one database holds the streams `reference`, `symbols` and `users` of one shard.
//!
//! **Invariant:** the rows of a batch and its checkpoint are one transaction.
//! **Invariant:** prices, quantities and amounts are exact decimals in the units people use; never a float.
//! **Invariant:** a schema only grows by migrations; a database of a newer program is refused, not guessed at.
//! **Invariant:** what an operator can mend (password, disk, schema, a server that is down) is tried again, never given up.
//!
//! A commit is not synced (`synchronous_commit = off`): a crash of the server can lose the last transactions, never a part of one
//! and never one without those after it, so the rows lost take their checkpoint with them and are projected again. Before the journal
//! gives up blocks for good, `make_durable` syncs.
//!
//! Start reading at `migrations/`, then [`store`].

pub mod config;
pub mod store;
pub mod migrate;
pub mod history;
pub mod rewind;
pub mod moves;
pub mod ranges;
pub mod retire;
pub mod router;
pub mod foreign;
pub mod fault;
pub mod plain;
pub mod scratch;
mod link;
mod units;
mod copy;
mod write;
mod decode;
mod shard;
mod stream;
