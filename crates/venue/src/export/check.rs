//! Checks an export without the venue: signature, hashes, and that no record is missing.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use domain::units::UnixNanos;
use ed25519_dalek::VerifyingKey;
use zstd::stream::read::Decoder;

use super::dates::{self, Day};
use super::manifest::{self, Link, MANIFEST, Manifest, Part, SIGNATURE};
use super::record::{Checked, Head};
use super::write::Hashed;

/// Longest line that is read: a record is far shorter.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// A head is noted as soon as the queue lets it: so many records before it are kept to compare.
const RECENT_MAX: usize = 1 << 16;

/// Checks one export. An error names the first thing that is wrong.
pub(crate) fn export(directory: &Path, key: &VerifyingKey) -> anyhow::Result<Manifest> {
    let manifest = manifest::read(directory, key)?;
    nothing_else(directory, &manifest)?;
    let mut records = Records {
        last: manifest.before.clone(),
        last_time: UnixNanos(0),
        recent: VecDeque::new(),
        from: time(&manifest.from)?,
        to: time(&manifest.to)?,
    };
    let mut count = 0;
    for part in &manifest.files {
        let path = directory.join(&part.name);
        file(&path, part, &mut records).with_context(|| path.display().to_string())?;
        count += part.records;
    }
    ensure!(count == manifest.records, "the files have {count} records, the manifest says {}", manifest.records);
    let head = records.last.filter(|_| count > 0);
    ensure!(
        head == manifest.head,
        "the last record is {}, the manifest says {}",
        Place(head.as_ref()),
        Place(manifest.head.as_ref())
    );
    Ok(manifest)
}

/// Whether the second goes on where the first ends: no record is between them, whatever their dates. One without any record ends with the
/// one before it.
pub(crate) fn follows(first: &Manifest, second: &Manifest) -> anyhow::Result<()> {
    ensure!(first.venue == second.venue, "they are of two venues");
    let end = first.head.as_ref().or(first.before.as_ref());
    ensure!(
        second.before.as_ref() == end,
        "the one ends with record {}, the next begins after record {}",
        Place(end),
        Place(second.before.as_ref())
    );
    Ok(())
}

struct Place<'a>(Option<&'a Link>);

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(link) => link.fmt(f),
            None => f.write_str("0"),
        }
    }
}

/// What is in the directory is what the manifest says.
fn nothing_else(directory: &Path, manifest: &Manifest) -> anyhow::Result<()> {
    let known: BTreeSet<&str> = manifest.files.iter().map(|part| part.name.as_str()).collect();
    ensure!(known.len() == manifest.files.len(), "a file is named twice");
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let is_known = name.to_str().is_some_and(|name| known.contains(name) || [MANIFEST, SIGNATURE].contains(&name));
        ensure!(is_known, "{} is not of the export", directory.join(name).display());
    }
    Ok(())
}

fn time(text: &str) -> anyhow::Result<UnixNanos> {
    dates::parse(text).map_err(anyhow::Error::msg)
}

fn file(path: &Path, part: &Part, records: &mut Records) -> anyhow::Result<()> {
    let mut lines = Hashed::new(Decoder::new(Hashed::new(File::open(path)?))?);
    let mut number = 0;
    {
        let mut reader = BufReader::new(&mut lines);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
            if read.with_context(|| format!("damaged behind line {number}"))? == 0 {
                break;
            }
            number += 1;
            records.take(&line, &part.name).with_context(|| format!("line {number}"))?;
            let last = records.last.as_ref().map_or(0, |last| last.seq);
            ensure!(number > 1 || last == part.first_seq, "begins with record {last}, not {}", part.first_seq);
        }
    }
    let last = records.last.as_ref().map_or(0, |last| last.seq);
    ensure!(last == part.last_seq, "record {} is missing at the end", last + 1);
    ensure!(number == part.records, "{number} records, not {}", part.records);
    let (inner, lines_sha256, lines_bytes) = lines.into_parts();
    ensure!(
        (lines_bytes, &lines_sha256) == (part.lines_bytes, &part.lines_sha256),
        "a record was changed: the hash of the lines is {lines_sha256}, not {}",
        part.lines_sha256
    );
    let mut compressed = inner.finish().into_inner();
    std::io::copy(&mut compressed, &mut std::io::sink())?;
    let (_, sha256, bytes) = compressed.into_parts();
    ensure!((bytes, &sha256) == (part.bytes, &part.sha256), "its hash is {sha256}, not {}", part.sha256);
    Ok(())
}

/// Where the chain of records is.
#[derive(Debug)]
struct Records {
    last: Option<Link>,
    last_time: UnixNanos,
    /// Blocks of the last records, oldest first.
    recent: VecDeque<Arc<str>>,
    from: UnixNanos,
    to: UnixNanos,
}

impl Records {
    fn take(&mut self, line: &[u8], name: &str) -> anyhow::Result<()> {
        let record: Checked = serde_json::from_slice(line).context("is no record")?;
        let expected = self.last.as_ref().map_or(1, |last| last.seq + 1);
        if record.seq > expected {
            bail!("record {expected} is missing: {} comes next", record.seq);
        }
        ensure!(record.seq == expected, "record {} comes a second time, or too late", record.seq);
        let at = time(&record.time)?;
        ensure!(at >= self.last_time, "record {} is earlier than the one before", record.seq);
        ensure!(self.from <= at && at < self.to, "record {} is not of the range", record.seq);
        ensure!(name == file_name(Day::of(at)), "record {} is of another day", record.seq);
        if let Some(head) = record.head().context("notes no head")? {
            self.compare(&head, record.seq)?;
        }
        self.keep(&record.block);
        self.last = Some(Link { seq: record.seq, hash: record.block });
        self.last_time = at;
        Ok(())
    }

    /// Records of one block share its text.
    fn keep(&mut self, block: &str) {
        let block = match self.recent.back() {
            Some(last) if **last == *block => Arc::clone(last),
            Some(_) | None => Arc::from(block),
        };
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(block);
    }

    /// The chain is what record `noted` says it was, as far as its head is among the last records of the export.
    fn compare(&self, head: &Head, noted: u64) -> anyhow::Result<()> {
        ensure!(head.head < noted, "record {noted} notes a head that came later");
        let back = usize::try_from(noted - head.head).unwrap_or(usize::MAX);
        let Some(block) = self.recent.len().checked_sub(back).and_then(|place| self.recent.get(place)) else {
            return Ok(());
        };
        ensure!(
            **block == *head.head_block,
            "record {noted} says that the chain had {} at {}; the export has {block}",
            head.head_block,
            head.head
        );
        Ok(())
    }
}

/// The file of a day.
pub(crate) fn file_name(day: Day) -> String {
    format!("audit-{day}.jsonl.zst")
}
