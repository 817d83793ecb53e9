//! Command: create user.

/// Open an account. It has no content: names are personal data and never enter the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CreateUser;
