//! Writes an export: one file for each day of UTC.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use domain::ids::{Checkpoint, VenueId};
use domain::units::{Seq, UnixNanos};
use projector::rows::AuditRow;
use sha2::{Digest as _, Sha256};
use zstd::stream::write::Encoder;

use super::check::file_name;
use super::dates::{self, Day};
use super::manifest::{FORMAT, Link, Manifest, Part};
use super::record;

/// Compression: about as fast as records are read.
const LEVEL: i32 = 3;

/// Takes all records of the archive in their order, and keeps those of a range.
#[derive(Debug)]
pub(crate) struct Writer {
    directory: PathBuf,
    range: (UnixNanos, UnixNanos),
    /// The last that came.
    last: Option<Link>,
    last_time: UnixNanos,
    /// The last before the range.
    before: Option<Link>,
    head: Option<Link>,
    is_complete: bool,
    compared_from: Option<u64>,
    open: Option<DayFile>,
    files: Vec<Part>,
}

/// What a record should be, by the venue's logs; absent: they no longer have it.
type Journal<'a> = &'a mut dyn FnMut(Seq) -> anyhow::Result<Option<AuditRow>>;

impl Writer {
    /// Into a directory that is there and empty.
    pub(crate) fn new(directory: &Path, range: (UnixNanos, UnixNanos)) -> Self {
        Self {
            directory: directory.to_owned(),
            range,
            last: None,
            last_time: UnixNanos(0),
            before: None,
            head: None,
            is_complete: false,
            compared_from: None,
            open: None,
            files: Vec::new(),
        }
    }

    /// The next record.
    pub(crate) fn take(&mut self, row: &AuditRow, journal: Journal<'_>) -> anyhow::Result<()> {
        let expected = self.last.as_ref().map_or(1, |last| last.seq + 1);
        anyhow::ensure!(
            row.seq.0 == expected,
            "record {expected} is missing in the archive: the next one is {}",
            row.seq.0
        );
        anyhow::ensure!(
            row.time >= self.last_time,
            "record {} was altered in the archive: it is earlier than the one before",
            row.seq.0
        );
        self.last_time = row.time;
        let link = Link::new(row.seq, &row.block);
        self.last = Some(link.clone());
        // One of which the time was altered is not to leave the range.
        let is_compared = is_as_journaled(row, journal)?;
        if row.time < self.range.0 {
            self.before = Some(link);
        } else if row.time >= self.range.1 {
            self.is_complete = true;
        } else {
            // A venue beside may remove segments while it is read: what was compared before that has a gap behind it.
            self.compared_from = is_compared.then(|| self.compared_from.unwrap_or(row.seq.0));
            self.head = Some(link);
            self.file_of(Day::of(row.time))?.write(row)?;
        }
        Ok(())
    }

    fn file_of(&mut self, day: Day) -> anyhow::Result<&mut DayFile> {
        if self.open.as_ref().is_some_and(|open| open.day != day) {
            self.close()?;
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => DayFile::create(&self.directory, day)?,
        };
        Ok(self.open.insert(open))
    }

    fn close(&mut self) -> anyhow::Result<()> {
        if let Some(open) = self.open.take() {
            self.files.push(open.finish()?);
        }
        Ok(())
    }

    /// No more come: what was written.
    pub(crate) fn finish(mut self, venue: VenueId, archive: &Checkpoint) -> anyhow::Result<Manifest> {
        self.close()?;
        let last = self.last.as_ref().map_or(0, |last| last.seq);
        anyhow::ensure!(
            Seq(last) == archive.seq,
            "record {} is missing in the archive, whose checkpoint is {}",
            last + 1,
            archive.seq.0
        );
        Ok(Manifest {
            format: FORMAT,
            venue: hex::encode(venue.0),
            from: dates::text(self.range.0),
            to: dates::text(self.range.1),
            archive: Link::new(archive.seq, &archive.hash),
            is_complete: self.is_complete,
            records: self.files.iter().map(|part| part.records).sum(),
            before: self.before,
            head: self.head,
            compared_from: self.compared_from,
            files: self.files,
        })
    }
}

/// Whether the venue's logs have the record, as it is; where it is another there, it is refused.
fn is_as_journaled(row: &AuditRow, journal: Journal<'_>) -> anyhow::Result<bool> {
    let Some(should) = journal(row.seq)? else { return Ok(false) };
    anyhow::ensure!(
        should == *row,
        "record {} was altered in the archive: the journal has another. `buttonwood verify` shows both",
        row.seq.0
    );
    Ok(true)
}

/// The file that is being written.
struct DayFile {
    day: Day,
    name: String,
    path: PathBuf,
    encoder: Encoder<'static, Hashed<File>>,
    lines: Sha256,
    lines_bytes: u64,
    records: u64,
    seqs: Option<(Seq, Seq)>,
    line: Vec<u8>,
}

impl std::fmt::Debug for DayFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DayFile").field("name", &self.name).finish_non_exhaustive()
    }
}

impl DayFile {
    fn create(directory: &Path, day: Day) -> anyhow::Result<Self> {
        let name = file_name(day);
        let path = directory.join(&name);
        let file = File::create_new(&path).with_context(|| cannot_write(&path))?;
        let mut encoder = Encoder::new(Hashed::new(file), LEVEL)?;
        encoder.include_checksum(true)?;
        let (lines, line) = (Sha256::new(), Vec::new());
        Ok(Self { day, name, path, encoder, lines, lines_bytes: 0, records: 0, seqs: None, line })
    }

    fn write(&mut self, row: &AuditRow) -> anyhow::Result<()> {
        self.line.clear();
        record::write(row, &mut self.line).with_context(|| format!("record {} is broken in the archive", row.seq.0))?;
        self.encoder.write_all(&self.line).with_context(|| cannot_write(&self.path))?;
        self.lines.update(&self.line);
        self.lines_bytes += u64::try_from(self.line.len())?;
        self.records += 1;
        self.seqs = Some((self.seqs.map_or(row.seq, |(first, _)| first), row.seq));
        Ok(())
    }

    fn finish(self) -> anyhow::Result<Part> {
        let (first, last) = self.seqs.unwrap_or_default();
        let encoded = self.encoder.finish().with_context(|| cannot_write(&self.path))?;
        let (file, sha256, bytes) = encoded.into_parts();
        file.sync_all().with_context(|| cannot_write(&self.path))?;
        Ok(Part {
            name: self.name,
            first_seq: first.0,
            last_seq: last.0,
            records: self.records,
            sha256,
            bytes,
            lines_sha256: hex::encode(self.lines.finalize()),
            lines_bytes: self.lines_bytes,
        })
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// Hashes and counts what goes through, in either direction.
pub(crate) struct Hashed<T> {
    inner: T,
    hash: Sha256,
    bytes: u64,
}

impl<T> Hashed<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    /// What is behind it, the hash in hexadecimal, and how many bytes went through.
    pub(crate) fn into_parts(self) -> (T, String, u64) {
        (self.inner, hex::encode(self.hash.finalize()), self.bytes)
    }

    fn count(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    }
}

impl<T: Write> Write for Hashed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.count(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: io::Read> io::Read for Hashed<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.count(bytes.get(..read).unwrap_or_default());
        Ok(read)
    }
}
