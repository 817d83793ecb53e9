//! Command: create api key.

use crate::ids::UserId;
use crate::text::ApiKeyText;

/// Issue an API key to a user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CreateApiKey {
    /// Whose key.
    pub user: UserId,
    /// What it may do.
    pub roles: Roles,
    /// The public part, not yet in use.
    pub api_key: ApiKeyText,
    /// What its signatures are checked with.
    pub credential: Credential,
}

/// What a key's signatures are checked with. The engine only keeps it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Credential {
    /// HMAC-SHA256: the secret, sealed with the venue's master key (at most 255 bytes; opaque here).
    HmacSha256 {
        /// Nonce, ciphertext and tag.
        sealed_secret: Box<[u8]>,
    },
    /// Ed25519: the public key.
    Ed25519 {
        /// The public key.
        public_key: [u8; 32],
    },
}

/// What a key may do.
#[expect(clippy::struct_excessive_bools, reason = "four independent permissions, each its own word")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Roles {
    /// Read the user's own account.
    pub read: bool,
    /// Place, change and cancel the user's orders.
    pub trade: bool,
    /// Administer the venue and move money.
    pub admin: bool,
    /// Read everybody's records.
    pub audit: bool,
}
