//! A file of the index: sorted entries of one stretch of the event log, as `docs/event-log.md` draws it.

use std::io;

use domain::ids::{ExecutionNumber, UserId, VenueId};
use domain::units::Seq;
use journal::storage::StorageFile;

use super::entry::{Entry, Found, Wanted, find_sorted};
use crate::folder::{Folder, read_exact};

const MAGIC: [u8; 8] = *b"BWEXECIX";
const FORMAT: u32 = 1;
const SUFFIX: &str = ".exec";
const HEADER_CHECKED_BYTES: usize = 60;
const HEADER_BYTES: usize = 64;
const PAGE_BYTES: usize = 4096;
const PAGE_FRAME_BYTES: usize = 16;
const ENTRY_BYTES: usize = 20;
const PAGE_ENTRIES: usize = (PAGE_BYTES - PAGE_FRAME_BYTES) / ENTRY_BYTES;

/// The commands that a file covers, whether or not they have entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stretch {
    pub(crate) first: Seq,
    pub(crate) last: Seq,
}

impl Stretch {
    pub(crate) fn file_name(self) -> String {
        format!("{:020}-{:020}{SUFFIX}", self.first.0, self.last.0)
    }

    pub(crate) fn of_file_name(name: &str) -> Option<Self> {
        let (first, last) = name.strip_suffix(SUFFIX)?.split_once('-')?;
        let (first, last) = (Seq(first.parse().ok()?), Seq(last.parse().ok()?));
        (first <= last).then_some(Self { first, last })
    }
}

/// Writes a file. The entries must be sorted.
pub(crate) fn write(folder: &Folder, venue: VenueId, stretch: Stretch, entries: &[Entry]) -> io::Result<()> {
    debug_assert!(entries.is_sorted(), "the pages are searched by halves");
    let mut bytes = vec![0; PAGE_BYTES * (1 + entries.len().div_ceil(PAGE_ENTRIES))];
    let (header, pages) = bytes.split_at_mut(PAGE_BYTES);
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    header[16..32].copy_from_slice(&venue.0);
    header[32..40].copy_from_slice(&stretch.first.0.to_le_bytes());
    header[40..48].copy_from_slice(&stretch.last.0.to_le_bytes());
    header[48..56].copy_from_slice(&long(entries.len()).to_le_bytes());
    let crc = crc32c::crc32c(&header[..HEADER_CHECKED_BYTES]);
    header[HEADER_CHECKED_BYTES..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
    for (page, entries) in pages.chunks_mut(PAGE_BYTES).zip(entries.chunks(PAGE_ENTRIES)) {
        let count = u32::try_from(entries.len()).expect("a page has few entries");
        page[4..8].copy_from_slice(&count.to_le_bytes());
        for (place, entry) in page[PAGE_FRAME_BYTES..].chunks_exact_mut(ENTRY_BYTES).zip(entries) {
            place[..4].copy_from_slice(&entry.user.0.to_le_bytes());
            place[4..12].copy_from_slice(&entry.execution.0.to_le_bytes());
            place[12..].copy_from_slice(&entry.seq.0.to_le_bytes());
        }
        let crc = crc32c::crc32c(&page[4..]);
        page[..4].copy_from_slice(&crc.to_le_bytes());
    }
    folder.write(&stretch.file_name(), &bytes).map(drop)
}

/// Whether the file is one of this venue and stretch, and as long as it says. Its pages are checked when they are read.
pub(crate) fn is_whole(folder: &Folder, venue: VenueId, stretch: Stretch) -> io::Result<bool> {
    let file = folder.open(&stretch.file_name())?;
    match entries_count(file.as_ref(), venue, stretch) {
        Ok(count) => Ok(file.size()? == long(PAGE_BYTES) * (1 + count.div_ceil(long(PAGE_ENTRIES)))),
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => Ok(false),
        Err(error) => Err(error),
    }
}

fn entries_count(file: &dyn StorageFile, venue: VenueId, stretch: Stretch) -> io::Result<u64> {
    let mut header = [0; HEADER_BYTES];
    read_exact(file, &mut header, 0)?;
    let is_good = field(&header, HEADER_CHECKED_BYTES) == crc32c::crc32c(&header[..HEADER_CHECKED_BYTES]).to_le_bytes()
        && field(&header, 0) == MAGIC
        && field(&header, 8) == FORMAT.to_le_bytes()
        && field(&header, 16) == venue.0
        && field(&header, 32) == stretch.first.0.to_le_bytes()
        && field(&header, 40) == stretch.last.0.to_le_bytes();
    if is_good { Ok(u64::from_le_bytes(field(&header, 48))) } else { Err(damaged("header")) }
}

/// Looks through a file: a binary search over its pages, then one within the page.
pub(crate) fn find(folder: &Folder, venue: VenueId, stretch: Stretch, wanted: &Wanted) -> io::Result<Found> {
    let file = folder.open(&stretch.file_name())?;
    let count = entries_count(file.as_ref(), venue, stretch)?;
    let mut page = Page::default();
    // All pages before `low` end behind what is wanted; the one at `high` does not, if there is one.
    let (mut low, mut high) = (0, count.div_ceil(long(PAGE_ENTRIES)));
    let pages = high;
    while low < high {
        let middle = low.midpoint(high);
        page.read(file.as_ref(), middle)?;
        if page.entries.last().is_some_and(|last| wanted.is_behind(last)) { low = middle + 1 } else { high = middle }
    }
    let mut found = Found::default();
    if low < pages {
        page.read(file.as_ref(), low)?;
        found = find_sorted(&page.entries, wanted);
    }
    if !found.ends_search && low > 0 {
        page.read(file.as_ref(), low - 1)?;
        found.ends_search = page.entries.last().is_some_and(|last| last.user == wanted.user);
    }
    Ok(found)
}

#[derive(Debug, Default)]
struct Page {
    number: Option<u64>,
    entries: Vec<Entry>,
}

impl Page {
    fn read(&mut self, file: &dyn StorageFile, number: u64) -> io::Result<()> {
        if self.number == Some(number) {
            return Ok(());
        }
        let mut bytes = [0; PAGE_BYTES];
        read_exact(file, &mut bytes, (number + 1) * long(PAGE_BYTES))?;
        let count = usize::try_from(u32::from_le_bytes(field(&bytes, 4))).unwrap_or(usize::MAX);
        if field(&bytes, 0) != crc32c::crc32c(&bytes[4..]).to_le_bytes() || count > PAGE_ENTRIES {
            return Err(damaged("page"));
        }
        self.entries.clear();
        self.entries.extend(bytes[PAGE_FRAME_BYTES..].chunks_exact(ENTRY_BYTES).take(count).map(|bytes| Entry {
            user: UserId(u32::from_le_bytes(field(bytes, 0))),
            execution: ExecutionNumber(u64::from_le_bytes(field(bytes, 4))),
            seq: Seq(u64::from_le_bytes(field(bytes, 12))),
        }));
        self.number = Some(number);
        Ok(())
    }
}

/// The `N` bytes from `offset` on, which the caller knows to be there.
fn field<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    bytes[offset..offset + N].try_into().expect("the range is as long as the array")
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the {what} of an index file is damaged"))
}

fn long(length: usize) -> u64 {
    u64::try_from(length).expect("a length fits into 64 bits")
}
