//! Snapshots on disk: `SEQ.snap`, written whole or not at all, two kept.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use codec::error::DecodeError;
use codec::snapshot::{SnapshotHeader, decode_snapshot, encode_snapshot};
use domain::state::State;
use domain::units::Seq;

/// Snapshots that are kept.
pub const SNAPSHOTS_KEPT: usize = 2;

const SUFFIX: &str = ".snap";

/// A directory of snapshots.
#[derive(Debug, Clone)]
pub struct Snapshots {
    directory: PathBuf,
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
    /// The snapshots in a directory, which is made where it is missing.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        fs::create_dir_all(&directory)?;
        Ok(Self { directory })
    }

    /// The snapshots there are, oldest first.
    pub fn list(&self) -> io::Result<Vec<(Seq, PathBuf)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(SUFFIX));
            if let Some(seq) = name.and_then(|name| name.parse().ok()) {
                found.push((Seq(seq), path));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Reads one.
    pub fn load(path: &Path) -> Result<(SnapshotHeader, State), SnapshotError> {
        decode_snapshot(&fs::read(path).map_err(SnapshotError::Io)?).map_err(SnapshotError::Damaged)
    }

    /// The newest readable one up to `limit`, and the damaged ones passed over on the way to it.
    #[expect(clippy::type_complexity, reason = "a snapshot, perhaps, and what was wrong with newer ones")]
    pub fn newest(&self, limit: Seq) -> io::Result<(Option<(SnapshotHeader, State)>, Vec<(PathBuf, SnapshotError)>)> {
        let mut damaged = Vec::new();
        for (_, path) in self.list()?.into_iter().rev().filter(|(seq, _)| *seq <= limit) {
            match Self::load(&path) {
                Ok(snapshot) => return Ok((Some(snapshot), damaged)),
                Err(error) => damaged.push((path, error)),
            }
        }
        Ok((None, damaged))
    }

    /// Writes one durably, then removes all but the newest `SNAPSHOTS_KEPT`. A crash in between leaves the old ones.
    pub fn save(&self, header: &SnapshotHeader, state: &State) -> io::Result<PathBuf> {
        let mut bytes = Vec::new();
        encode_snapshot(header, state, &mut bytes);
        let path = self.directory.join(format!("{:020}{SUFFIX}", header.seq.0));
        let unfinished = path.with_extension("tmp");
        let mut file = File::create(&unfinished)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        File::open(&self.directory)?.sync_all()?;
        let all = self.list()?;
        for (_, old) in all.iter().take(all.len().saturating_sub(SNAPSHOTS_KEPT)) {
            fs::remove_file(old)?;
        }
        Ok(path)
    }

    /// The sequence of the oldest one kept, which everything needed for a start follows; absent without snapshots.
    pub fn oldest_kept(&self) -> io::Result<Option<Seq>> {
        let all = self.list()?;
        Ok((all.len() >= SNAPSHOTS_KEPT).then(|| all.first().map(|(seq, _)| *seq)).flatten())
    }
}
