//! Rows as documents: what every document database is given, whichever it is.
//!
//! **Invariant:** the id of a document is a function of what it says happened, so the same event is the same document, however often it
//! is written.
//! **Invariant:** a value is a whole number, a text or a truth value; an amount is canonical decimal text, never a float.
//! **Invariant:** no I/O: backends know documents and collections, and nothing of rows.
//!
//! A further stream is one file in `rows/`, and a line in each `match` of [`collection`], [`batch`] and [`rows`].
//!
//! Start reading at [`document`], then [`collection`].
#![deny(missing_docs)]

pub mod document;
pub mod collection;
pub mod units;
pub mod rows;
pub mod batch;
pub mod checkpoint;
pub mod extent;
pub mod fork;
pub mod reading;
