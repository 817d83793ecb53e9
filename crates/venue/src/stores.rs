//! The stores of a venue: which there are, which streams each holds, and what can be read back.

pub(crate) mod member;
pub(crate) mod postgres;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use domain::ids::{Checkpoint, VenueId};
use domain::units::Seq;
use projector::batch::Stream;
use projector::follower::{Source, SourceError};
use projector::history::{Halves, History, OrderHistory};
use projector::lineage::Lineage;
use projector::store::StoreError;
use projector::words::Word as _;
use store_postgres::history::PostgresOrders;
use store_sqlite::history::{SqliteOrders, SqliteTrades};

use crate::config::Config;
use crate::stores::member::{Kept, Member, Role};

/// How long a start waits for stores that cannot be reached.
const REACH_WAIT: Duration = Duration::from_secs(5);
/// Reading connections per file.
const READERS: usize = 4;

/// All stores, opened to be followed into.
#[derive(Debug)]
pub(crate) struct Stores {
    pub(crate) history: Arc<dyn History>,
    found: Vec<Found>,
    pub(crate) members: Vec<Member>,
}

impl Stores {
    /// Opens the stores, or makes them. One that cannot be reached is waited for a little, and then left to its follower.
    pub(crate) fn open(config: &Config) -> anyhow::Result<Self> {
        let directory = config.store_directory();
        std::fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        let mut members = member::open(config)?;
        let history = history(config, &members).context("cannot read the store")?;
        let found = look(&mut members)?;
        Ok(Self { history, found, members })
    }

    /// The highest checkpoint of any stream.
    pub(crate) fn reached(&self) -> Seq {
        self.known().map(|(_, checkpoint)| checkpoint.seq).max().unwrap_or(Seq::ZERO)
    }

    /// Checkpoint of the stream that is furthest behind, of those that history is read from; absent: one is not known.
    pub(crate) fn behind(&self) -> Option<Seq> {
        let read = |found: &&Found| matches!(found.stream, Stream::Symbols | Stream::Users | Stream::Trades);
        let seq = |found: &Found| match &found.at {
            At::Unreachable => None,
            At::Empty => Some(Seq::ZERO),
            At::Here(checkpoint) => Some(checkpoint.seq),
        };
        self.found.iter().filter(read).map(seq).try_fold(None, |least: Option<Seq>, seq| {
            let seq = seq?;
            Some(Some(least.map_or(seq, |least| least.min(seq))))
        })?
    }

    /// What each stream had when it was asked, by the name of its follower; nothing where it was not reached.
    pub(crate) fn found(&self) -> BTreeMap<String, Seq> {
        self.known().map(|(found, checkpoint)| (found.name.clone(), checkpoint.seq)).collect()
    }

    /// Refuses stores of another venue.
    pub(crate) fn check_venue(&self, venue: VenueId) -> anyhow::Result<()> {
        for (found, checkpoint) in self.known() {
            anyhow::ensure!(
                checkpoint.venue == venue,
                "the store {} follows another venue; give this one a directory of its own",
                found.name
            );
        }
        Ok(())
    }

    /// Refuses stores that had another history than the logs at their checkpoint: what is read from them would not be this
    /// venue's past. A store that cannot be followed for another reason is its follower's affair.
    pub(crate) fn check_history(&self, source: &mut dyn Source) -> anyhow::Result<()> {
        for (found, checkpoint) in self.known() {
            match source.seek(checkpoint) {
                // Nothing is left to compare it with; what speaks for it is the venue's id.
                Ok(_) | Err(SourceError::Gone(_)) => found.lineage.admit(found.stream, *checkpoint),
                Err(SourceError::Diverged(_)) => anyhow::bail!(
                    "the store {} has another history than the journal at sequence {}: another copy of this data \
                     directory wrote to it, or the journal was restored to an earlier point. `buttonwood follower rewind` \
                     takes the store back to what both have",
                    found.name,
                    checkpoint.seq.0
                ),
                Err(SourceError::Failed(_)) => {}
            }
        }
        Ok(())
    }

    fn known(&self) -> impl Iterator<Item = (&Found, &Checkpoint)> {
        self.found.iter().filter_map(|found| match &found.at {
            At::Here(checkpoint) => Some((found, checkpoint)),
            At::Empty | At::Unreachable => None,
        })
    }
}

/// Where a stream was when the venue started.
#[derive(Debug)]
struct Found {
    name: String,
    stream: Stream,
    lineage: Arc<Lineage>,
    at: At,
}

#[derive(Debug)]
enum At {
    /// The store gave no answer.
    Unreachable,
    /// It has nothing of the stream.
    Empty,
    Here(Checkpoint),
}

/// Asks every stream of every store where it is.
fn look(members: &mut [Member]) -> anyhow::Result<Vec<Found>> {
    let deadline = Instant::now() + REACH_WAIT;
    let mut all = Vec::new();
    for Member { name, streams, store, lineage, .. } in members {
        for stream in *streams {
            let name = format!("{name}/{}", stream.word());
            let at = ask(store.as_mut(), *stream, deadline).with_context(|| format!("the store {name}"))?;
            if matches!(at, At::Unreachable) {
                let why = store.trouble().unwrap_or_default();
                tracing::warn!(
                    store = name,
                    why,
                    "not reached; the venue starts without it, and it follows when it is back"
                );
            }
            all.push(Found { name, stream: *stream, lineage: Arc::clone(lineage), at });
        }
    }
    Ok(all)
}

/// Where a stream is, as far as the store says before the deadline.
fn ask(store: &mut dyn Kept, stream: Stream, deadline: Instant) -> anyhow::Result<At> {
    loop {
        match store.checkpoint(stream) {
            Ok(checkpoint) => return Ok(checkpoint.map_or(At::Empty, At::Here)),
            Err(StoreError::Fatal(why)) => anyhow::bail!(why),
            Err(StoreError::Retry(after)) if Instant::now() + after < deadline => std::thread::sleep(after),
            Err(StoreError::Retry(_)) => return Ok(At::Unreachable),
        }
    }
}

fn history(config: &Config, members: &[Member]) -> anyhow::Result<Arc<dyn History>> {
    let lineage = |role| members.iter().find(|member| member.role == role).map(|member| Arc::clone(&member.lineage));
    let directory = config.store_directory();
    let orders: Arc<dyn OrderHistory> = match config.shards.first() {
        None => Arc::new(SqliteOrders::open(&directory.join(member::HOT_FILE), READERS, lineage(Role::Hot))?),
        Some(shard) => Arc::new(PostgresOrders::open(&postgres::place(shard)?, READERS, lineage(Role::Hot))?),
    };
    let trades = SqliteTrades::open(&directory.join(member::ARCHIVE_FILE), READERS, lineage(Role::Archive))?;
    Ok(Arc::new(Halves { orders, trades: Arc::new(trades) }))
}
