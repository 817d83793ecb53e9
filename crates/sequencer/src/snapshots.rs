//! Snapshots on disk: `SEQ.snap`, written whole or not at all; two are kept, and one more for whoever is far behind.

use std::io;
use std::path::PathBuf;

use codec::error::DecodeError;
use codec::snapshot::{SnapshotHeader, decode_snapshot, encode_snapshot};
use domain::state::State;
use domain::units::Seq;

use crate::folder::Folder;

/// Snapshots that are kept.
pub const SNAPSHOTS_KEPT: usize = 2;

const SUFFIX: &str = ".snap";

/// A directory of snapshots.
#[derive(Debug, Clone)]
pub struct Snapshots {
    folder: Folder,
}

/// Why a snapshot cannot be used.
#[derive(Debug)]
pub enum SnapshotError {
    /// The file system failed.
    Io(io::Error),
    /// The file is damaged.
    Damaged(DecodeError),
}

impl std::fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Damaged(error) => write!(f, "damaged: {error}"),
        }
    }
}

impl std::error::Error for SnapshotError {}

impl Snapshots {
    /// The snapshots in a directory, which is made where it is missing. What a crash left unfinished is removed.
    pub fn open(directory: impl Into<Folder>) -> io::Result<Self> {
        let folder = directory.into();
        folder.prepare()?;
        Ok(Self { folder })
    }

    /// The same without changing anything: what is unfinished may be another process's, just being written.
    pub fn look(directory: impl Into<Folder>) -> Self {
        Self { folder: directory.into() }
    }

    /// The snapshots there are, oldest first.
    pub fn list(&self) -> io::Result<Vec<(Seq, PathBuf)>> {
        let mut found = Vec::new();
        for name in self.folder.list()? {
            if let Some(seq) = name.strip_suffix(SUFFIX).and_then(|digits| digits.parse().ok()) {
                found.push((Seq(seq), self.folder.path().join(name)));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Reads the one at this sequence.
    pub fn load(&self, seq: Seq) -> Result<(SnapshotHeader, State), SnapshotError> {
        let bytes = self.folder.read(&name_of(seq)).map_err(SnapshotError::Io)?;
        decode_snapshot(&bytes).map_err(SnapshotError::Damaged)
    }

    /// The newest readable one up to `limit`, and the damaged ones passed over on the way to it.
    #[expect(clippy::type_complexity, reason = "a snapshot, perhaps, and what was wrong with newer ones")]
    pub fn newest(&self, limit: Seq) -> io::Result<(Option<(SnapshotHeader, State)>, Vec<(PathBuf, SnapshotError)>)> {
        let mut damaged = Vec::new();
        for (seq, path) in self.list()?.into_iter().rev().filter(|(seq, _)| *seq <= limit) {
            match self.load(seq) {
                Ok(snapshot) => return Ok((Some(snapshot), damaged)),
                Err(error) => damaged.push((path, error)),
            }
        }
        Ok((None, damaged))
    }

    /// Writes one durably, then removes older ones, so that `SNAPSHOTS_KEPT` remain, and the newest that is not past `behind`: who is
    /// there needs a state to go on from. Where none is so old, the oldest stays. A crash in between leaves the old ones.
    ///
    /// The event log must be durable up to the snapshot before: a start uses no snapshot that is ahead of the event log.
    pub fn save(&self, header: &SnapshotHeader, state: &State, behind: Seq) -> io::Result<PathBuf> {
        let mut bytes = Vec::new();
        encode_snapshot(header, state, &mut bytes);
        let path = self.folder.write(&name_of(header.seq), &bytes)?;
        // Ones with a higher sequence are of another history, or they would have been used: they must not push out this one.
        let mut ours = self.list()?;
        ours.retain(|(seq, _)| *seq <= header.seq);
        let needed = ours.iter().map(|(seq, _)| *seq).rfind(|seq| *seq <= behind);
        let needed = needed.or_else(|| ours.first().map(|(seq, _)| *seq));
        for (seq, _) in ours.iter().take(ours.len().saturating_sub(SNAPSHOTS_KEPT)) {
            if Some(*seq) != needed {
                self.folder.remove(&name_of(*seq))?;
            }
        }
        Ok(path)
    }

    /// The sequence of the oldest one kept: a start needs the journal and the event log behind it. Absent with fewer than
    /// `SNAPSHOTS_KEPT`.
    pub fn oldest_kept(&self) -> io::Result<Option<Seq>> {
        let all = self.list()?;
        Ok((all.len() >= SNAPSHOTS_KEPT).then(|| all.first().map(|(seq, _)| *seq)).flatten())
    }
}

fn name_of(seq: Seq) -> String {
    format!("{:020}{SUFFIX}", seq.0)
}
