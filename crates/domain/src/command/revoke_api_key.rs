//! Command: revoke api key.

use crate::ids::KeyId;

/// Revoke an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevokeApiKey {
    /// The key.
    pub key: KeyId,
}
