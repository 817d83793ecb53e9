//! What stores have in common where something goes wrong.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::history::ReadError;
use crate::store::{Divergence, Outcome, StoreError};

/// What to do about a fault of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Try again after this long: it passes, or somebody mends it.
    Retry(Duration),
    /// Another row under the same key.
    Conflict,
    /// No repetition changes it: rows are gone or cannot be read.
    Repair,
    /// No repetition changes it.
    None,
}

/// A fault of a store. What a commit and a read answer follows from it.
pub trait StoreFault: fmt::Display {
    /// What to do about it.
    fn remedy(&self) -> Remedy;
}

/// What a commit answers that failed for this reason.
impl<F: StoreFault> From<F> for Outcome {
    fn from(fault: F) -> Self {
        match fault.remedy() {
            Remedy::Retry(after) => Self::Retry(after),
            Remedy::Conflict => Self::Diverged(Divergence::Row(fault.to_string())),
            Remedy::Repair | Remedy::None => Self::Fatal(fault.to_string()),
        }
    }
}

/// What the follower is answered whose question failed for this reason.
impl<F: StoreFault> From<F> for StoreError {
    fn from(fault: F) -> Self {
        match fault.remedy() {
            Remedy::Retry(after) => Self::Retry(after),
            Remedy::Conflict | Remedy::Repair | Remedy::None => Self::Fatal(fault.to_string()),
        }
    }
}

/// What a reader is answered whose question failed for this reason.
impl<F: StoreFault> From<F> for ReadError {
    fn from(fault: F) -> Self {
        match fault.remedy() {
            Remedy::Repair => Self::Damaged(fault.to_string()),
            Remedy::Retry(_) | Remedy::Conflict | Remedy::None => Self::Failed(fault.to_string()),
        }
    }
}

/// What keeps a store from taking rows, in words for an operator, who is to hear of a reason once.
#[derive(Debug, Default)]
pub struct Trouble(Option<String>);

impl Trouble {
    /// The reason; absent: the last attempt went well.
    pub fn reason(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// An attempt failed for this reason; whether it is another one than the last time, and so to be said.
    pub fn begin(&mut self, reason: &str) -> bool {
        let is_new = self.reason() != Some(reason);
        if is_new {
            self.0 = Some(reason.to_owned());
        }
        is_new
    }

    /// An attempt went well; whether there was trouble before it, so that its end is to be said.
    pub fn end(&mut self) -> bool {
        self.0.take().is_some()
    }
}

/// An error with what caused it.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
