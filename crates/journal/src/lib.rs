//! A segmented, gapless, append-only log of blocks that does not know what it carries.
//!
//! **Invariant:** what [`journal::Journal::sync`] called durable survives a loss of power.
//! **Invariant:** recovery returns a prefix of what was appended, never a middle, and refuses to start where it cannot tell.
//! **Invariant:** after a failed write or sync the journal is poisoned; nothing is ever retried.
//! **Invariant:** all disk access goes through [`storage::Storage`]; no input makes this crate panic.
//!
//! Start reading at `docs/journal-format.md` (the bytes), then [`journal`] (the writer), [`recover`] (the verdicts), [`read`].
#![deny(missing_docs, clippy::indexing_slicing, clippy::string_slice, clippy::as_conversions)]

pub mod journal;
pub mod config;
pub mod block;
pub mod segment;
pub mod tip;
mod fields;
pub mod recover;
pub mod tail;
mod cursor;
mod window;
pub mod prepare;
mod truncate;
pub mod read;
pub mod verify;
pub mod archive;
pub mod vote;
pub mod damage;
pub mod error;
pub mod storage;
pub mod disk;
pub mod faulty;
