//! Command: note access.

use crate::ids::{Hash256, KeyId, UserId};
use crate::text::PathText;
use crate::units::UnixNanos;

/// Record what was tried or read at the door and is no command: refused signatures, keys and roles, and reads by keys that see more
/// than their own. Equal attempts are one note with a count. It changes nothing.
///
/// The envelope has user, key and address as far as they are proven: of an attempt whose signature does not fit, or whose key does not
/// hold, it has the venue's user and key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NoteAccess {
    /// What it was.
    pub kind: AccessKind,
    /// At which endpoint; absent where attempts at several are counted together.
    pub endpoint: Option<EndpointName>,
    /// The key that was claimed and not proven; absent where it was proven, or where different ones are counted together.
    pub claim: Option<Claim>,
    /// Whose records were asked for, where the request named somebody.
    pub about: Option<UserId>,
    /// How many attempts, at least one.
    pub count: u64,
    /// When the first of them came, by the gateway's clock.
    pub first: UnixNanos,
    /// When the last of them came, by the gateway's clock.
    pub last: UnixNanos,
}

/// What was tried or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessKind {
    /// The signature is not that of the key claimed.
    BadSignature,
    /// There is no such key.
    UnknownKey,
    /// The key was revoked.
    RevokedKey,
    /// The key may not do this.
    RoleMissing,
    /// A request that was signed and sent before, or signed longer ago than any window reaches.
    Replayed,
    /// A read by a key with the role admin or audit.
    Read,
}

impl AccessKind {
    /// Whether the signature fits: then the envelope says whose it was.
    pub const fn is_proven(self) -> bool {
        match self {
            Self::BadSignature | Self::UnknownKey | Self::RevokedKey => false,
            Self::RoleMissing | Self::Replayed | Self::Read => true,
        }
    }
}

/// Method and path of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointName {
    /// The method.
    pub method: AccessMethod,
    /// The path, for example `/v1/ledger`.
    pub path: PathText,
}

/// The methods that requests have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessMethod {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
}

/// Which key somebody claimed to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// One there is, or was.
    Key(KeyId),
    /// The BLAKE3 hash of the text of one there is not: what was mistyped may be a secret.
    Text(Hash256),
}
