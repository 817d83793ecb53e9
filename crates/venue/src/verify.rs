//! `buttonwood verify`: proves that journal, event log, snapshots and stores tell the same story.
//!
//! Each stream's rows and checkpoint are read in one transaction where the store has such; the expectation is built at exactly that
//! checkpoint from the oldest usable start (the first command, or a snapshot) and the logs, and compared in both directions.
//!
//! A venue may run meanwhile. It writes the journal first, then the event log, then the stores; so they are read the other way
//! round, and each has at least what was found in the one before. Only what it removes can be missed: a pass with findings during
//! which something went is repeated.

mod heads;
mod key;
mod compare;
mod derived;
mod expect;
mod holdings;
mod retired;
mod spool;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args as ClapArgs;
use codec::snapshot::SnapshotHeader;
use domain::ids::{Checkpoint, Hash256, ShardId, VenueId};
use domain::shard_map::ShardMap;
use domain::shards::Subject;
use domain::state::State;
use domain::units::Seq;
use journal::read::SegmentSource;
use journal::segment::list_segments;
use projector::batch::Stream;
use projector::follower::{Source as _, SourceError};
use projector::history::ReadError;
use projector::retired::GivenUp;
use projector::store::{StoreError, StoredRow};
use projector::words::Word as _;
use sequencer::log::Progress;
use sequencer::recovery::Places;
use sequencer::snapshots::Snapshots;

use crate::arrangement;
use crate::config::Config;
use crate::config::archives::EMBEDDED;
use crate::followers::name_of;
use crate::live;
use crate::source::{Joined, Logs, in_words};
use crate::stores::member::{self, Access, Member, Present, Role, checkpoints, open_present, unread};
use crate::stores::{lacks, retired as retired_places};
use compare::{Difference, Found};
use derived::Comparable;
use expect::{Expectation, Wanted};
use holdings::{Holdings, Whose};
use key::RowKey;
use retired::{Retired, Whole};
use spool::{Print, Printer, Sorted, Spool};

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
    is_silent: bool,
}

impl Verdict {
    /// Says nothing: what is said was said before.
    fn silent() -> Self {
        Self { is_silent: true, ..Self::default() }
    }

    fn good(&mut self, what: impl Display) {
        self.good += 1;
        self.say("ok   ", what);
    }

    fn note(&mut self, what: impl Display) {
        self.notes += 1;
        self.say("note ", what);
    }

    fn wrong(&mut self, what: impl Display) {
        self.bad += 1;
        self.say("WRONG", what);
    }

    fn say(&self, word: &str, what: impl Display) {
        if !self.is_silent {
            println!("{word} {what}");
        }
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
    has_snapshots: bool,
    checkpoint: Checkpoint,
    rows: Spool,
    /// What was copied to it from other shards.
    incoming: BTreeSet<Subject>,
    /// What has left it, and is still there.
    left: BTreeSet<Subject>,
    /// Closed orders that it gave up.
    given_up: GivenUp,
}

impl Stored {
    fn wanted(&self, tell: BTreeSet<RowKey>) -> Wanted {
        Wanted { of: self.of.clone(), checkpoint: self.checkpoint, tell }
    }

    /// Sequences whose rows may be there although the checkpoint is before them, in logs that end here.
    fn unfinished(&self, end: Seq) -> RangeInclusive<Seq> {
        let first = if self.has_snapshots { end } else { self.checkpoint.seq };
        first.next()..=end
    }
}

/// Where the expectation starts.
#[derive(Debug)]
struct Base {
    state: State,
    /// Absent at the first command.
    snapshot: Option<SnapshotHeader>,
    /// What later snapshots say; the replay must come to the same.
    later: Vec<Milestone>,
}

/// A snapshot that the replay passes.
#[derive(Debug)]
struct Milestone {
    header: SnapshotHeader,
    state_hash: Hash256,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut config = Config::load(args.config.as_deref())?;
    if let Some(data) = &args.data {
        config.data.clone_from(data);
    }
    arrangement::check(&config)?;
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
    let mut stored = read_stores(config, verdict)?;
    let retired = read_retired(config, venue, &mut stored, verdict);
    let logs = live::logs(config, venue, places);
    let event_log = check_log("event log", &logs.event_log, verdict)?;
    let journal = check_log("journal", &logs.journal, verdict)?;
    if event_log > journal {
        verdict.wrong(format_args!("the event log is at {}, past the journal at {}", event_log.0, journal.0));
    }
    if let Some(base) = find_base(config, &logs, places, event_log, verdict)? {
        check_stores(config, &logs, &base, event_log, (stored, retired.as_ref()), verdict)?;
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

/// What the shards gave up; after the shards were read. Where it cannot be read, orders of shards that gave some up are not compared: those
/// that went would be missing.
fn read_retired(config: &Config, venue: VenueId, stored: &mut Vec<Stored>, verdict: &mut Verdict) -> Option<Retired> {
    let given_up = stored.iter().fold(GivenUp::default(), |all, stored| all.max(stored.given_up));
    let notes_exactly = config.place_of_closed_orders() == Some(EMBEDDED);
    let history = retired_places::reader(config).transpose();
    let read = history.map(|history| Retired::read(history?, venue, given_up, notes_exactly, verdict)).transpose();
    let retired = match read {
        Ok(retired) => retired.flatten(),
        Err(error) => {
            let mut why = format!("{error:#}");
            if let Some(ReadError::Failed(reason)) = error.downcast_ref() {
                why.clone_from(reason);
            }
            verdict.wrong(format_args!(
                "closed orders in the archive are not checked, nor are the orders of shards that gave some up: {why}"
            ));
            stored.retain(|stored| stored.given_up == GivenUp::default());
            return None;
        }
    };
    let extent = retired.as_ref().map(|retired| retired.extent);
    for Stored { of, given_up, .. } in stored.iter().filter(|stored| !stored.given_up.is_in(extent)) {
        verdict.wrong(lacks(&of.store, *given_up, extent));
    }
    retired
}

fn read_stores(config: &Config, verdict: &mut Verdict) -> anyhow::Result<Vec<Stored>> {
    let mut all = Vec::new();
    let Present { mut members, missing, damaged } = open_present(config, Access::Read)?;
    for place in missing {
        verdict.note(format_args!("there is no store {place}"));
    }
    for error in damaged {
        verdict.wrong(format_args!("{error:#}"));
    }
    // Who is away is found out together, and not asked for rows.
    let asked = checkpoints(&mut members);
    for (member, answers) in members.iter_mut().zip(asked) {
        for (stream, answer) in answers {
            let name = name_of(&member.name, stream);
            match answer.map_err(Into::into).and_then(|_| read_stream(member, stream)) {
                // Taken back to before the first command it may have, or not, what is there before that: the venue and its own user.
                Ok(Some(stored)) if stream == Stream::Reference && stored.checkpoint.seq == Seq::ZERO => {
                    verdict.note(format_args!("{name} is at the beginning"));
                }
                Ok(Some(stored)) => all.push(stored),
                Ok(None) => verdict.note(format_args!("{name} is empty")),
                Err(error) => {
                    let why = error.downcast::<StoreError>()?;
                    verdict.wrong(format_args!("{name} is not checked: {}", unread(member.store.as_ref(), &why)));
                }
            }
        }
    }
    Ok(all)
}

/// What a store has of a stream; absent: nothing. An error that is not the store's ends everything.
fn read_stream(member: &mut Member, stream: Stream) -> anyhow::Result<Option<Stored>> {
    let Member { name, role, shard, store, .. } = member;
    let (mut rows, mut printer) = (Spool::default(), Printer::default());
    let mut printed = Ok(());
    // Before and after the rows: a venue that runs meanwhile may change it.
    let (incoming, left) = around(store.as_mut(), stream)?;
    let checkpoint = store.read_stream(stream, &mut |row| {
        if printed.is_ok() {
            printed = printer.take(&row, &mut |print| rows.push(print));
        }
    })?;
    let printed = printed.and_then(|()| printer.end(&mut |print| rows.push(print)));
    printed.context("no room for what is compared; TMPDIR says where it goes")?;
    let since = around(store.as_mut(), stream)?;
    let given_up = if stream == Stream::Symbols { store.given_up()? } else { GivenUp::default() };
    let (shard_id, held) = (store.found_shard()?, &incoming & &since.0);
    let of = Of { store: name.clone(), role: *role, stream, shard: shard_id, held };
    let (incoming, left) = (&incoming | &since.0, &left | &since.1);
    let (is_shard, has_snapshots) = (shard.is_some(), store.has_snapshots());
    Ok(checkpoint.map(|checkpoint| Stored { of, is_shard, has_snapshots, checkpoint, rows, incoming, left, given_up }))
}

/// What comes to a store, and what has left it.
type Around = (BTreeSet<Subject>, BTreeSet<Subject>);

fn around(store: &mut dyn member::Kept, stream: Stream) -> Result<Around, StoreError> {
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
        verdict.good(format_args!("the logs begin at 1: commands 1 to {} are compared row by row", event_log.0));
        let later = milestones(usable, event_log);
        return Ok(Some(Base { state: engine::Engine::new(cell).state(), snapshot: None, later }));
    }
    let mut usable = usable.into_iter();
    let found = usable.find(|(header, _)| header.seq.next() >= oldest && header.seq <= event_log);
    let Some((header, state)) = found else {
        verdict.wrong(format_args!("no snapshot reaches the beginning of the logs at {}", oldest.0));
        return Ok(None);
    };
    verdict.note(format_args!(
        "the logs begin at {}: commands {} to {} are compared row by row; 1 to {} by digest, that of the snapshot's state, {}, \
         and that of the events, {}: rows that the state has are compared with it, rows that it has not (closed orders, fills, \
         movements of money, trades, audit records, what is derived from them) are counted",
        oldest.0,
        header.seq.next().0,
        event_log.0,
        header.seq.0,
        hex::encode(&codec::snapshot::state_hash(&state).0[..8]),
        hex::encode(&header.event_log_hash.0[..8])
    ));
    Ok(Some(Base { state, snapshot: Some(header), later: milestones(usable, event_log) }))
}

/// Those that a replay to the end of the event log passes.
fn milestones(snapshots: impl IntoIterator<Item = (SnapshotHeader, State)>, event_log: Seq) -> Vec<Milestone> {
    let passed = snapshots.into_iter().filter(|(header, _)| header.seq <= event_log);
    passed.map(|(header, state)| Milestone { header, state_hash: codec::snapshot::state_hash(&state) }).collect()
}

fn check_stores(
    config: &Config,
    logs: &Logs,
    base: &Base,
    end: Seq,
    (stored, retired): (Vec<Stored>, Option<&Retired>),
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let base_seq = base.state.seq;
    let (early, stored): (Vec<_>, Vec<_>) = stored.into_iter().partition(|stored| stored.checkpoint.seq < base_seq);
    for stored in &early {
        check_early(logs, base_seq, end, stored, verdict);
    }
    let mut wanted: Vec<_> = stored.iter().map(|stored| stored.wanted(BTreeSet::new())).collect();
    let (progress, settings) = (Arc::new(Progress::new(end)), config.derived());
    let mut expectation = expect::build(logs, base, &wanted, &progress, &settings, verdict)?;
    verdict.good(format_args!(
        "replayed {} commands from {}: events equal to the event log byte by byte, money conserved, state {}",
        end.0 - base_seq.0,
        base_seq.0,
        hex::encode(&expectation.state_hash.0[..8])
    ));
    heads::check(&logs.journal, end, &expectation.heads, verdict)?;
    for shard in expectation.map.shards() {
        let has_rows = expectation.map.subjects_on(shard.id).next().is_some();
        if has_rows && !config.shards.iter().any(|known| known.name == shard.name.as_str()) {
            verdict.wrong(format_args!("{} is not checked: no shard of the configuration has this name", shard.name));
        }
    }
    let after = (base_seq > Seq::ZERO).then_some(base.state.time);
    let (mut wrong, mut owners) = (Vec::new(), Vec::new());
    for stored in stored {
        let Some(mut expected) = expectation.streams.remove(&stored.of) else {
            verdict.wrong(format_args!("{}: checkpoint {} is not in the log", stored.of, stored.checkpoint.seq.0));
            continue;
        };
        check_name(&stored, &expectation.map, verdict);
        let (prints, holdings) = (stored.rows.sorted(Vec::new())?, expected.holdings.clone());
        if stored.is_shard && stored.of.stream == Stream::Symbols {
            owners.push((holdings.clone(), stored.checkpoint.seq));
        }
        let mut prints = Whole::of(Kin { prints, stored: &stored, holdings, left: 0, copied: 0 }, retired)?;
        let comparable = Comparable::new(&settings, after, expected.newest_snapshot);
        let mut left_out = 0;
        let mut found = compare::compare(
            || comparable.next(|| expected.next(), |_| ()),
            || comparable.next(|| prints.next(), |_| left_out += 1),
            base_seq,
            &stored.unfinished(end),
            SHOWN,
        )?;
        found.before += left_out;
        prints.report(verdict);
        report(&stored.of, stored.checkpoint, base_seq, &found, verdict);
        if !found.shown.is_empty() {
            wrong.push((stored.of, found.shown));
        }
    }
    if let Some(retired) = retired {
        retired.check_owners(&owners, &expectation.map, end, verdict)?;
    }
    if wrong.is_empty() {
        return Ok(());
    }
    // Only prints were compared. What is behind those that differ is looked up once more, on both sides.
    wanted.retain_mut(|wanted| {
        let shown = wrong.iter().find(|(of, _)| *of == wanted.of).map(|(_, shown)| shown);
        wanted.tell = shown.into_iter().flatten().map(|difference| difference.key()).collect();
        !wanted.tell.is_empty()
    });
    let expectation = expect::build(logs, base, &wanted, &progress, &settings, &mut Verdict::silent())?;
    explain(config, &wrong, &expectation, retired)
}

/// Prints what differs, as it is and as it should be.
fn explain(
    config: &Config,
    wrong: &[(Of, Vec<Difference>)],
    expectation: &Expectation,
    retired: Option<&Retired>,
) -> anyhow::Result<()> {
    for (of, shown) in wrong {
        let should = expectation.streams.get(of).map(|expected| &expected.told);
        let is = tell(config, of, shown, retired)?;
        println!("{of}:");
        for difference in shown {
            let should = should.and_then(|told| told.get(&difference.key())).map_or("?", String::as_str);
            let is = is.get(&difference.key()).map_or("?", String::as_str);
            match difference {
                Difference::Missing(_) => println!("      missing: {should}"),
                Difference::Different(_) => println!("      different: {is}, should be {should}"),
                Difference::Orphan(_) => println!("      orphan: {is}"),
            }
        }
    }
    Ok(())
}

/// Rows of a store, in words.
fn tell(
    config: &Config,
    of: &Of,
    shown: &[Difference],
    retired: Option<&Retired>,
) -> anyhow::Result<BTreeMap<RowKey, String>> {
    let keys: BTreeSet<RowKey> = shown.iter().map(|difference| difference.key()).collect();
    let mut told = BTreeMap::new();
    let mut tell = |row: StoredRow| {
        let key = key::key_of(&row);
        if keys.contains(&key) {
            told.insert(key, words::row(&row));
        }
    };
    if let Some(retired) = retired.filter(|_| of.stream == Stream::Symbols) {
        retired.tell(&mut tell).context("closed orders in the archive")?;
    }
    for Member { name, streams, mut store, .. } in open_present(config, Access::Read)?.members {
        if name == of.store && streams.contains(&of.stream) {
            let read = store.read_stream(of.stream, &mut tell);
            read.map_err(|error| anyhow::anyhow!("{of}: {}", unread(store.as_ref(), &error)))?;
        }
    }
    Ok(told)
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

/// The rows of a store, without those of what has left this shard, which may stay for a while, and of what is on its way to it.
#[derive(Debug)]
struct Kin<'a> {
    prints: Sorted,
    stored: &'a Stored,
    holdings: Option<Holdings>,
    left: u64,
    copied: u64,
}

impl Kin<'_> {
    fn next(&mut self) -> io::Result<Option<Print>> {
        while let Some(print) = self.prints.next()? {
            match self.holdings.as_ref().map_or(Whose::Own, |holdings| holdings.whose(print.subject)) {
                Whose::Others(subject) if self.stored.incoming.contains(&subject) => self.copied += 1,
                Whose::Others(subject) if self.stored.left.contains(&subject) => self.left += 1,
                Whose::Own | Whose::Others(_) => return Ok(Some(print)),
            }
        }
        Ok(None)
    }

    fn report(&self, verdict: &mut Verdict) {
        let Self { left, copied, stored: Stored { of, .. }, .. } = self;
        if *left > 0 {
            verdict.note(format_args!("{of}: {left} rows were left behind by what has moved to other shards"));
        }
        if *copied > 0 {
            verdict.note(format_args!("{of}: {copied} rows were copied ahead of what moves here"));
        }
    }
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
        Err(error @ (SourceError::Diverged(_) | SourceError::Failed(_))) => {
            verdict.wrong(format_args!("{name}: {}", in_words(error)));
        }
    }
}

fn report(name: &Of, checkpoint: Checkpoint, base: Seq, found: &Found, verdict: &mut Verdict) {
    for (seq, rows) in &found.rewritten {
        verdict.note(format_args!("{name}: {rows} rows were rewritten by a rewind to {}, and are right", seq.0));
    }
    let at = checkpoint.seq.0;
    if found.unfinished > 0 {
        verdict.note(format_args!(
            "{name}: {} rows are later than its checkpoint: a commit was under way, or was interrupted, which the next start completes",
            found.unfinished
        ));
    }
    if found.differences == 0 {
        let (equal, before, first) = (found.equal, found.before, base.next().0);
        verdict.good(format_args!(
            "{name} at {at}: {equal} rows equal one by one, all that {first} to {at} wrote among them, {before} from before the logs \
             counted"
        ));
    } else {
        let first = found.shown.first().filter(|_| name.stream == Stream::Audit).map(first_record).unwrap_or_default();
        verdict.wrong(format_args!("{name} at {at}: {} differences{first}", found.differences));
    }
}

/// Where the records of the audit stop being what they should be.
fn first_record(difference: &Difference) -> String {
    let (_, seq, ..) = difference.key();
    let what = match difference {
        Difference::Missing(_) => "is missing",
        Difference::Different(_) => "is broken",
        Difference::Orphan(_) => "should not be there",
    };
    format!(", the first: record {seq} {what}")
}
