//! Whether a file that is open is still the one of its name. One that was removed takes rows as before, and loses them when it is closed.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::fault::Fault;

/// The name of a file, and which file had it.
#[derive(Debug)]
pub(crate) struct Name {
    path: PathBuf,
    file: Option<(u64, u64)>,
}

impl Name {
    /// Of a file that was just opened.
    pub(crate) fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), file: file_of(path) }
    }

    /// Refuses a file that is not the one of this name any more.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let is_same = self.file.is_some() && file_of(&self.path) == self.file;
        if is_same { Ok(()) } else { Err(Fault::Moved(self.path.clone())) }
    }
}

/// Device and number; absent: there is no such file.
fn file_of(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}
