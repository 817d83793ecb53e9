//! Who asks: key, signature, time stamp, role.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::command::create_api_key::{Credential, Roles};
use domain::command::note_access::{AccessKind, Claim};
use domain::command::{Envelope, Transport};
use domain::ids::{AddressId, Hash256, KeyId, SessionId, UserId};
use domain::text::ApiKeyText;
use domain::units::UnixNanos;
use ed25519_dalek::{Signature, VerifyingKey};
use foldhash::fast::RandomState;
use hmac::{Hmac, KeyInit, Mac};
use readmodel::model::ReadModel;
use readmodel::reference::Key;
use sha2::Sha256;

use crate::error::Error;
use crate::params::{Params, Signed};
use crate::replays::Print;
use crate::secrets::MasterKey;

const MILLI_NS: u64 = 1_000_000;
const WINDOW_MS_DEFAULT: u64 = 5_000;
const WINDOW_MS_MAX: u64 = 60_000;
/// How far a client's clock may be ahead.
pub(crate) const AHEAD_NS_MAX: u64 = 1_000 * MILLI_NS;

/// Who asks, proven by a signature.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) user: UserId,
    pub(crate) key: KeyId,
    /// Where a command comes from; 0 for what changes nothing.
    pub(crate) address: AddressId,
    pub(crate) roles: Roles,
    pub(crate) timestamp: UnixNanos,
    /// Later than this, nothing may come of the request.
    pub(crate) deadline: UnixNanos,
    /// Beginning of the signature.
    pub(crate) print: Print,
}

impl Caller {
    pub(crate) fn envelope(&self) -> Envelope {
        Envelope {
            user: self.user,
            key: self.key,
            session: SessionId(0),
            transport: Transport::Rest,
            address: self.address,
            client_time: Some(self.timestamp),
            deadline: Some(self.deadline),
        }
    }
}

/// Why there is no caller, and what is to be noted of it.
#[derive(Debug)]
pub(crate) struct Denied {
    pub(crate) error: Error,
    /// Absent: nothing about it is of interest later, for it proves nobody and claims nothing.
    pub(crate) tried: Option<Tried>,
}

/// What somebody tried who was not let in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tried {
    pub(crate) kind: AccessKind,
    /// Whose signature it was, if it was one.
    pub(crate) signer: Option<(UserId, KeyId)>,
    pub(crate) claim: Option<Claim>,
}

impl From<Error> for Denied {
    fn from(error: Error) -> Self {
        Self { error, tried: None }
    }
}

impl Denied {
    /// Somebody who claimed to have a key and did not show it.
    fn unproven(error: Error, kind: AccessKind, claim: Claim) -> Self {
        Self { error, tried: Some(Tried { kind, signer: None, claim: Some(claim) }) }
    }

    /// Somebody whose signature it is.
    pub(crate) fn proven(error: Error, kind: AccessKind, user: UserId, key: KeyId) -> Self {
        Self { error, tried: Some(Tried { kind, signer: Some((user, key)), claim: None }) }
    }
}

/// What signatures of a key are checked with, ready for use.
enum Verifier {
    /// Keyed already: a check clones it.
    Hmac(Hmac<Sha256>),
    Ed25519(Box<VerifyingKey>),
}

/// Checks requests against the keys of the read model.
pub(crate) struct Authority {
    model: Arc<ReadModel>,
    master: MasterKey,
    clock: fn() -> UnixNanos,
    verifiers: RwLock<HashMap<KeyId, Arc<Verifier>, RandomState>>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    pub(crate) fn new(model: Arc<ReadModel>, master: MasterKey, clock: fn() -> UnixNanos) -> Self {
        Self { model, master, clock, verifiers: RwLock::default() }
    }

    pub(crate) fn master(&self) -> &MasterKey {
        &self.master
    }

    /// The caller, if key, signature and time are in order.
    pub(crate) fn caller(
        &self,
        api_key: Option<&[u8]>,
        params: &Params<'_>,
        signed: &Signed<'_>,
    ) -> Result<Caller, Denied> {
        let api_key = api_key.and_then(|text| ApiKeyText::from_bytes(text).ok());
        let api_key = api_key.ok_or(Error::unauthorized(-2014, "API-key format invalid."))?;
        let timestamp = params.time("timestamp").or(Err(Error::mandatory("timestamp")))?;
        let timestamp = timestamp.ok_or_else(|| Error::mandatory("timestamp"))?;
        let signature = params.mandatory("signature")?;
        let window_ns = window_ns(params)?;
        let Some(key) = self.model.key(&api_key) else {
            let claim = Claim::Text(Hash256(*blake3::hash(api_key.as_bytes()).as_bytes()));
            return Err(Denied::unproven(bad_key(), AccessKind::UnknownKey, claim));
        };
        if key.revoked {
            return Err(Denied::unproven(bad_key(), AccessKind::RevokedKey, Claim::Key(key.id)));
        }
        let print = self.check(&key, signature, signed);
        let print = print.map_err(|error| Denied::unproven(error, AccessKind::BadSignature, Claim::Key(key.id)))?;
        let now = (self.clock)();
        if timestamp.0 >= now.0.saturating_add(AHEAD_NS_MAX) {
            return Err(Error::bad(-1021, "Timestamp for this request was 1000ms ahead of the server's time.").into());
        }
        let deadline = timestamp.plus(window_ns);
        if now > deadline {
            let error = Error::bad(-1021, "Timestamp for this request is outside of the recvWindow.");
            // A clock that is a little off is no sign of misuse; a request that no window would let in was signed for another time.
            let is_old = now > timestamp.plus(WINDOW_MS_MAX * MILLI_NS);
            let replayed = |error| Denied::proven(error, AccessKind::Replayed, key.user, key.id);
            return Err(if is_old { replayed(error) } else { error.into() });
        }
        let address = AddressId(0);
        Ok(Caller { user: key.user, key: key.id, address, roles: key.roles, timestamp, deadline, print })
    }

    /// The beginning of the signature, if it is the key's signature of what was sent.
    fn check(&self, key: &Key, signature: &str, signed: &Signed<'_>) -> Result<Print, Error> {
        let verifier = self.verifier(key)?;
        let print = match &*verifier {
            Verifier::Hmac(keyed) => {
                let mut bytes = [0; 32];
                hex::decode_to_slice(signature, &mut bytes).or(Err(bad_signature()))?;
                let mut hmac = keyed.clone();
                for piece in signed {
                    hmac.update(piece.as_bytes());
                }
                // Compares in constant time.
                hmac.verify_slice(&bytes).or(Err(bad_signature()))?;
                bytes.first_chunk().copied()
            }
            Verifier::Ed25519(public_key) => {
                // A plus sign that was not escaped arrives as a space.
                let bytes = BASE64_STANDARD.decode(signature.replace(' ', "+")).or(Err(bad_signature()))?;
                let bytes: [u8; 64] = bytes.try_into().or(Err(bad_signature()))?;
                let message = signed.concat();
                let signature = Signature::from_bytes(&bytes);
                public_key.verify_strict(message.as_bytes(), &signature).or(Err(bad_signature()))?;
                bytes.first_chunk().copied()
            }
        };
        print.ok_or_else(bad_signature)
    }

    fn verifier(&self, key: &Key) -> Result<Arc<Verifier>, Error> {
        if let Some(verifier) = self.verifiers.read().unwrap_or_else(PoisonError::into_inner).get(&key.id) {
            return Ok(Arc::clone(verifier));
        }
        let verifier = match &key.credential {
            Credential::HmacSha256 { sealed_secret } => {
                let secret = self.master.unseal(sealed_secret, &key.api_key).map_err(|error| {
                    tracing::error!(key = key.id.0, error = %error, "an API key cannot be used");
                    bad_key()
                })?;
                Verifier::Hmac(Hmac::new_from_slice(&secret).or(Err(bad_key()))?)
            }
            Credential::Ed25519 { public_key } => {
                Verifier::Ed25519(Box::new(VerifyingKey::from_bytes(public_key).or(Err(bad_key()))?))
            }
        };
        let verifier = Arc::new(verifier);
        self.verifiers.write().unwrap_or_else(PoisonError::into_inner).insert(key.id, Arc::clone(&verifier));
        Ok(verifier)
    }
}

/// The key is unknown, revoked, or may not do this.
pub(crate) fn bad_key() -> Error {
    Error::unauthorized(-2015, "Invalid API-key, IP, or permissions for action.")
}

fn bad_signature() -> Error {
    Error::bad(-1022, "Signature for this request is not valid.")
}

/// Milliseconds with up to three decimals.
fn window_ns(params: &Params<'_>) -> Result<u64, Error> {
    let Some(window) = params.decimal("recvWindow")? else { return Ok(WINDOW_MS_DEFAULT * MILLI_NS) };
    if window.scale > 3 {
        return Err(Error::too_precise("recvWindow"));
    }
    let micros = window.minor_units(3).and_then(|micros| u64::try_from(micros.0).ok());
    match micros.filter(|micros| *micros <= WINDOW_MS_MAX * 1_000) {
        Some(micros) => Ok(micros * 1_000),
        None => Err(Error::bad(-1102, "'recvWindow' contains unexpected value. Cannot be greater than 60000.")),
    }
}
