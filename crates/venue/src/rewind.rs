//! `buttonwood follower`: where the stores are, and how to take them back when the journal was restored to an earlier point.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args as ClapArgs, Subcommand};
use domain::ids::{Checkpoint, Hash256, VenueId};
use domain::state::State;
use domain::units::{Epoch, Seq};
use engine::Engine;
use projector::batch::Stream;
use projector::follower::{Source as _, SourceError};
use projector::retired::GivenUp;
use projector::store::{StoreError, StoredRow};
use projector::words::Word as _;
use sequencer::log::Progress;
use sequencer::recovery::{Places, RULES_VERSION, Recovered, Start, recover_claimed};
use sequencer::replayer::Replay;
use store_postgres::retire::Lost;

use crate::arrangement;
use crate::config::Config;
use crate::followers::name_of;
use crate::live;
use crate::source::{Joined, Logs};
use crate::stores::member::{Access, Kept, Member, Present, checkpoints, open_present, unread, why};
use crate::stores::{lacks, retired};

/// What about the followers.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show each stream's checkpoint and where the logs end.
    Status(Place),
    /// Take stores that are past the journal, or on another branch of its history, back to the last point both have.
    ///
    /// For a data directory that was restored to an earlier point on purpose. Rows of later commands are removed, state rows
    /// are rewritten as they were, and the next start follows from there. The venue must not be running.
    Rewind {
        #[command(flatten)]
        place: Place,
        /// Where the journal was restored to, or earlier: stores go back at least to there.
        ///
        /// Needed where a store was away when the venue went on after a restore: it is on the abandoned branch, and the others are not.
        #[arg(long, value_name = "SEQUENCE")]
        to: Option<u64>,
    },
    /// Give up closed orders that are lost: a shard gave them to the archive, and no copy of the archive has them any more.
    ///
    /// Changes nothing where the archive has all of them. Nothing makes lost ones again: orders and fills of theirs are answered as if they
    /// had never been. The venue must not be running.
    ForgetRetired {
        #[command(flatten)]
        place: Place,
        /// Say that it is meant.
        #[arg(long)]
        yes: bool,
    },
}

/// Which venue.
#[derive(Debug, ClapArgs)]
struct Place {
    /// The venue's data directory.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Place {
    fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref())?;
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        // One that is named is meant: where an earlier data directory was brought back, its note may be of another one.
        if config.file.is_none() {
            arrangement::check(&config)?;
        }
        Ok(config)
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::Status(place) => status(&place.config()?),
        What::ForgetRetired { place, yes } => {
            let config = place.config()?;
            arrangement::check(&config)?;
            forget_retired(&config, *yes)
        }
        What::Rewind { place, to } => rewind(&place.config()?, to.map_or(Seq(u64::MAX), Seq)),
    }
}

/// The stores that are there, to change them.
fn open_stores(config: &Config) -> anyhow::Result<Vec<Member>> {
    let stores = open_present(config, Access::Write)?.members;
    anyhow::ensure!(!stores.is_empty(), "there is no store in {}", config.store_directory().display());
    Ok(stores)
}

fn status(config: &Config) -> anyhow::Result<()> {
    let places = Places::in_directory(&config.data);
    if let Some(venue) = places.venue()? {
        let logs = live::logs(config, venue, &places);
        for (name, source) in [("journal", &logs.journal), ("event log", &logs.event_log)] {
            let report = journal::verify::verify(source.places().first().context("a place")?, source.identity())?;
            println!("{name:32} ends at {} in epoch {}", report.tip.seq.0, report.tip.epoch.0);
        }
    }
    let mut unknown = 0;
    let Present { mut members, missing, damaged } = open_present(config, Access::Read)?;
    for place in missing {
        println!("there is no store {place}");
    }
    for error in damaged {
        println!("{error:#}");
        unknown += 1;
    }
    let asked = checkpoints(&mut members);
    for (Member { name, store, .. }, answers) in members.iter().zip(asked) {
        for (stream, answer) in answers {
            let follower = name_of(name, stream);
            match answer {
                Ok(Some(at)) => println!("{follower:32} is at {} of epoch {}", at.seq.0, at.epoch.0),
                Ok(None) => println!("{follower:32} is empty"),
                Err(error) => {
                    println!("{follower:32} cannot be asked: {}", why(store.as_ref(), &error));
                    unknown += 1;
                }
            }
        }
    }
    anyhow::ensure!(unknown == 0, "{unknown} stores or streams could not be asked");
    Ok(())
}

fn rewind(config: &Config, most: Seq) -> anyhow::Result<()> {
    let places = Places::in_directory(&config.data);
    let venue = places.venue()?.with_context(|| format!("{} holds no venue", config.data.display()))?;
    // No venue runs meanwhile; and before a store is opened to write, which may bring its schema up to date.
    let claim = places.claim().map_err(|error| live::explain(error, &config.data))?;
    let mut stores = open_stores(config)?;
    // Brings the event log level with the journal.
    let start = Start {
        new_venue: venue,
        cell: config.cell,
        segment_bytes: config.segment_mib << 20,
        followers_reached: Seq::ZERO,
    };
    let recovered = recover_claimed(&places, claim, start, &mut |_| {})?;
    let logs = live::logs(config, venue, &places);
    let end = recovered.engine.seq();
    let fork = last_common(&logs, end.min(most), &mut stores)?;
    check_branches(&logs, end, fork, &mut stores)?;
    let (checkpoint, state) = at_fork(&logs, &recovered, venue, config.cell, fork)?;
    println!("the journal ends at {}; it and the stores agree up to {}", end.0, fork.0);
    let gone = retired::reader(config).context("closed orders in the archive")?;
    let mut failed = Vec::new();
    for Member { name, store, .. } in &mut stores {
        let mut take_back = || {
            for stream in store.rewind(&checkpoint, &state, gone.as_deref())? {
                println!("{name}/{} taken back to {}", stream.word(), fork.0);
            }
            Ok(store.make_durable()?)
        };
        if let Err(error) = take_back() {
            let error: anyhow::Error = error;
            println!("{name} is NOT taken back: {error:#}");
            failed.push(name.as_str());
        }
    }
    failed.dedup();
    anyhow::ensure!(
        failed.is_empty(),
        "{} is not taken back: mend that and say this again before the venue is started",
        failed.join(", ")
    );
    // Last: what was open at the fork has come back from there.
    if let Some(gone) = gone
        && gone.extent()?.is_some_and(|extent| extent.last_seq > fork)
    {
        retired::writer(config, venue)?.forget_after(fork)?;
        println!("closed orders of after {} are no longer in the archive", fork.0);
    }
    let Recovered { engine, journal, mut event_log, .. } = recovered;
    journal.seal(RULES_VERSION, engine.time())?;
    event_log.sync()?;
    println!("done; start the venue, its followers go on from there");
    Ok(())
}

/// What a store answered, and which.
fn said_by(name: &str, store: &dyn Kept, error: &StoreError) -> anyhow::Error {
    anyhow::anyhow!("{name}: {}", unread(store, error))
}

/// Lets a venue go on whose archive has lost what shards gave up.
fn forget_retired(config: &Config, yes: bool) -> anyhow::Result<()> {
    let places = Places::in_directory(&config.data);
    let venue = places.venue()?.with_context(|| format!("{} holds no venue", config.data.display()))?;
    // No venue runs meanwhile.
    let _claim = places.claim().map_err(|error| live::explain(error, &config.data))?;
    let gone = retired::reader(config).context("closed orders in the archive")?;
    let extent = gone.map(|gone| gone.extent()).transpose().context("closed orders in the archive")?.flatten();
    let is_own = extent.is_none_or(|extent| extent.venue == venue);
    anyhow::ensure!(is_own, "the closed orders in the archive are another venue's: mend the route");
    let mut lost = Vec::new();
    for Member { name, streams, mut store, .. } in open_stores(config)? {
        if !streams.contains(&Stream::Symbols) {
            continue;
        }
        let follows = store.checkpoint(Stream::Symbols).map_err(|error| said_by(&name, store.as_ref(), &error))?;
        let is_own = follows.is_none_or(|checkpoint| checkpoint.venue == venue);
        anyhow::ensure!(is_own, "{name} follows another venue: mend its URL");
        let given_up = store.given_up().map_err(|error| said_by(&name, store.as_ref(), &error))?;
        if given_up.is_in(extent) {
            println!("{name}: nothing that it gave up is lost");
        } else {
            println!("{}", lacks(&name, given_up, extent));
            lost.push((name, store));
        }
    }
    anyhow::ensure!(lost.is_empty() || yes, "nothing is changed: with --yes what is lost is given up for good");
    for (name, mut store) in lost {
        let forgotten = store.forget_given_up(GivenUp::of(extent));
        let forgotten = forgotten.map_err(|error| said_by(&name, store.as_ref(), &error))?;
        if let Some(Lost { ranges, orders, fills }) = forgotten {
            tracing::warn!(shard = name, ranges, orders, fills, "closed orders that are lost are forgotten");
            println!("{name}: {ranges} ranges are lost, in which {orders} orders and {fills} fills were");
        }
    }
    Ok(())
}

/// Refuses a fork that a store cannot go back to: before it, the store has had another history.
fn check_branches(logs: &Logs, end: Seq, fork: Seq, stores: &mut [Member]) -> anyhow::Result<()> {
    let mut source = Joined::new(logs.clone(), Arc::new(Progress::new(end)));
    for Member { name, streams, store, .. } in stores {
        for stream in streams.iter() {
            // What is not reached is told when it is not taken back.
            let Ok(Some(stored)) = store.checkpoint(*stream) else { continue };
            let is_other = matches!(source.seek(&stored), Err(SourceError::Diverged(_)));
            anyhow::ensure!(
                stored.seq > fork || !is_other,
                "{name}/{} is on another branch at {}, and journal and audit log agree up to {}: it was away when the venue went on after \
                 a restore. Say with --to where the journal was restored to; all stores go back to there and are written again from the \
                 logs",
                stream.word(),
                stored.seq.0,
                fork.0
            );
        }
    }
    Ok(())
}

/// The end of the last journal block up to a sequence that the audit log has as well: audit records carry the hash of their block.
/// Without any, nothing is known to be common.
fn last_common(logs: &Logs, end: Seq, stores: &mut [Member]) -> anyhow::Result<Seq> {
    let mut audited: Vec<(Seq, Hash256)> = Vec::new();
    for Member { name, store, .. } in stores.iter_mut().filter(|member| member.streams.contains(&Stream::Audit)) {
        let read = store.read_stream(Stream::Audit, &mut |row| {
            if let StoredRow::Audit(row) = row {
                match audited.last_mut() {
                    Some((last, block)) if *block == row.block => *last = row.seq,
                    _ => audited.push((row.seq, row.block)),
                }
            }
        });
        read.map_err(|error| said_by(name, store.as_ref(), &error))?;
    }
    let oldest = logs.journal.oldest()?.unwrap_or(Seq(1));
    let mut reader = logs.journal.reader(oldest);
    let mut audited = audited.into_iter().skip_while(|(last, _)| *last < oldest);
    let mut common = oldest.previous();
    while let Some(block) = reader.next_block(end)? {
        if block.header.count == 0 {
            continue;
        }
        let Some((last, hash)) = audited.next() else { break };
        if hash != block.hash || last != block.header.last_seq() || last > end {
            break;
        }
        common = last;
    }
    Ok(common)
}

/// The state at the fork, replayed from the newest snapshot before it, and the checkpoint a follower has there.
fn at_fork(
    logs: &Logs,
    recovered: &Recovered,
    venue: VenueId,
    cell: u64,
    fork: Seq,
) -> anyhow::Result<(Checkpoint, State)> {
    let (snapshot, _) = recovered.snapshots.newest(fork)?;
    let engine = match snapshot {
        Some((_, state)) => Engine::from_state(&state)?,
        None => Engine::new(cell),
    };
    let mut replay = Replay::new(engine, &logs.journal);
    while replay.engine().seq() < fork {
        anyhow::ensure!(replay.next(fork)?.is_some(), "the journal does not reach {}", fork.0);
    }
    let state = replay.engine().state();
    let mut checkpoint = Checkpoint { venue, epoch: Epoch(0), seq: fork, hash: Hash256::default() };
    if fork > Seq::ZERO {
        let mut reader = logs.event_log.reader(fork);
        let block = reader.next_block(recovered.engine.seq())?.context("the event log ends before the fork")?;
        anyhow::ensure!(block.header.last_seq() == fork, "no block of the event log ends at {}", fork.0);
        (checkpoint.epoch, checkpoint.hash) = (block.header.epoch, block.hash);
    }
    Ok((checkpoint, state))
}
