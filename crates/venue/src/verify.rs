//! `buttonwood verify`: proves that journal, event log, snapshots and stores tell the same story.
//!
//! Each stream's rows and checkpoint are read in one transaction; the expectation is built at exactly that checkpoint from
//! the oldest usable start (the first command, or a snapshot) and the logs, and compared in both directions.
//!
//! A venue may run meanwhile. It writes the journal first, then the event log, then the stores; so they are read the other way
//! round, and each has at least what was found in the one before. Only what it removes can be missed: a pass with findings during
//! which something went is repeated.

mod compare;
mod derived;
mod expect;
mod holdings;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args as ClapArgs;
use codec::snapshot::SnapshotHeader;
use domain::ids::{Checkpoint, ShardId};
use domain::shard_map::ShardMap;
use domain::shards::Subject;
use domain::state::State;
use domain::units::Seq;
use journal::read::SegmentSource;
use journal::segment::list_segments;
use projector::batch::Stream;
use projector::follower::{Source as _, SourceError};
use projector::settings::Settings;
use projector::store::StoredRow;
use projector::words::Word as _;
use sequencer::log::Progress;
use sequencer::recovery::Places;
use sequencer::snapshots::Snapshots;

use crate::config::Config;
use crate::live;
use crate::source::{Joined, Logs};
use crate::stores::member::{self, Access, Member, Present, Role, open_present};
use compare::{Found, RowKey};
use derived::Comparable;
use expect::Expected;
use holdings::Whose;

/// Differences that are printed for each stream; all are counted.
const SHOWN: usize = 10;

/// Passes over logs that lose segments during each of them.
const PASSES_MAX: u32 = 5;

/// What to verify.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The venue's data directory.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What is said on the way, and whether it was all good.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    good: u64,
    notes: u64,
    bad: u64,
}

impl Verdict {
    fn good(&mut self, what: impl Display) {
        self.good += 1;
        println!("ok    {what}");
    }

    fn note(&mut self, what: impl Display) {
        self.notes += 1;
        println!("note  {what}");
    }

    fn wrong(&mut self, what: impl Display) {
        self.bad += 1;
        println!("WRONG {what}");
    }
}

/// One stream of one store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Of {
    store: String,
    role: Role,
    stream: Stream,
    /// The shard that the store says it is.
    shard: Option<ShardId>,
    /// What was copied to it from other shards and is followed: its rows are whole, whoever owns it.
    held: BTreeSet<Subject>,
}

impl Display for Of {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.store, self.stream.word())
    }
}

/// What one stream of one store has.
#[derive(Debug)]
struct Stored {
    of: Of,
    /// Of the configuration; the name of the store is its name.
    is_shard: bool,
    checkpoint: Checkpoint,
    rows: BTreeMap<RowKey, StoredRow>,
    /// What was copied to it from other shards.
    incoming: BTreeSet<Subject>,
    /// What has left it, and is still there.
    left: BTreeSet<Subject>,
}

/// Where the expectation starts.
#[derive(Debug)]
struct Base {
    state: State,
    /// Absent at the first command.
    snapshot: Option<SnapshotHeader>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut config = Config::load(args.config.as_deref())?;
    if let Some(data) = &args.data {
        config.data.clone_from(data);
    }
    let places = Places::in_directory(&config.data);
    for _ in 0..PASSES_MAX {
        let kept = Kept::of(&places)?;
        let mut verdict = Verdict::default();
        let finished = pass(&config, &places, &mut verdict);
        let is_clean = finished.is_ok() && verdict.bad == 0;
        if is_clean || Kept::of(&places)? == kept {
            finished?;
            anyhow::ensure!(verdict.bad == 0, "not clean: {} findings", verdict.bad);
            println!("clean: {} checks passed, {} notes", verdict.good, verdict.notes);
            return Ok(());
        }
        println!("again: segments or snapshots were removed meanwhile, so nothing said above counts");
    }
    anyhow::bail!(
        "nothing is proved: segments or snapshots were removed during each of {PASSES_MAX} passes; verify again with the venue stopped, \
         or keep segments longer (retain_hours)"
    )
}

/// What of logs and snapshots there is. It grows at the end as a venue runs; what was there changes only by removal.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    journal: Option<Seq>,
    event_log: Option<Seq>,
    snapshot: Option<Seq>,
}

impl Kept {
    fn of(places: &Places) -> anyhow::Result<Self> {
        let oldest = |log| anyhow::Ok(list_segments(log)?.first().copied());
        let snapshots = Snapshots::look(places.snapshots.clone()).list()?;
        Ok(Self {
            journal: oldest(&places.journal)?,
            event_log: oldest(&places.event_log)?,
            snapshot: snapshots.first().map(|(seq, _)| *seq),
        })
    }
}

fn pass(config: &Config, places: &Places, verdict: &mut Verdict) -> anyhow::Result<()> {
    let venue = places.venue()?;
    let venue = venue.ok_or_else(|| anyhow::anyhow!("{} holds no venue", config.data.display()))?;
    let stored = read_stores(config, verdict)?;
    let logs = live::logs(config, venue, places);
    let event_log = check_log("event log", &logs.event_log, verdict)?;
    let journal = check_log("journal", &logs.journal, verdict)?;
    if event_log > journal {
        verdict.wrong(format_args!("the event log is at {}, past the journal at {}", event_log.0, journal.0));
    }
    if let Some(base) = find_base(config, &logs, places, event_log, verdict)? {
        check_stores(&logs, &base, event_log, stored, &config.derived(), verdict)?;
    }
    Ok(())
}

/// Every block: checksums, sequence, chain. The last good sequence.
fn check_log(name: &str, source: &SegmentSource, verdict: &mut Verdict) -> anyhow::Result<Seq> {
    let mut last = Seq::ZERO;
    let mut oldest = Seq::ZERO;
    for directory in source.places() {
        let report = journal::verify::verify(directory, source.identity())?;
        let at = directory.path().display();
        if let Some(bad) = &report.bad {
            verdict.wrong(format_args!("{name}: {bad}"));
        }
        let oldest_here = report.oldest.unwrap_or(Seq::ZERO);
        if report.segments > 0 {
            verdict.good(format_args!(
                "{name} in {at}: {} blocks, {} records from {} to {}, chain unbroken",
                report.blocks, report.records, oldest_here.0, report.tip.seq.0
            ));
        }
        oldest = if oldest == Seq::ZERO { oldest_here } else { oldest.min(oldest_here) };
        last = last.max(report.tip.seq);
    }
    Ok(last)
}

fn read_stores(config: &Config, verdict: &mut Verdict) -> anyhow::Result<Vec<Stored>> {
    let mut all = Vec::new();
    let Present { members, missing } = open_present(config, Access::Read)?;
    for place in missing {
        verdict.note(format_args!("there is no store {place}"));
    }
    for Member { name, role, shard, streams, mut store, .. } in members {
        for stream in streams {
            let mut rows = BTreeMap::new();
            // Before and after the rows: a venue that runs meanwhile may change it.
            let (incoming, left) = around(store.as_mut(), *stream)?;
            let checkpoint = store.read_stream(*stream, &mut |row| {
                rows.insert(compare::key_of(&row), row);
            })?;
            let since = around(store.as_mut(), *stream)?;
            let (shard_id, held) = (store.found_shard()?, &incoming & &since.0);
            let of = Of { store: name.clone(), role, stream: *stream, shard: shard_id, held };
            let (incoming, left) = (&incoming | &since.0, &left | &since.1);
            match checkpoint {
                Some(checkpoint) => {
                    all.push(Stored { of, is_shard: shard.is_some(), checkpoint, rows, incoming, left });
                }
                None => verdict.note(format_args!("{of} is empty")),
            }
        }
    }
    Ok(all)
}

/// What comes to a store, and what has left it.
type Around = (BTreeSet<Subject>, BTreeSet<Subject>);

fn around(store: &mut dyn member::Kept, stream: Stream) -> anyhow::Result<Around> {
    let incoming = store.incoming(stream)?.into_keys().collect();
    Ok((incoming, store.leftovers()?.into_iter().map(|leftover| leftover.subject).collect()))
}

/// The first command if both logs reach back to it, else the oldest snapshot they follow.
fn find_base(
    config: &Config,
    logs: &Logs,
    places: &Places,
    event_log: Seq,
    verdict: &mut Verdict,
) -> anyhow::Result<Option<Base>> {
    let snapshots = Snapshots::look(places.snapshots.clone());
    let mut usable = Vec::new();
    for (seq, path) in snapshots.list()? {
        match snapshots.load(seq) {
            Ok(snapshot) => {
                verdict.good(format_args!("snapshot at {} is whole", seq.0));
                usable.push(snapshot);
            }
            Err(error) => verdict.wrong(format_args!("snapshot {}: {error}", path.display())),
        }
    }
    let oldest = logs.journal.oldest()?.max(logs.event_log.oldest()?).unwrap_or(Seq(1));
    if oldest <= Seq(1) {
        let cell = usable.first().map_or(config.cell, |(_, state)| state.cell);
        return Ok(Some(Base { state: engine::Engine::new(cell).state(), snapshot: None }));
    }
    let found = usable.into_iter().find(|(header, _)| header.seq.next() >= oldest && header.seq <= event_log);
    let Some((header, state)) = found else {
        verdict.wrong(format_args!("no snapshot reaches the beginning of the logs at {}", oldest.0));
        return Ok(None);
    };
    verdict.note(format_args!(
        "the logs begin at {}: rows from {} on are compared one by one, earlier ones by the state of the snapshot",
        oldest.0,
        header.seq.next().0
    ));
    Ok(Some(Base { state, snapshot: Some(header) }))
}

fn check_stores(
    logs: &Logs,
    base: &Base,
    end: Seq,
    stored: Vec<Stored>,
    settings: &Settings,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let base_seq = base.state.seq;
    let (early, stored): (Vec<_>, Vec<_>) = stored.into_iter().partition(|stored| stored.checkpoint.seq < base_seq);
    for stored in &early {
        check_early(logs, base_seq, end, stored, verdict);
    }
    let wanted: Vec<_> = stored.iter().map(|stored| (stored.of.clone(), stored.checkpoint)).collect();
    let progress = Arc::new(Progress::new(end));
    let mut expectation = expect::build(logs, base, &wanted, &progress, settings, verdict)?;
    verdict.good(format_args!(
        "replayed {} commands from {}: events equal to the event log byte by byte, money conserved, state {}",
        end.0 - base_seq.0,
        base_seq.0,
        hex::encode(&expectation.state_hash.0[..8])
    ));
    let after = (base_seq > Seq::ZERO).then_some(base.state.time);
    for stored in stored {
        let Some(expected) = expectation.streams.get_mut(&stored.of) else {
            verdict.wrong(format_args!("{}: checkpoint {} is not in the log", stored.of, stored.checkpoint.seq.0));
            continue;
        };
        check_name(&stored, &expectation.map, verdict);
        let mut stored = without_others(stored, expected, verdict);
        let left_out = if stored.of.stream.is_derived() {
            let comparable = Comparable::new(settings, after, &expected.rows);
            expected.rows.retain(|_, row| comparable.has(row));
            let all = stored.rows.len();
            stored.rows.retain(|_, row| comparable.has(row));
            all - stored.rows.len()
        } else {
            0
        };
        let mut found = compare::compare(&expected.rows, &stored.rows, base_seq);
        found.before += u64::try_from(left_out).unwrap_or(u64::MAX);
        report(&stored, &found, verdict);
    }
    Ok(())
}

/// A database is the shard whose name the configuration gives it.
fn check_name(stored: &Stored, map: &ShardMap, verdict: &mut Verdict) {
    let (of, name) = (&stored.of, &stored.of.store);
    match of.shard {
        Some(shard) => {
            if map.shard(shard).is_none_or(|shard| shard.name.as_str() != name) {
                verdict
                    .wrong(format_args!("{of}: the database says that it is shard {}, which is not {name}", shard.0));
            }
        }
        // Before there are shards a database need not say that it is one.
        None => {
            if stored.is_shard && map.shard_by_name(name).is_some() && stored.checkpoint.seq >= map.changed() {
                verdict.wrong(format_args!("{of}: the database does not say which shard it is"));
            }
        }
    }
}

/// Without the rows of what has left this shard, which may stay for a while, and of what is on its way to it.
fn without_others(stored: Stored, expected: &Expected, verdict: &mut Verdict) -> Stored {
    let Some(holdings) = &expected.holdings else { return stored };
    let (mut left, mut copied) = (0_u64, 0_u64);
    let kept = stored.rows.iter().filter(|(_, row)| match holdings.whose(row, &stored.rows) {
        Whose::Others(subject) if stored.incoming.contains(&subject) => {
            copied += 1;
            false
        }
        Whose::Others(subject) if stored.left.contains(&subject) => {
            left += 1;
            false
        }
        Whose::Own | Whose::Others(_) => true,
    });
    let rows = kept.map(|(key, row)| (*key, row.clone())).collect();
    if left > 0 {
        verdict.note(format_args!("{}: {left} rows were left behind by what has moved to other shards", stored.of));
    }
    if copied > 0 {
        verdict.note(format_args!("{}: {copied} rows were copied ahead of what moves here", stored.of));
    }
    Stored { rows, ..stored }
}

/// A stream that is behind the oldest snapshot there is: followers may be later than snapshots, and then nothing is left to compute
/// their rows from. What can be told is whether it goes on from here in this history.
fn check_early(logs: &Logs, base_seq: Seq, end: Seq, stored: &Stored, verdict: &mut Verdict) {
    let (name, at) = (&stored.of, stored.checkpoint.seq.0);
    let mut source = Joined::new(logs.clone(), Arc::new(Progress::new(end)));
    match source.seek(&stored.checkpoint) {
        Ok(_) => verdict.note(format_args!(
            "{name} at {at} is of this history, but behind the oldest snapshot, at {}: its rows can be compared once it has \
             followed that far",
            base_seq.0
        )),
        Err(SourceError::Gone(_)) => {
            verdict.wrong(format_args!("{name}: the logs no longer have what comes after its checkpoint at {at}"));
        }
        Err(SourceError::Diverged(divergence)) => verdict.wrong(format_args!("{name}: {divergence}")),
        Err(SourceError::Failed(why)) => verdict.wrong(format_args!("{name}: {why}")),
    }
}

fn report(stored: &Stored, found: &Found, verdict: &mut Verdict) {
    let name = &stored.of;
    for (seq, rows) in &found.rewritten {
        verdict.note(format_args!("{name}: {rows} rows were rewritten by a rewind to {}, and are right", seq.0));
    }
    if found.differences.is_empty() {
        verdict.good(format_args!(
            "{name} at {}: {} rows equal one by one, {} from before the logs counted",
            stored.checkpoint.seq.0, found.equal, found.before
        ));
        return;
    }
    verdict.wrong(format_args!("{name} at {}: {} differences", stored.checkpoint.seq.0, found.differences.len()));
    for difference in found.differences.iter().take(SHOWN) {
        println!("      {difference}");
    }
}
