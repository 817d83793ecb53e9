//! The only place that knows the bytes of our records: commands, events and snapshots.
//!
//! **Invariant:** no bytes whatever make a reader panic; what is off is a [`error::DecodeError`] that says where and what.
//! **Invariant:** a value has one encoding: `decode(encode(x)) == x`, and `encode(decode(b)) == b` for all bytes that decode.
//! **Invariant:** an encoding once written stays readable: golden files pin each kind byte by byte.
//!
//! Start reading at `docs/records.md` (the picture of the bytes), then [`command`], [`event`], [`snapshot`].
#![deny(missing_docs, clippy::indexing_slicing, clippy::string_slice, clippy::as_conversions)]

pub mod command;
pub mod event;
pub mod snapshot;
pub mod error;
mod field;
mod reader;
mod scalars;
mod order;
mod instrument;
mod credential;
mod reject;
mod shards;
