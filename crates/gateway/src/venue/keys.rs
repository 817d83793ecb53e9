//! Public keys and roles as requests name them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::command::create_api_key::Roles;
use ed25519_dalek::VerifyingKey;
use ed25519_dalek::pkcs8::DecodePublicKey;

use crate::venue::bodies::Role;

/// An Ed25519 public key: PEM, or its 32 bytes in base64. Absent: it is neither, or nothing could be signed for it safely.
pub(crate) fn public_key(text: &str) -> Option<[u8; 32]> {
    let key = if text.contains("-----BEGIN") {
        VerifyingKey::from_public_key_pem(text.trim()).ok()?
    } else {
        let bytes: [u8; 32] = BASE64_STANDARD.decode(text.trim()).ok()?.try_into().ok()?;
        VerifyingKey::from_bytes(&bytes).ok()?
    };
    (!key.is_weak()).then(|| key.to_bytes())
}

/// At least one role.
pub(crate) fn roles(named: &[Role]) -> Option<Roles> {
    let has = |role| named.contains(&role);
    let roles =
        Roles { read: has(Role::Read), trade: has(Role::Trade), admin: has(Role::Admin), audit: has(Role::Audit) };
    (!named.is_empty()).then_some(roles)
}
