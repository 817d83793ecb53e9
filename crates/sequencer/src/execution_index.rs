//! Where each of a user's events is: (user, execution number) → sequence. `docs/event-log.md` says how, and draws its files.

pub mod entry;
mod file;
pub mod read;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use codec::event::EventReader;
use domain::event::Event;
use domain::ids::{ExecutionNumber, UserId, VenueId};
use domain::units::Seq;
use journal::read::{Reader, SegmentSource};

use self::entry::{Entry, Found, Wanted, find_sorted, find_unsorted, numbered};
use self::file::Stretch;
use self::read::ExecutionsError;
use crate::folder::Folder;

/// Entries that are searched one by one, while readers keep the writer waiting.
const CHUNK_ENTRIES: usize = 16_384;

/// Entries of a file.
const FILE_ENTRIES: usize = 1 << 20;

/// Files whose entries a start may leave in memory for whoever maintains the index: sorting and syncing them would keep the
/// doors closed for as long as the replay itself.
const FILES_WAITING_MAX: usize = 8;

/// What the event log's writer has seen and not yet handed over. Pushing is all that happens on its path.
#[derive(Debug, Default)]
pub struct Notes {
    entries: Vec<Entry>,
}

impl Notes {
    /// Notes the events of a command.
    pub fn note(&mut self, seq: Seq, events: &[Event]) {
        for (user, execution) in events.iter().filter_map(numbered) {
            self.entries.push(Entry { user, execution, seq });
        }
    }
}

/// The index. One writer, any number of readers, and one who calls [`ExecutionIndex::maintain`].
#[derive(Debug)]
pub struct ExecutionIndex {
    folder: Folder,
    venue: VenueId,
    chunk_entries: usize,
    file_entries: usize,
    stretches: RwLock<Stretches>,
    published: AtomicU64,
    /// A start has tried to write files and could not; it does not try again.
    is_unwritable: AtomicBool,
    /// Held by whoever maintains.
    maintenance: Mutex<()>,
    /// Readers of the event log that nobody uses now: each has learnt where blocks are.
    readers: Mutex<Vec<Reader>>,
}

/// Oldest first: files, chunks, tail.
#[derive(Debug)]
struct Stretches {
    files: Vec<Stretch>,
    /// Everything up to here is in files, or was before the event log begins.
    in_files: Seq,
    chunks: Vec<Arc<Chunk>>,
    tail: Vec<Entry>,
}

#[derive(Debug)]
struct Chunk {
    entries: Vec<Entry>,
    /// Last command covered.
    last: Seq,
    is_sorted: bool,
}

impl ExecutionIndex {
    /// The index of the event log that `source` reads and that is `written` so far. What no file covers is read from there, up
    /// to `until`; what is behind that, the caller brings.
    pub fn open(
        folder: impl Into<Folder>,
        venue: VenueId,
        source: &SegmentSource,
        written: Seq,
        until: Seq,
    ) -> Result<Self, ExecutionsError> {
        Self::open_sized(folder.into(), venue, source, (written, until), (CHUNK_ENTRIES, FILE_ENTRIES))
    }

    fn open_sized(
        folder: Folder,
        venue: VenueId,
        source: &SegmentSource,
        (written, until): (Seq, Seq),
        (chunk_entries, file_entries): (usize, usize),
    ) -> Result<Self, ExecutionsError> {
        folder.prepare()?;
        let oldest = source.oldest()?.unwrap_or(Seq(1));
        let files = usable_files(&folder, venue, oldest, written)?;
        let in_files = files.last().map_or(Seq::ZERO, |stretch| stretch.last).max(Seq(oldest.0.saturating_sub(1)));
        let stretches = Stretches { files, in_files, chunks: Vec::new(), tail: Vec::new() };
        let index = Self {
            folder,
            venue,
            chunk_entries,
            file_entries,
            stretches: RwLock::new(stretches),
            published: AtomicU64::new(in_files.0),
            is_unwritable: AtomicBool::new(false),
            maintenance: Mutex::new(()),
            readers: Mutex::default(),
        };
        index.rebuild(source, in_files, until.min(written))?;
        Ok(index)
    }

    /// Reads what is behind `after` from the event log, up to `until`, which is the end of a block.
    fn rebuild(&self, source: &SegmentSource, after: Seq, until: Seq) -> Result<(), ExecutionsError> {
        let mut reader = source.reader(after.next());
        let (mut notes, mut events) = (Notes::default(), Vec::new());
        while let Some(block) = reader.next_block(until)? {
            let mut groups = EventReader::new(block.payload);
            while let Some(group) = groups.next_into(&mut events) {
                let (seq, _) = group.map_err(ExecutionsError::Decode)?;
                if seq > after {
                    notes.note(seq, &events);
                }
            }
            self.publish(&mut notes, block.header.last_seq());
            self.bound_memory();
        }
        Ok(())
    }

    /// Writes files if so much waits for them that memory has to be bounded.
    pub fn bound_memory(&self) {
        let stretches = self.read();
        let waiting = stretches.chunks.len().saturating_mul(self.chunk_entries);
        drop(stretches);
        if waiting < self.file_entries.saturating_mul(FILES_WAITING_MAX) || self.is_unwritable.load(Ordering::Relaxed) {
            return;
        }
        while match self.maintain(Seq::ZERO) {
            Ok(more) => more,
            Err(error) => {
                tracing::warn!(%error, "the index of executions cannot be written");
                // Without files everything stays in memory: no reason not to start.
                self.is_unwritable.store(true, Ordering::Relaxed);
                false
            }
        } {}
    }

    /// Hands over what was noted; the event log has it up to `last`.
    pub fn publish(&self, notes: &mut Notes, last: Seq) {
        let mut stretches = self.write();
        // A chunk that grew beyond what it was made for would be copied, and keep twice the memory.
        if stretches.tail.len().saturating_add(notes.entries.len()) > self.chunk_entries && !stretches.tail.is_empty() {
            let entries = std::mem::replace(&mut stretches.tail, Vec::with_capacity(self.chunk_entries));
            stretches.chunks.push(Arc::new(Chunk { entries, last: self.published(), is_sorted: false }));
        }
        stretches.tail.append(&mut notes.entries);
        drop(stretches);
        self.published.store(last.0, Ordering::Release);
    }

    /// The last command whose events can be found.
    pub fn published(&self) -> Seq {
        Seq(self.published.load(Ordering::Acquire))
    }

    /// Does one piece of the slow work: sorts a chunk, writes a file, or drops files whose events are before `oldest`, the
    /// event log's oldest sequence. False: there is none to do now.
    pub fn maintain(&self, oldest: Seq) -> io::Result<bool> {
        let _guard = self.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(self.sort_one() || self.write_one()? || self.drop_files(oldest)?)
    }

    /// The command that has a user's event of this number.
    pub fn find(&self, user: UserId, execution: ExecutionNumber) -> io::Result<Option<Seq>> {
        let found = self.first(&Wanted { user, execution, seq: Seq::ZERO })?;
        Ok(found.filter(|entry| entry.execution == execution).map(|entry| entry.seq))
    }

    /// The first of a user's entries that has reached what is wanted.
    fn first(&self, wanted: &Wanted) -> io::Result<Option<Entry>> {
        let (in_tail, chunks, files) = {
            let stretches = self.read();
            (find_unsorted(&stretches.tail, wanted), stretches.chunks.clone(), stretches.files.clone())
        };
        let mut first = None;
        let mut is_done = |found: Found| {
            first = found.hit.or(first);
            found.ends_search || first.is_some_and(|entry: Entry| entry.execution == wanted.execution)
        };
        if is_done(in_tail) {
            return Ok(first);
        }
        for chunk in chunks.iter().rev() {
            let find = if chunk.is_sorted { find_sorted } else { find_unsorted };
            if is_done(find(&chunk.entries, wanted)) {
                return Ok(first);
            }
        }
        for stretch in files.into_iter().rev() {
            match file::find(&self.folder, self.venue, stretch, wanted) {
                Ok(found) if is_done(found) => break,
                Ok(_) => {}
                // Dropped a moment ago, and all older ones with it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            }
        }
        Ok(first)
    }

    fn sort_one(&self) -> bool {
        let stretches = self.read();
        let Some(place) = stretches.chunks.iter().position(|chunk| !chunk.is_sorted) else { return false };
        let chunk = Arc::clone(&stretches.chunks[place]);
        drop(stretches);
        let mut entries = chunk.entries.clone();
        entries.sort_unstable();
        // Chunks are removed only under the lock of maintenance: the place is the same.
        self.write().chunks[place] = Arc::new(Chunk { entries, last: chunk.last, is_sorted: true });
        true
    }

    fn write_one(&self) -> io::Result<bool> {
        let (first, mut chunks) = {
            let stretches = self.read();
            (stretches.in_files.next(), stretches.chunks.clone())
        };
        let mut count = 0;
        let full = chunks.iter().position(|chunk| {
            count += chunk.entries.len();
            count >= self.file_entries
        });
        let Some(place) = full else { return Ok(false) };
        let (taken, last) = (place + 1, chunks[place].last);
        chunks.truncate(taken);
        let mut entries: Vec<Entry> = chunks.iter().flat_map(|chunk| &chunk.entries).copied().collect();
        entries.sort_unstable();
        let stretch = Stretch { first, last };
        file::write(&self.folder, self.venue, stretch, &entries)?;
        let mut stretches = self.write();
        stretches.chunks.drain(..taken);
        stretches.files.push(stretch);
        stretches.in_files = last;
        Ok(true)
    }

    fn drop_files(&self, oldest: Seq) -> io::Result<bool> {
        let mut stretches = self.write();
        let old = stretches.files.partition_point(|stretch| stretch.last < oldest);
        let dropped: Vec<Stretch> = stretches.files.drain(..old).collect();
        drop(stretches);
        for stretch in &dropped {
            self.folder.remove(&stretch.file_name())?;
        }
        Ok(!dropped.is_empty())
    }

    fn read(&self) -> RwLockReadGuard<'_, Stretches> {
        self.stretches.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Stretches> {
        self.stretches.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The files of this venue that follow each other without a gap from the oldest command of the event log on, and are not ahead
/// of it; the others are removed.
fn usable_files(folder: &Folder, venue: VenueId, oldest: Seq, written: Seq) -> io::Result<Vec<Stretch>> {
    let mut found: Vec<Stretch> = folder.list()?.iter().filter_map(|name| Stretch::of_file_name(name)).collect();
    found.sort_unstable();
    let mut usable: Vec<Stretch> = Vec::new();
    let mut is_broken = false;
    for stretch in found {
        let joins = usable.last().map_or(stretch.first <= oldest, |before| stretch.first == before.last.next());
        is_broken = is_broken || !joins || stretch.last > written || !file::is_whole(folder, venue, stretch)?;
        if is_broken {
            folder.remove(&stretch.file_name())?;
        } else {
            usable.push(stretch);
        }
    }
    Ok(usable)
}

#[cfg(test)]
mod tests;
