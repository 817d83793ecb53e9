//! `buttonwood export` and `check-export`: the audit records of a range of dates, for whoever has to keep or to check them.

mod manifest;
mod journaled;
mod write;
mod check;
mod record;
mod dates;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args as ClapArgs;
use domain::units::UnixNanos;
use ed25519_dalek::VerifyingKey;
use projector::batch::Stream;
use projector::store::StoredRow;
use sequencer::recovery::Places;

use crate::arrangement;
use crate::config::Config;
use crate::followers::name_of;
use crate::live;
use crate::serve::read_master_key;
use crate::source::Logs;
use crate::stores::member::{Access, Member, Present, open_present, unread};
use journaled::Journaled;
use manifest::{Manifest, signing_key};
use write::Writer;

/// What to export.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The venue's data directory.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// First block time, UTC: 2026-11-28 or 2026-11-28T17:03:06Z.
    #[arg(long, value_name = "TIME", value_parser = dates::parse)]
    from: UnixNanos,
    /// The range ends before this block time.
    #[arg(long, value_name = "TIME", value_parser = dates::parse)]
    to: UnixNanos,
    /// Directory to make: it must not exist.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// What to check.
#[derive(Debug, ClapArgs)]
pub(crate) struct CheckArgs {
    /// Exports; of several, each must go on where the one before ends.
    #[arg(required = true, value_name = "DIR")]
    exports: Vec<PathBuf>,
    /// The key of the venue, as `export` said it.
    #[arg(long, value_name = "HEX", conflicts_with = "data", required_unless_present = "data")]
    key: Option<String>,
    /// The venue's data directory, which has the key.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    anyhow::ensure!(args.from < args.to, "the range ends before it begins");
    let mut config = Config::load(args.config.as_deref())?;
    if let Some(data) = &args.data {
        config.data.clone_from(data);
    }
    arrangement::check(&config)?;
    let places = Places::in_directory(&config.data);
    let venue = places.venue()?.with_context(|| format!("{} holds no venue", config.data.display()))?;
    let key =
        read_master_key(&config.data)?.context("there is no master.key to sign with: the first `serve` makes it")?;
    let key = signing_key(&key);
    let Present { members, damaged, .. } = open_present(&config, Access::Read)?;
    let archive = members.into_iter().find(|member| member.streams.contains(&Stream::Audit));
    let none = damaged.into_iter().next().unwrap_or_else(|| anyhow::anyhow!("there is no archive"));
    let mut archive = archive.ok_or(none)?;
    let logs = live::logs(&config, venue, &places);
    let manifest = whole(&args.out, |directory| {
        let manifest = records(&mut archive, logs, Writer::new(directory, (args.from, args.to)))?;
        manifest::write(directory, &manifest, &key)?;
        Ok(manifest)
    })?;
    say(&manifest);
    println!("key {}", hex::encode(key.verifying_key().to_bytes()));
    Ok(())
}

/// Writes the records of the archive, each compared with the journal.
fn records(archive: &mut Member, logs: Logs, mut writer: Writer) -> anyhow::Result<Manifest> {
    let venue = logs.venue;
    let mut journaled = Journaled::of(logs).context("cannot compare with the journal")?;
    let mut written = Ok(());
    let read = archive.store.read_stream(Stream::Audit, &mut |row| {
        if let (Ok(()), StoredRow::Audit(row)) = (&written, row) {
            written = writer.take(&row, &mut |seq| journaled.record(seq));
        }
    });
    let name = name_of(&archive.name, Stream::Audit);
    let checkpoint =
        read.map_err(|error| anyhow::anyhow!("cannot read {name}: {}", unread(archive.store.as_ref(), &error)))?;
    written?;
    let checkpoint = checkpoint.context("the archive has no audit records yet")?;
    anyhow::ensure!(checkpoint.venue == venue, "the archive is of another venue");
    writer.finish(venue, &checkpoint)
}

/// Makes a directory that is there whole, or not at all, also after a loss of power.
fn whole<T>(out: &Path, fill: impl FnOnce(&Path) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let cannot = || format!("cannot make {}", out.display());
    anyhow::ensure!(!out.exists(), "{}: it is there already", cannot());
    let name = out.file_name().with_context(cannot)?;
    let unfinished = out.with_file_name([name, OsStr::new(".unfinished")].join(OsStr::new("")));
    fs::create_dir(&unfinished).with_context(|| format!("cannot make {}", unfinished.display()))?;
    let filled = fill(&unfinished).and_then(|filled| {
        File::open(&unfinished).and_then(|directory| directory.sync_all()).with_context(cannot)?;
        fs::rename(&unfinished, out).with_context(cannot)?;
        let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent).and_then(|parent| parent.sync_all()).with_context(cannot)?;
        Ok(filled)
    });
    if filled.is_err()
        && let Err(error) = fs::remove_dir_all(&unfinished)
    {
        tracing::warn!(%error, directory = %unfinished.display(), "cannot be removed");
    }
    filled
}

pub(crate) fn run_check(args: &CheckArgs) -> anyhow::Result<()> {
    let key = match (&args.key, &args.data) {
        (Some(hex), _) => {
            let mut bytes = [0; 32];
            hex::decode_to_slice(hex, &mut bytes).context("the key must be 64 hexadecimal digits")?;
            VerifyingKey::from_bytes(&bytes).context("this is no key")?
        }
        (None, Some(data)) => {
            let key = read_master_key(data)?.with_context(|| format!("{} has no master.key", data.display()))?;
            signing_key(&key).verifying_key()
        }
        (None, None) => anyhow::bail!("no key to check with"),
    };
    let mut last: Option<(&Path, Manifest)> = None;
    for directory in &args.exports {
        let manifest = check::export(directory, &key)
            .with_context(|| format!("not as it was written: {}", directory.display()))?;
        if let Some((before, last)) = &last {
            check::follows(last, &manifest)
                .with_context(|| format!("{} does not go on from {}", directory.display(), before.display()))?;
        }
        say(&manifest);
        last = Some((directory, manifest));
    }
    Ok(())
}

fn say(manifest: &Manifest) {
    let Manifest { venue, from, to, is_complete, records, files, before, head, compared_from, .. } = manifest;
    let files = files.len();
    println!("ok    {records} records in {files} files, of venue {venue}, from {from} to {to}");
    if let Some(head) = head {
        let first = before.as_ref().map_or(1, |before| before.seq + 1);
        println!("ok    records {first} to {}, none missing; the chain's head is {}", head.seq, head.hash);
        let compared = compared_from.unwrap_or(head.seq + 1);
        if compared > first {
            println!(
                "note  records {first} to {} are as the archive had them: the venue's logs no longer reached back to all of them",
                compared - 1
            );
        }
    }
    if !is_complete {
        println!("note  the range is not over: the archive has no record from {to} on, so more may come into it");
    }
}

/// Writes a file of an export.
fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let written = File::create_new(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use domain::command::Envelope;
    use domain::ids::{Checkpoint, Hash256, VenueId};
    use domain::units::{Epoch, Seq};
    use gateway::secrets::MasterKey;
    use projector::rows::AuditRow;

    use super::*;

    const HOUR_NS: u64 = 3_600_000_000_000;
    const ARCHIVE: Checkpoint =
        Checkpoint { venue: VenueId([0; 16]), epoch: Epoch(1), seq: Seq(30), hash: Hash256([30; 32]) };

    fn row(seq: u64) -> AuditRow {
        AuditRow {
            seq: Seq(seq),
            // Ten records a day, from the first moment of a day on.
            time: UnixNanos(20_000 * 24 * HOUR_NS + (seq - 1) / 10 * 24 * HOUR_NS + (seq - 1) % 10 * HOUR_NS),
            envelope: Envelope::VENUE,
            action: Cow::Borrowed("cancel_all"),
            content: "{}".into(),
            outcome: Cow::Borrowed("accepted"),
            block: Hash256([u8::try_from(seq).unwrap(); 32]),
        }
    }

    #[test]
    fn each_day_has_its_file_and_a_range_may_begin_within_one() {
        let directory = tempfile::tempdir().unwrap();
        let key = signing_key(&MasterKey::from_bytes([7; 32]));
        // Records 6 to 25: five hours into the first day, to the middle of the third.
        let mut writer = Writer::new(directory.path(), (row(6).time, row(26).time));
        for seq in 1..=30 {
            writer.take(&row(seq), &mut |seq| Ok((seq >= Seq(9)).then(|| row(seq.0)))).unwrap();
        }
        let manifest = writer.finish(ARCHIVE.venue, &ARCHIVE).unwrap();
        manifest::write(directory.path(), &manifest, &key).unwrap();
        let parts: Vec<_> = manifest.files.iter().map(|part| (&part.name[..], part.first_seq, part.last_seq)).collect();
        let expected = [("2024-10-04", 6, 10), ("2024-10-05", 11, 20), ("2024-10-06", 21, 25)];
        let expected = expected.map(|(day, first, last)| (format!("audit-{day}.jsonl.zst"), first, last));
        assert_eq!(parts, expected.each_ref().map(|(name, first, last)| (&name[..], *first, *last)));
        assert_eq!(manifest.before.as_ref().map(|before| before.seq), Some(5));
        assert!(manifest.is_complete);
        assert_eq!(manifest.compared_from, Some(9), "where the logs begin");
        assert_eq!(check::export(directory.path(), &key.verifying_key()).unwrap(), manifest);

        // A day less, signed by the venue itself: the records still say that it is missing.
        let mut less = manifest.clone();
        less.files.remove(1);
        less.records = 10;
        for name in [manifest::MANIFEST, manifest::SIGNATURE, &manifest.files[1].name] {
            fs::remove_file(directory.path().join(name)).unwrap();
        }
        manifest::write(directory.path(), &less, &key).unwrap();
        let error = format!("{:#}", check::export(directory.path(), &key.verifying_key()).unwrap_err());
        assert!(error.contains("record 11 is missing: 21 comes next"), "{error}");
    }

    #[test]
    fn what_was_compared_before_the_logs_went_does_not_count() {
        let compared_from = |journal: fn(u64) -> bool| {
            let directory = tempfile::tempdir().unwrap();
            let mut writer = Writer::new(directory.path(), (row(1).time, row(26).time));
            for seq in 1..=30 {
                writer.take(&row(seq), &mut |seq| Ok(journal(seq.0).then(|| row(seq.0)))).unwrap();
            }
            writer.finish(ARCHIVE.venue, &ARCHIVE).unwrap().compared_from
        };
        assert_eq!(compared_from(|_| true), Some(1));
        assert_eq!(compared_from(|seq| !(10..15).contains(&seq)), Some(15), "segments went while record 9 was read");
        assert_eq!(compared_from(|seq| !(10..28).contains(&seq)), None, "the last of the range was not compared");
    }
}
