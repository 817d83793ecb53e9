//! The disk, as far as the journal needs one. Two implementations: [`crate::disk::Disk`] and [`crate::faulty::FaultyDisk`].

use std::fmt;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::IoFailure;
use crate::fields::offset as to_offset;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    ReadWrite,
    /// A file that must not exist yet, for reading and writing.
    CreateNew,
}

/// A file system. Nothing is durable before the file, and for its name the directory, has been synced.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Creates a directory and its parents, durably. One that exists is fine.
    fn create_directory(&self, path: &Path) -> io::Result<()>;
    /// The names of the files in a directory, in any order. A directory that is not there has none.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Opens a file.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn StorageFile>>;
    /// Renames a file within its directory, atomically replacing `to`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes names created, renamed and removed in a directory durable.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Locks a directory exclusively until the result is dropped; `WouldBlock` if it is locked.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DirectoryLock>>;
}

/// An open file.
pub trait StorageFile: fmt::Debug + Send + Sync {
    /// Bytes in the file.
    fn size(&self) -> io::Result<u64>;
    /// Reads at an offset; fewer bytes than asked for are possible, none means the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes the buffers one behind the other from an offset on; fewer bytes than asked for are possible.
    fn write_at(&self, buffers: &[IoSlice<'_>], offset: u64) -> io::Result<usize>;
    /// Makes the content (and a grown size) durable.
    fn sync(&self) -> io::Result<()>;
}

/// An exclusive lock, released when dropped.
pub trait DirectoryLock: fmt::Debug + Send + Sync {}

/// A directory in a storage.
#[derive(Debug, Clone)]
pub struct Directory {
    storage: Arc<dyn Storage>,
    path: PathBuf,
}

impl Directory {
    /// A directory that need not exist yet.
    pub fn new(storage: Arc<dyn Storage>, path: impl Into<PathBuf>) -> Self {
        Self { storage, path: path.into() }
    }

    /// A directory on the real disk.
    pub fn on_disk(path: impl Into<PathBuf>) -> Self {
        Self::new(Arc::new(crate::disk::Disk), path)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn create(&self) -> Result<(), IoFailure> {
        self.storage.create_directory(&self.path).map_err(failed("create", &self.path))
    }

    pub(crate) fn list(&self) -> Result<Vec<String>, IoFailure> {
        self.storage.list(&self.path).map_err(failed("list", &self.path))
    }

    pub(crate) fn open(&self, name: &str, mode: OpenMode) -> Result<OpenFile, IoFailure> {
        let path = self.path.join(name);
        match self.storage.open(&path, mode) {
            Ok(file) => Ok(OpenFile { path, file }),
            Err(source) => Err(IoFailure { action: "open", path, source }),
        }
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), IoFailure> {
        let from = self.path.join(from);
        self.storage.rename(&from, &self.path.join(to)).map_err(failed("rename", &from))
    }

    pub(crate) fn remove(&self, name: &str) -> Result<(), IoFailure> {
        let path = self.path.join(name);
        self.storage.remove(&path).map_err(failed("remove", &path))
    }

    pub(crate) fn sync(&self) -> Result<(), IoFailure> {
        self.storage.sync_directory(&self.path).map_err(failed("sync", &self.path))
    }

    pub(crate) fn lock(&self) -> io::Result<Box<dyn DirectoryLock>> {
        self.storage.lock(&self.path)
    }
}

/// An open file that knows its name.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) path: PathBuf,
    file: Box<dyn StorageFile>,
}

impl OpenFile {
    pub(crate) fn size(&self) -> Result<u64, IoFailure> {
        self.file.size().map_err(failed("stat", &self.path))
    }

    /// Fills the buffer as far as the file reaches.
    pub(crate) fn read(&self, buffer: &mut [u8], offset: u64) -> Result<usize, IoFailure> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let place = offset.saturating_add(to_offset(filled));
            match self.file.read_at(rest, place).map_err(failed("read", &self.path))? {
                0 => break,
                bytes => filled = filled.saturating_add(bytes),
            }
        }
        Ok(filled)
    }

    /// Writes all buffers. A short write is continued where it stopped; an error ends it.
    pub(crate) fn write_all(&self, mut buffers: &mut [IoSlice<'_>], offset: u64) -> Result<(), IoFailure> {
        let mut place = offset;
        IoSlice::advance_slices(&mut buffers, 0); // drops empty buffers at the front
        while !buffers.is_empty() {
            let bytes = self.file.write_at(buffers, place).map_err(failed("write", &self.path))?;
            if bytes == 0 {
                return Err(failed("write", &self.path)(io::ErrorKind::WriteZero.into()));
            }
            place = place.saturating_add(to_offset(bytes));
            IoSlice::advance_slices(&mut buffers, bytes);
        }
        Ok(())
    }

    pub(crate) fn write_bytes(&self, bytes: &[u8], offset: u64) -> Result<(), IoFailure> {
        self.write_all(&mut [IoSlice::new(bytes)], offset)
    }

    pub(crate) fn sync(&self) -> Result<(), IoFailure> {
        self.file.sync().map_err(failed("sync", &self.path))
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> IoFailure {
    let path = path.to_path_buf();
    move |source| IoFailure { action, path, source }
}
