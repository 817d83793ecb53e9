//! What API keys are made of, and the master key that their secrets are sealed with.

use std::fmt;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce};
use domain::command::create_api_key::{CreateApiKey, Credential, Roles};
use domain::ids::UserId;
use domain::text::ApiKeyText;
use hmac::{Hmac, Mac};
use sha2::Sha256;

const NONCE_LEN: usize = 12;
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const KEY_LEN: usize = 64;

/// Seals the secrets of API keys; kept in a file beside the journal, never in it.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

/// A sealed secret that this master key did not seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotOurs;

impl fmt::Display for NotOurs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the secret was sealed with another master key")
    }
}

impl std::error::Error for NotOurs {}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

/// A new HMAC key: the command that issues it, and the secret that nobody will see again.
#[derive(Clone)]
pub struct NewKey {
    /// Issues the key.
    pub command: CreateApiKey,
    /// What its owner signs with.
    pub secret: String,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("command", &self.command).finish_non_exhaustive()
    }
}

impl MasterKey {
    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A new one, from the system's randomness.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Its bytes, to be kept.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The HMAC key that belongs to `label`: always the same one, so that a request that is repeated asks for the same.
    pub fn new_key(&self, user: UserId, roles: Roles, label: &str) -> NewKey {
        let api_key = self.api_key(label);
        let secret = self.letters("secret", label);
        let sealed_secret = self.seal(&secret, &api_key);
        NewKey {
            command: CreateApiKey { user, roles, api_key, credential: Credential::HmacSha256 { sealed_secret } },
            secret,
        }
    }

    /// The public part that belongs to `label`.
    pub fn api_key(&self, label: &str) -> ApiKeyText {
        ApiKeyText::new(&self.letters("key", label)).expect("64 letters and digits")
    }

    /// What the Ed25519 key that signs exports is made from: always the same.
    pub fn export_seed(&self) -> [u8; 32] {
        self.derive("export", "", 0)
    }

    /// The secret of a key.
    pub fn unseal(&self, sealed: &[u8], api_key: &ApiKeyText) -> Result<Vec<u8>, NotOurs> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(NotOurs)?;
        let payload = Payload { msg: text, aad: api_key.as_bytes() };
        self.cipher().decrypt(&Nonce::from(*nonce), payload).or(Err(NotOurs))
    }

    /// A secret as the journal may hold it. The nonce follows from what is sealed and for whom, so the same is sealed alike
    /// and no nonce serves two texts.
    pub fn seal(&self, secret: &str, api_key: &ApiKeyText) -> Box<[u8]> {
        let derived = self.derive("nonce", &format!("{api_key} {secret}"), 0);
        let (nonce, _) = derived.split_first_chunk::<NONCE_LEN>().expect("a hash is longer than a nonce");
        let payload = Payload { msg: secret.as_bytes(), aad: api_key.as_bytes() };
        let sealed = self.cipher().encrypt(&Nonce::from(*nonce), payload).expect("64 bytes are not too much to seal");
        nonce.iter().copied().chain(sealed).collect()
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&Key::from(self.derive("seal", "", 0)))
    }

    fn letters(&self, purpose: &str, label: &str) -> String {
        // Bytes that do not divide evenly over the letters are passed over.
        let fair = |byte: &u8| usize::from(*byte) < 256 / LETTERS.len() * LETTERS.len();
        let bytes = (0_u32..).flat_map(|round| self.derive(purpose, label, round)).filter(fair);
        let letter = |byte: u8| LETTERS.get(usize::from(byte) % LETTERS.len()).copied().map_or('0', char::from);
        bytes.take(KEY_LEN).map(letter).collect()
    }

    fn derive(&self, purpose: &str, label: &str, round: u32) -> [u8; 32] {
        let mut hmac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in [purpose.as_bytes(), &[0], label.as_bytes(), &[0], &round.to_le_bytes()] {
            hmac.update(part);
        }
        hmac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_for_its_own_key() {
        let master = MasterKey::from_bytes([7; 32]);
        let new = master.new_key(UserId(1), Roles::default(), "0:first");
        let again = master.new_key(UserId(1), Roles::default(), "0:first");
        assert_eq!(new.command, again.command, "a repeated request asks for the same key");
        let Credential::HmacSha256 { sealed_secret } = &new.command.credential else { panic!("an HMAC key") };
        assert_eq!(master.unseal(sealed_secret, &new.command.api_key), Ok(new.secret.clone().into_bytes()));
        assert!(sealed_secret.len() <= 255);
        assert_eq!(new.secret.len(), 64);
        let other = master.new_key(UserId(1), Roles::default(), "0:second");
        assert_ne!(other.secret, new.secret);
        assert_eq!(master.unseal(sealed_secret, &other.command.api_key), Err(NotOurs));
        assert_eq!(MasterKey::from_bytes([8; 32]).unseal(sealed_secret, &new.command.api_key), Err(NotOurs));
        assert_eq!(master.unseal(&[1, 2, 3], &new.command.api_key), Err(NotOurs));
    }
}
