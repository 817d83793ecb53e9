//! A disk in memory that fails: power cuts, errors, a full disk, short writes, flipped bits. Deterministic by seed.
//!
//! The model is pessimistic where file systems differ. Until a file is synced, each of its 512-byte sectors may
//! survive a power cut in any version it had since; a failed sync marks sectors clean that are not on the disk, so a
//! second sync does not save them; names need a sync of their directory, and unsynced ones survive in order of their
//! making. Directories themselves are durable at once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fields::length;
use crate::storage::{DirectoryLock, OpenMode, Storage, StorageFile};

mod inode;
pub mod fault;

use fault::{Fault, FaultRates, Outcome, Plan, Random};
use inode::Inode;

/// The disk. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct FaultyDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    random: Random,
    plan: Plan,
    capacity_bytes: Option<u64>,
    /// Handles and locks of earlier lives are dead.
    life: u64,
    inodes: BTreeMap<u64, Inode>,
    inodes_created: u64,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    unsynced_names: Vec<NameChange>,
    directories: BTreeSet<PathBuf>,
    locks: BTreeSet<PathBuf>,
    syncs: u64,
}

#[derive(Debug, Clone)]
enum NameChange {
    Link { path: PathBuf, inode: u64 },
    Unlink { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf },
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Link { path, inode } => {
                names.insert(path.clone(), *inode);
            }
            Self::Unlink { path } => {
                names.remove(path);
            }
            Self::Rename { from, to } => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
        }
    }

    fn is_in(&self, directory: &Path) -> bool {
        let (Self::Link { path, .. } | Self::Unlink { path } | Self::Rename { from: path, .. }) = self;
        path.parent() == Some(directory)
    }
}

impl FaultyDisk {
    /// An empty disk whose every choice follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: Random::new(seed),
            plan: Plan::default(),
            capacity_bytes: None,
            life: 0,
            inodes: BTreeMap::new(),
            inodes_created: 0,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            directories: BTreeSet::new(),
            locks: BTreeSet::new(),
            syncs: 0,
        })))
    }

    /// Makes one operation fail: the next one the fault applies to, or one later if `skip` is not 0.
    pub fn inject(&self, fault: Fault, skip: u32) {
        self.lock().plan.inject(fault, skip);
    }

    /// Makes operations fail at random.
    pub fn set_rates(&self, rates: FaultRates) {
        self.lock().plan.rates = rates;
    }

    /// Limits the bytes of all files together; beyond, writes fail for lack of space.
    pub fn set_capacity_bytes(&self, capacity_bytes: Option<u64>) {
        self.lock().capacity_bytes = capacity_bytes;
    }

    /// Cuts the power: what was not synced is lost, kept or torn. All handles and locks are dead, planned faults
    /// forgotten.
    pub fn power_cut(&self) {
        let state = &mut *self.lock();
        state.end_life();
        let kept = state.random.below(state.unsynced_names.len().saturating_add(1));
        for change in state.unsynced_names.drain(..).take(kept) {
            change.apply(&mut state.durable_names);
        }
        state.names.clone_from(&state.durable_names);
        for inode in state.inodes.values_mut() {
            inode.power_cut(&mut state.random);
        }
        state.forget_unnamed();
    }

    /// Ends the process but not the machine: handles and locks are dead, everything written is still there, and what
    /// was not synced can still be lost.
    pub fn process_exit(&self) {
        self.lock().end_life();
    }

    /// Inverts one bit of a file, durably.
    pub fn flip_bit(&self, path: impl AsRef<Path>, offset: u64, bit: u8) {
        let mask = 1_u8.checked_shl(u32::from(bit)).unwrap_or_default();
        if let Some(inode) = self.lock().inode_mut(path.as_ref()) {
            inode.flip(length(offset), mask);
        }
    }

    /// The content of a file as a reader sees it now.
    pub fn contents(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        self.lock().inode_mut(path.as_ref()).map(|inode| inode.bytes().to_vec())
    }

    /// Puts a file with this content there, durably.
    pub fn put(&self, path: impl AsRef<Path>, content: Vec<u8>) {
        let state = &mut *self.lock();
        let path = path.as_ref().to_path_buf();
        let inode = state.create(Inode::durable(content));
        state.names.insert(path.clone(), inode);
        state.durable_names.insert(path, inode);
    }

    /// All files.
    pub fn files(&self) -> Vec<PathBuf> {
        self.lock().names.keys().cloned().collect()
    }

    /// Successful syncs of files and directories so far.
    pub fn sync_count(&self) -> u64 {
        self.lock().syncs
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end_life(&mut self) {
        self.life = self.life.wrapping_add(1);
        self.locks.clear();
        self.plan.forget_injected();
    }

    fn create(&mut self, inode: Inode) -> u64 {
        self.inodes_created = self.inodes_created.wrapping_add(1);
        self.inodes.insert(self.inodes_created, inode);
        self.inodes_created
    }

    fn inode_mut(&mut self, path: &Path) -> Option<&mut Inode> {
        let inode = self.names.get(path)?;
        self.inodes.get_mut(inode)
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }

    fn forget_unnamed(&mut self) {
        let named: BTreeSet<u64> = self.names.values().copied().collect();
        self.inodes.retain(|inode, _| named.contains(inode));
    }

    /// Bytes that may still be written over `offset`, of `wanted`.
    fn space_for(&self, inode: u64, offset: u64, wanted: u64) -> u64 {
        let Some(capacity) = self.capacity_bytes else { return wanted };
        let named: BTreeSet<&u64> = self.names.values().collect();
        let used: u64 = self.inodes.iter().filter(|(id, _)| named.contains(id)).map(|(_, inode)| inode.size()).sum();
        let size = self.inodes.get(&inode).map_or(0, Inode::size);
        let free = capacity.saturating_sub(used);
        size.saturating_add(free).saturating_sub(offset).min(wanted)
    }

    fn write(&mut self, inode: u64, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let (wanted, error) = match self.plan.on_write(&mut self.random, bytes.len()) {
            Outcome::Whole => (bytes.len(), None),
            Outcome::Short(count) => (count, None),
            Outcome::Failed { written, error } => (written, Some(error)),
        };
        let space = length(self.space_for(inode, offset, crate::fields::offset(wanted)));
        let target = self.inodes.get_mut(&inode).ok_or_else(gone)?;
        target.write(crate::fields::first(bytes, wanted.min(space)), length(offset));
        match error {
            Some(error) => Err(error),
            None if space == 0 && wanted > 0 => Err(io::ErrorKind::StorageFull.into()),
            None => Ok(wanted.min(space)),
        }
    }

    fn sync(&mut self, inode: u64) -> io::Result<()> {
        let failed = self.plan.on_sync(&mut self.random);
        let target = self.inodes.get_mut(&inode).ok_or_else(gone)?;
        if failed {
            target.fail_sync();
            return Err(fault::io_error());
        }
        target.sync();
        self.syncs = self.syncs.wrapping_add(1);
        Ok(())
    }
}

impl Storage for FaultyDisk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.lock().directories.insert(path.to_path_buf());
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let state = self.lock();
        let inside = state.names.keys().filter(|name| name.parent() == Some(path));
        Ok(inside.filter_map(|name| name.file_name()?.to_str().map(str::to_owned)).collect())
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn StorageFile>> {
        let state = &mut *self.lock();
        let inode = match (state.names.get(path), mode) {
            (Some(_), OpenMode::CreateNew) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(inode), OpenMode::Read | OpenMode::ReadWrite) => *inode,
            (None, OpenMode::Read | OpenMode::ReadWrite) => return Err(io::ErrorKind::NotFound.into()),
            (None, OpenMode::CreateNew) => {
                let inode = state.create(Inode::default());
                state.change_names(NameChange::Link { path: path.to_path_buf(), inode });
                inode
            }
        };
        Ok(Box::new(FaultyFile { disk: self.clone(), inode, life: state.life, writable: mode != OpenMode::Read }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        if !state.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change_names(NameChange::Rename { from: from.to_path_buf(), to: to.to_path_buf() });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change_names(NameChange::Unlink { path: path.to_path_buf() });
        Ok(())
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let state = &mut *self.lock();
        if state.plan.on_sync(&mut state.random) {
            return Err(fault::io_error());
        }
        let (here, elsewhere): (Vec<_>, Vec<_>) = state.unsynced_names.drain(..).partition(|change| change.is_in(path));
        state.unsynced_names = elsewhere;
        for change in here {
            change.apply(&mut state.durable_names);
        }
        state.syncs = state.syncs.wrapping_add(1);
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DirectoryLock>> {
        let mut state = FaultyDisk::lock(self);
        if !state.locks.insert(path.to_path_buf()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(FaultyLock { disk: self.clone(), path: path.to_path_buf(), life: state.life }))
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    inode: u64,
    life: u64,
    writable: bool,
}

impl FaultyFile {
    /// The state, unless the process that opened this handle is gone.
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.lock();
        if state.life == self.life { Ok(state) } else { Err(gone()) }
    }
}

impl StorageFile for FaultyFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.state()?.inodes.get(&self.inode).ok_or_else(gone)?.size())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        Ok(self.state()?.inodes.get(&self.inode).ok_or_else(gone)?.read(buffer, length(offset)))
    }

    fn write_at(&self, buffers: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        if !self.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let bytes: Vec<u8> = buffers.iter().flat_map(|buffer| buffer.iter().copied()).collect();
        self.state()?.write(self.inode, &bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.state()?.sync(self.inode)
    }
}

#[derive(Debug)]
struct FaultyLock {
    disk: FaultyDisk,
    path: PathBuf,
    life: u64,
}

impl DirectoryLock for FaultyLock {}

impl Drop for FaultyLock {
    fn drop(&mut self) {
        let mut state = self.disk.lock();
        if state.life == self.life {
            state.locks.remove(&self.path);
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the process that opened this file has ended")
}
