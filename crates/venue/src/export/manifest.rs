//! What an export says of itself: which records, in which files, with which hashes; signed.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use domain::ids::Hash256;
use domain::units::Seq;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use gateway::secrets::MasterKey;
use serde::{Deserialize, Serialize};

/// Names of the files beside the records.
pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const SIGNATURE: &str = "manifest.json.sig";
/// The form of records and manifest.
pub(crate) const FORMAT: u32 = 2;
/// Longest manifest that is read: some ten thousand days.
const MANIFEST_BYTES_MAX: u64 = 16 << 20;

/// An export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    /// Of the venue, in hexadecimal.
    pub(crate) venue: String,
    /// Block times: from the first, up to but without the second.
    pub(crate) from: String,
    pub(crate) to: String,
    /// How far the archive was.
    pub(crate) archive: Link,
    /// Whether the archive has a record from the end of the range or later, so that no more can come into it.
    pub(crate) is_complete: bool,
    pub(crate) records: u64,
    /// The last record before the range; absent: there is none.
    pub(crate) before: Option<Link>,
    /// The last record of the range: the head of the chain. Absent: there is none.
    pub(crate) head: Option<Link>,
    /// The first record of the range from which on all were compared with the venue's logs; absent: the last one was not.
    pub(crate) compared_from: Option<u64>,
    pub(crate) files: Vec<Part>,
}

/// A place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    pub(crate) seq: u64,
    /// Of the journal block (for the archive: of its checkpoint), in hexadecimal.
    pub(crate) hash: String,
}

impl std::fmt::Display for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of block {}", self.seq, self.hash)
    }
}

impl Link {
    pub(crate) fn new(seq: Seq, hash: &Hash256) -> Self {
        Self { seq: seq.0, hash: hex::encode(hash.0) }
    }
}

/// The records of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) records: u64,
    /// Of the file, as `sha256sum` says it.
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
    /// Of the lines in it.
    pub(crate) lines_sha256: String,
    pub(crate) lines_bytes: u64,
}

/// The key that a venue signs its exports with.
pub(crate) fn signing_key(master: &MasterKey) -> SigningKey {
    SigningKey::from_bytes(&master.export_seed())
}

/// Writes manifest and signature.
pub(crate) fn write(directory: &Path, manifest: &Manifest, key: &SigningKey) -> anyhow::Result<()> {
    let mut bytes = serde_json::to_vec_pretty(manifest)?;
    bytes.push(b'\n');
    let signature = key.sign(&bytes);
    super::write_file(&directory.join(SIGNATURE), format!("{}\n", hex::encode(signature.to_bytes())).as_bytes())?;
    super::write_file(&directory.join(MANIFEST), &bytes)
}

/// Reads the manifest of an export, if the key has signed it.
pub(crate) fn read(directory: &Path, key: &VerifyingKey) -> anyhow::Result<Manifest> {
    let path = directory.join(MANIFEST);
    anyhow::ensure!(path.exists(), "{} is missing: this is no export, or one that was not finished", path.display());
    anyhow::ensure!(fs::metadata(&path)?.len() <= MANIFEST_BYTES_MAX, "{} is too long", path.display());
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let at = directory.join(SIGNATURE);
    let text = fs::read_to_string(&at).with_context(|| format!("cannot read {}", at.display()))?;
    let mut signature = [0; 64];
    hex::decode_to_slice(text.trim_end(), &mut signature)
        .with_context(|| format!("{} is no signature", at.display()))?;
    let signature = Signature::from_bytes(&signature);
    anyhow::ensure!(
        key.verify_strict(&bytes, &signature).is_ok(),
        "{} was not signed with the key {}, or was changed since",
        path.display(),
        hex::encode(key.to_bytes())
    );
    let manifest: Manifest =
        serde_json::from_slice(&bytes).with_context(|| format!("cannot read {}", path.display()))?;
    anyhow::ensure!(manifest.format == FORMAT, "the form {} of {} is not known", manifest.format, path.display());
    Ok(manifest)
}
