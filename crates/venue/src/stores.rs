//! The stores of a venue: which there are, which streams each holds, and what can be read back.

pub(crate) mod member;
pub(crate) mod postgres;
pub(crate) mod standby;
pub(crate) mod archive;
pub(crate) mod retired;
mod collections;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use domain::ids::{Checkpoint, ShardId, VenueId};
use domain::shard_map::ShardMap;
use domain::text::ShardName;
use domain::units::Seq;
use projector::archive::ArchiveHistory;
use projector::batch::Stream;
use projector::follower::{Source, SourceError};
use projector::history::{Halves, History, OrderHistory, TradeHistory};
use projector::lineage::Lineage;
use projector::retired::{Extent, GivenUp, RetiredHistory};
use projector::store::StoreError;
use readmodel::model::ReadModel;
use readmodel::retired::WithRetired;
use readmodel::routed::Routed;
use readmodel::standby::Replicated;
use store_postgres::history::PostgresOrders;
use store_postgres::retire::Writer;
use store_sqlite::history::{SqliteOrders, SqliteTrades};

use crate::config::archives::EMBEDDED;
use crate::config::{self, Config};
use crate::followers::name_of;
use crate::stores::collections::{Collections, Reader};
use crate::stores::member::{Kept, Member, Role, ask_together, why};
use crate::stores::standby::Watched;

/// How long a start waits for stores that cannot be reached.
pub(crate) const REACH_WAIT: Duration = Duration::from_secs(5);
/// Reading connections to each store.
pub(crate) const READERS: usize = 4;

/// All stores, opened to be followed into.
#[derive(Debug)]
pub(crate) struct Stores {
    orders: Orders,
    trades: Arc<dyn TradeHistory>,
    /// What shards have given up; absent: there are none.
    retired: Option<Arc<dyn RetiredHistory>>,
    /// Derived collections and audit log.
    pub(crate) archive: Arc<dyn ArchiveHistory>,
    found: Vec<Found>,
    pub(crate) members: Vec<Member>,
}

/// What reads the stores of a venue.
#[derive(Debug)]
pub(crate) struct Readers {
    pub(crate) history: Arc<dyn History>,
    /// Absent: orders, fills and money are in the embedded store.
    pub(crate) over_shards: Option<OverShards>,
}

/// What reads shards.
#[derive(Debug)]
pub(crate) struct OverShards {
    /// Leads to each shard.
    pub(crate) routed: Arc<Routed>,
    /// Adds what they have given up.
    pub(crate) retired: Arc<WithRetired>,
}

/// Where orders, fills and money are read.
#[derive(Debug)]
enum Orders {
    Embedded(Arc<dyn OrderHistory>),
    /// In the order of the configuration.
    Shards(Vec<ShardReaders>),
}

/// Who reads a shard.
#[derive(Debug)]
struct ShardReaders {
    name: ShardName,
    orders: Arc<PostgresOrders>,
    standbys: Vec<Arc<Watched>>,
}

impl ShardReaders {
    /// The shard with the standbys that may be read for it.
    fn history(&self, model: &Arc<ReadModel>) -> Arc<dyn OrderHistory> {
        let orders: Arc<dyn OrderHistory> = Arc::<PostgresOrders>::clone(&self.orders);
        let read = self.standbys.iter().filter(|watched| watched.is_read);
        let standbys: Vec<_> = read.map(|watched| Arc::clone(&watched.standby)).collect();
        if standbys.is_empty() { orders } else { Arc::new(Replicated::new(Arc::clone(model), orders, standbys)) }
    }
}

impl Stores {
    /// Opens the stores, or makes them. One that cannot be reached is waited for a little, and then left to its follower.
    pub(crate) fn open(config: &Config) -> anyhow::Result<Self> {
        let directory = config.store_directory();
        std::fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        let mut members = member::open(config)?;
        let orders = readers(config, &members).context("cannot read the store")?;
        let (trades, archive) = archive_readers(config, &members).context("cannot read the archive")?;
        let retired = retired::reader(config).context("cannot read the closed orders")?;
        let found = look(&mut members)?;
        Ok(Self { orders, trades, retired, archive: Arc::new(archive), found, members })
    }

    /// Tells the databases of shards which they are, and refuses those that know better, and an archive that lacks what they gave up.
    pub(crate) fn meet(&mut self, map: &ShardMap) -> anyhow::Result<()> {
        for found in &self.found {
            let Some(name) = found.shard else { continue };
            check_shard(map, name, found.says)?;
        }
        for member in &mut self.members {
            let shard = member.shard.and_then(|name| map.shard_by_name(name.as_str()));
            if let Some(shard) = shard {
                member.store.set_shard(shard.id);
            }
        }
        if let Orders::Shards(shards) = &self.orders {
            for ShardReaders { name, orders, standbys } in shards {
                if let Some(shard) = map.shard_by_name(name.as_str()) {
                    orders.set_shard(shard.id);
                    for watched in standbys {
                        watched.orders.set_shard(shard.id);
                    }
                }
            }
        }
        self.check_given_up()
    }

    /// What is read back, by a venue.
    pub(crate) fn history(&self, model: &Arc<ReadModel>, venue: VenueId) -> Readers {
        let (orders, over_shards): (Arc<dyn OrderHistory>, _) = match &self.orders {
            Orders::Embedded(orders) => (Arc::clone(orders), None),
            Orders::Shards(shards) => {
                let mut shards = shards.iter().map(|shard| (shard.name, shard.history(model)));
                let (first, orders) = shards.next().expect("there is a shard, or orders are in the embedded store");
                let routed = Arc::new(Routed::new(Arc::clone(model), first, orders));
                shards.for_each(|(name, orders)| routed.put(name, orders));
                let shards: Arc<dyn OrderHistory> = Arc::<Routed>::clone(&routed);
                let closed = self.retired.clone().expect("shards have a place for what they give up");
                let retired = Arc::new(WithRetired::new(shards, closed, venue));
                if let Err(error) = retired.refresh() {
                    tracing::warn!(%error, "closed orders that left the shards cannot be read yet");
                }
                (Arc::<WithRetired>::clone(&retired), Some(OverShards { routed, retired }))
            }
        };
        Readers { history: Arc::new(Halves { orders, trades: Arc::clone(&self.trades) }), over_shards }
    }

    /// The standbys of all shards.
    pub(crate) fn standbys(&self) -> Vec<Arc<Watched>> {
        match &self.orders {
            Orders::Embedded(_) => Vec::new(),
            Orders::Shards(shards) => shards.iter().flat_map(|shard| shard.standbys.iter().cloned()).collect(),
        }
    }

    /// Names of the shards in the configuration, in its order.
    pub(crate) fn shards(&self) -> Vec<ShardName> {
        match &self.orders {
            Orders::Embedded(_) => Vec::new(),
            Orders::Shards(shards) => shards.iter().map(|shard| shard.name).collect(),
        }
    }

    /// Whether there is a stream of the shard that its database has nothing of.
    pub(crate) fn has_empty_stream(&self, shard: ShardName) -> bool {
        self.found.iter().any(|found| found.shard == Some(shard) && matches!(found.at, At::Empty))
    }

    /// What the database of a shard was found to have.
    pub(crate) fn standing(&self, shard: ShardName) -> Standing {
        let of_shard = || self.found.iter().filter(|found| found.shard == Some(shard));
        if of_shard().any(|found| matches!(found.at, At::Unreachable)) {
            return Standing::Unreachable;
        }
        let is_empty = of_shard().all(|found| matches!(found.at, At::Empty));
        if is_empty { Standing::Empty } else { Standing::Filled }
    }

    /// The highest checkpoint of any stream.
    pub(crate) fn reached(&self) -> Seq {
        self.known().map(|(_, checkpoint)| checkpoint.seq).max().unwrap_or(Seq::ZERO)
    }

    /// Checkpoint of the stream that is furthest behind, of those that history is read from; absent: one is not known. A shard that has
    /// never owned anything misses nothing.
    pub(crate) fn behind(&self, map: &ShardMap) -> Option<Seq> {
        let first = self.shards().first().copied();
        let has_rows = |name: ShardName| match map.shard_by_name(name.as_str()) {
            Some(shard) => map.has_owned(shard.id),
            None => map.is_empty() && first == Some(name),
        };
        let read = |found: &&Found| {
            matches!(found.stream, Stream::Symbols | Stream::Users | Stream::Trades) && found.shard.is_none_or(has_rows)
        };
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

    /// Refuses stores of another venue; where the data directory has none yet, of any.
    pub(crate) fn check_venue(&self, venue: Option<VenueId>) -> anyhow::Result<()> {
        for (found, checkpoint) in self.known() {
            let its = hex::encode(checkpoint.venue.0);
            let here = match venue {
                Some(venue) if venue == checkpoint.venue => continue,
                Some(venue) => format!("this data directory is that of {}", hex::encode(venue.0)),
                None => "this data directory has no journal, so a new one would begin here".to_owned(),
            };
            anyhow::bail!(
                "the store {} follows another venue, {its}, and has its rows up to sequence {}; {here}. Serve the directory that has \
                 the journal of {its} (--data), or bring it back from a backup. A new venue needs stores of its own: another database, \
                 an empty directory",
                found.name,
                checkpoint.seq.0
            );
        }
        Ok(())
    }

    /// Refuses closed orders of another venue in the archive. How far they go: the journal must not end before.
    pub(crate) fn check_retired(&self, venue: VenueId) -> anyhow::Result<Seq> {
        let Some(Ok(Some(extent))) = self.retired.as_ref().map(|retired| retired.extent()) else {
            return Ok(Seq::ZERO);
        };
        anyhow::ensure!(
            extent.venue == venue,
            "the closed orders in the archive are another venue's; give this one a directory of its own"
        );
        Ok(extent.last_seq)
    }

    /// Refuses an archive that lacks closed orders that the shards gave up.
    fn check_given_up(&mut self) -> anyhow::Result<()> {
        self.compare_given_up(&mut |store| store.given_up())
    }

    /// The shards give up no more to earlier starts than this one, and what they gave up is in the archive. The last of all checks: what
    /// is refused must not keep another start from going on.
    pub(crate) fn claim(&mut self, writer: Writer) -> anyhow::Result<()> {
        self.compare_given_up(&mut |store| store.claim_ranges(writer))
    }

    fn compare_given_up(
        &mut self,
        given_up: &mut dyn FnMut(&mut dyn Kept) -> Result<GivenUp, StoreError>,
    ) -> anyhow::Result<()> {
        let is_there = |name: &str, found: &[Found]| {
            found.iter().any(|found| found.name == name && !matches!(found.at, At::Unreachable))
        };
        let mut all = Vec::new();
        for Member { name, shard, streams, store, .. } in &mut self.members {
            let symbols = name_of(name, Stream::Symbols);
            if shard.is_none() || !streams.contains(&Stream::Symbols) || !is_there(&symbols, &self.found) {
                continue;
            }
            match given_up(store.as_mut()) {
                Ok(given_up) => all.push((name.clone(), given_up)),
                // It is asked again as long as the venue runs.
                Err(error) => {
                    let why = why(store.as_ref(), &error);
                    tracing::warn!(shard = name, why, "what closed orders it gave up cannot be looked at now");
                }
            }
        }
        let Some(extent) = self.retired.as_ref().map(|retired| retired.extent()) else { return Ok(()) };
        let extent = match extent {
            Ok(extent) => extent,
            Err(error) => {
                // That is the affair of whoever reads them.
                tracing::warn!(%error, "the closed orders in the archive cannot be looked at now");
                return Ok(());
            }
        };
        for (name, given_up) in all {
            anyhow::ensure!(given_up.is_in(extent), "{}", lacks(&name, given_up, extent));
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

/// What an operator is told whose archive is older than his shards.
pub(crate) fn lacks(shard: &str, given_up: GivenUp, extent: Option<Extent>) -> String {
    let there = GivenUp::of(extent);
    format!(
        "{shard} gave up closed orders up to sequence {}, after {} additions to the archive, and the archive has none after {}, and {} \
         additions: bring back a newer copy of it. Where there is none and the logs reach back to the first command, give {shard} an empty \
         database, which is built again; otherwise see `buttonwood follower forget-retired --help`",
        given_up.last_seq.0, given_up.additions, there.last_seq.0, there.additions
    )
}

/// Where a stream was when the venue started.
#[derive(Debug)]
struct Found {
    name: String,
    stream: Stream,
    /// Of which shard, if of one.
    shard: Option<ShardName>,
    /// Which shard the store says it is.
    says: Option<ShardId>,
    lineage: Arc<Lineage>,
    at: At,
}

/// What the database of a shard has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody knows: it gave no answer.
    Unreachable,
    /// Nothing.
    Empty,
    /// Rows of this venue.
    Filled,
}

#[derive(Debug)]
pub(crate) enum At {
    /// The store gave no answer.
    Unreachable,
    /// It has nothing of the stream.
    Empty,
    Here(Checkpoint),
}

/// Asks every stream of every store where it is.
fn look(members: &mut [Member]) -> anyhow::Result<Vec<Found>> {
    let deadline = Instant::now() + REACH_WAIT;
    let found = ask_together(members, |member| look_at(member, deadline));
    Ok(found.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

fn look_at(member: &mut Member, deadline: Instant) -> anyhow::Result<Vec<Found>> {
    let Member { name, shard, streams, store, lineage, .. } = member;
    let mut all = Vec::new();
    for stream in streams.iter() {
        let name = name_of(name, *stream);
        let at = ask(store.as_mut(), *stream, deadline).with_context(|| format!("the store {name}"))?;
        if matches!(at, At::Unreachable) {
            let why = store.trouble().unwrap_or_default();
            tracing::warn!(
                store = name,
                why,
                "not reached; the venue starts without it, and it follows when it is back"
            );
        }
        // A database that was there a moment ago and is not any more is asked by its follower.
        let says = if matches!(at, At::Unreachable) { None } else { store.found_shard().unwrap_or_default() };
        all.push(Found { name, stream: *stream, shard: *shard, says, lineage: Arc::clone(lineage), at });
    }
    Ok(all)
}

/// Where a stream is, as far as the store says before the deadline.
pub(crate) fn ask(store: &mut dyn Kept, stream: Stream, deadline: Instant) -> anyhow::Result<At> {
    loop {
        match store.checkpoint(stream) {
            Ok(checkpoint) => return Ok(checkpoint.map_or(At::Empty, At::Here)),
            Err(StoreError::Fatal(why)) => anyhow::bail!(why),
            Err(StoreError::Retry(after)) if Instant::now() + after < deadline => std::thread::sleep(after),
            Err(StoreError::Retry(_)) => return Ok(At::Unreachable),
        }
    }
}

/// Refuses a database that says it is another shard than the one of this name.
pub(crate) fn check_shard(map: &ShardMap, name: ShardName, says: Option<ShardId>) -> anyhow::Result<()> {
    let Some(says) = says else { return Ok(()) };
    let known = map.shard_by_name(name.as_str()).map(|shard| shard.id);
    let named = map
        .shard(says)
        .map_or_else(|| format!("shard {}", says.0), |shard| format!("the shard {:?}", shard.name.as_str()));
    anyhow::ensure!(
        known == Some(says),
        "the configuration gives the shard {:?} a database that is that of {named}: mend the URL or the name",
        name.as_str()
    );
    Ok(())
}

fn readers(config: &Config, members: &[Member]) -> anyhow::Result<Orders> {
    let lineage = |is: &dyn Fn(&&Member) -> bool| members.iter().find(is).map(|member| Arc::clone(&member.lineage));
    if config.shards.is_empty() {
        let (file, lineage) =
            (config.store_directory().join(member::HOT_FILE), lineage(&|member| member.role == Role::Hot));
        return Ok(Orders::Embedded(Arc::new(SqliteOrders::open(&file, READERS, lineage)?)));
    }
    let shard = |shard: &config::Shard| {
        let name = shard.shard_name();
        let lineage = lineage(&|member| member.shard == Some(name));
        let orders = Arc::new(PostgresOrders::open(&postgres::place(shard)?, READERS, lineage.clone())?);
        let standbys = shard.standby.iter().map(|standby| Watched::open(config, shard, standby, lineage.clone()));
        anyhow::Ok(ShardReaders { name, orders, standbys: standbys.collect::<Result<_, _>>()? })
    };
    Ok(Orders::Shards(config.shards.iter().map(shard).collect::<Result<_, _>>()?))
}

/// The trades, and everything else of the archive, each read where it is.
fn archive_readers(config: &Config, members: &[Member]) -> anyhow::Result<(Arc<dyn TradeHistory>, Collections)> {
    let lineage = |streams: &[Stream]| {
        let last = streams.last()?;
        let member = members.iter().find(|member| member.role == Role::Archive && member.streams.contains(last));
        member.map(|member| Arc::clone(&member.lineage))
    };
    let mut readers: BTreeMap<&str, Reader> = BTreeMap::new();
    let embedded = config.archived_streams(EMBEDDED);
    if !embedded.is_empty() {
        let file = config.store_directory().join(member::ARCHIVE_FILE);
        readers.insert(EMBEDDED, Reader::new(SqliteTrades::open(&file, READERS, lineage(&embedded))?));
    }
    for place in &config.archives {
        let lineage = lineage(&config.archived_streams(&place.name));
        let reader = archive::reader(place, lineage).with_context(|| format!("archive {}", place.name))?;
        readers.insert(&place.name, reader);
    }
    let routed = Collections::routed(|stream| readers.get(config.archive.place_of(stream)).cloned());
    routed.context("a collection is in no archive")
}
