//! What stores have in common where something goes wrong.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::store::{Divergence, Outcome, StoreError};

/// What to do about a fault of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Try again after this long: it passes, or somebody mends it.
    Retry(Duration),
    /// Another row under the same key.
    Conflict,
    /// No repetition changes it.
    None,
}

impl Remedy {
    /// What a commit answers that failed for this reason.
    pub fn outcome(self, why: &dyn fmt::Display) -> Outcome {
        match self {
            Self::Retry(after) => Outcome::Retry(after),
            Self::Conflict => Outcome::Diverged(Divergence::Row(why.to_string())),
            Self::None => Outcome::Fatal(why.to_string()),
        }
    }

    /// What a read answers that failed for this reason.
    pub fn error(self, why: &dyn fmt::Display) -> StoreError {
        match self {
            Self::Retry(after) => StoreError::Retry(after),
            Self::Conflict | Self::None => StoreError::Fatal(why.to_string()),
        }
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
