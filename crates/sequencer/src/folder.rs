//! A directory of small files, each of which is there whole or not at all.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use journal::disk::Disk;
use journal::storage::{OpenMode, Storage, StorageFile};

/// Of a file that is being written; such files mean nothing after a crash.
const UNFINISHED: &str = ".tmp";

/// A directory in a storage.
#[derive(Debug, Clone)]
pub struct Folder {
    storage: Arc<dyn Storage>,
    path: PathBuf,
}

impl Folder {
    /// A directory that need not exist yet.
    pub fn new(storage: Arc<dyn Storage>, path: impl Into<PathBuf>) -> Self {
        Self { storage, path: path.into() }
    }

    /// A directory on the real disk.
    pub fn on_disk(path: impl Into<PathBuf>) -> Self {
        Self::new(Arc::new(Disk), path)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it where it is missing, and removes what an earlier life did not finish.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        self.storage.create_directory(&self.path)?;
        for name in self.storage.list(&self.path)?.iter().filter(|name| name.ends_with(UNFINISHED)) {
            self.remove(name)?;
        }
        Ok(())
    }

    /// The names of the whole files in it, in any order.
    pub(crate) fn list(&self) -> io::Result<Vec<String>> {
        let mut names = self.storage.list(&self.path)?;
        names.retain(|name| !name.ends_with(UNFINISHED));
        Ok(names)
    }

    pub(crate) fn open(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        self.storage.open(&self.path.join(name), OpenMode::Read)
    }

    /// All of a file.
    pub(crate) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.open(name)?;
        let bytes = usize::try_from(file.size()?).map_err(io::Error::other)?;
        let mut content = vec![0; bytes];
        read_exact(file.as_ref(), &mut content, 0)?;
        Ok(content)
    }

    /// Writes a file durably, in place of the one of that name if there is one. A crash in between leaves the old one; an error
    /// leaves nothing unfinished behind, as far as the disk still lets it be removed.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> io::Result<PathBuf> {
        let unfinished = self.path.join(format!("{name}{UNFINISHED}"));
        let written = self.write_unfinished(&unfinished, content).and_then(|()| {
            let path = self.path.join(name);
            self.storage.rename(&unfinished, &path)?;
            Ok(path)
        });
        let path = written.inspect_err(|_| {
            // What is told is why it was not written; that something is left is for the next start to mend.
            drop(self.storage.remove(&unfinished));
        })?;
        self.storage.sync_directory(&self.path)?;
        Ok(path)
    }

    fn write_unfinished(&self, unfinished: &Path, content: &[u8]) -> io::Result<()> {
        match self.storage.remove(unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let file = self.storage.open(unfinished, OpenMode::CreateNew)?;
        write_all(file.as_ref(), content)?;
        file.sync()
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        self.storage.remove(&self.path.join(name))
    }
}

impl From<PathBuf> for Folder {
    fn from(path: PathBuf) -> Self {
        Self::on_disk(path)
    }
}

impl From<&Path> for Folder {
    fn from(path: &Path) -> Self {
        Self::on_disk(path)
    }
}

/// Fills the buffer; an error where the file ends before.
pub(crate) fn read_exact(file: &dyn StorageFile, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        let bytes = file.read_at(buffer, offset)?;
        if bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer = &mut buffer[bytes..];
        offset += u64::try_from(bytes).expect("a length fits into 64 bits");
    }
    Ok(())
}

/// A short write is continued where it stopped; an error ends it.
fn write_all(file: &dyn StorageFile, content: &[u8]) -> io::Result<()> {
    let mut written = 0;
    while written < content.len() {
        let place = u64::try_from(written).expect("a length fits into 64 bits");
        match file.write_at(&[IoSlice::new(&content[written..])], place)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            bytes => written += bytes,
        }
    }
    Ok(())
}
