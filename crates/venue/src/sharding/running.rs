//! The shards of a running venue, and how another joins them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use domain::shard_map::ShardMap;
use domain::text::ShardName;
use projector::lineage::Lineage;
use projector::share::Share;
use readmodel::routed::Routed;
use store_postgres::history::PostgresOrders;

use super::Threads;
use super::seeding::Seeding;
use crate::config::{self, Config};
use crate::followers::{self, FollowerStatus, Shared};
use crate::stores::member::{Access, Member};
use crate::stores::{At, REACH_WAIT, READERS, ask, check_shard, postgres};

/// See the module.
#[derive(Debug)]
pub(crate) struct Shards {
    /// Read again for a shard that is added.
    file: Option<PathBuf>,
    shared: Shared,
    seeding: Seeding,
    threads: Threads,
    /// Absent: orders and money are in the embedded store.
    routed: Option<Arc<Routed>>,
    followed: RwLock<BTreeSet<ShardName>>,
    /// Held while a database is looked at.
    ready: Mutex<BTreeMap<ShardName, Ready>>,
}

/// A database that is about to be followed.
#[derive(Debug)]
struct Ready {
    members: Vec<Member>,
    /// By member. Announced already, so that memory keeps what this database will miss.
    statuses: Vec<Vec<Arc<FollowerStatus>>>,
    orders: Arc<PostgresOrders>,
}

impl Shards {
    /// The shards of the configuration that are in the map are followed already.
    pub(crate) fn new(config: &Config, shared: Shared, threads: Threads, routed: Option<Arc<Routed>>) -> Self {
        let map = shared.read_model.shard_map();
        let names = config.shards.iter().map(config::Shard::shard_name);
        let followed = names.filter(|name| map.shard_by_name(name.as_str()).is_some()).collect();
        let (file, followed, seeding) = (config.file.clone(), RwLock::new(followed), Seeding::of(&shared, config));
        Self { file, shared, seeding, threads, routed, followed, ready: Mutex::default() }
    }

    /// Whether the database of a shard is followed and read.
    pub(crate) fn is_followed(&self, name: &ShardName) -> bool {
        self.followed.read().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    /// Looks at the database that the configuration file names for a shard now; whether it can be that shard's.
    pub(crate) fn prepare(&self, name: ShardName) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.routed.is_some(),
            "orders and money of this venue are in the embedded store: name the first shard in the configuration and start again"
        );
        let mut all = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_followed(&name) {
            return Ok(());
        }
        if let Some(before) = all.remove(&name) {
            self.forget(&before);
        }
        all.insert(name, self.look(name)?);
        Ok(())
    }

    fn look(&self, name: ShardName) -> anyhow::Result<Ready> {
        let shard = self.configured(name)?;
        let lineage = Arc::new(Lineage::default());
        let mut members = postgres::members_of(&shard, Access::Write, &lineage)?;
        let map = self.shared.read_model.shard_map();
        let deadline = Instant::now() + REACH_WAIT;
        for member in &mut members {
            for stream in member.streams.clone() {
                match ask(member.store.as_mut(), stream, deadline)? {
                    At::Unreachable => {
                        anyhow::bail!("not reached: {}", member.store.trouble().unwrap_or("it does not answer"))
                    }
                    At::Empty => {}
                    At::Here(at) => {
                        anyhow::ensure!(at.venue == self.shared.logs.venue, "it follows another venue");
                        anyhow::ensure!(map.shard_by_name(name.as_str()).is_some(), "it is not empty");
                    }
                }
            }
            check_shard(&map, name, member.store.found_shard()?)?;
        }
        let orders = Arc::new(PostgresOrders::open(&postgres::place(&shard)?, READERS, Some(lineage))?);
        // What came before the shard is in the map is not for it: nobody waits for this database to have it.
        let now = self.shared.read_model.seq();
        let announce = |member: &Member| followers::announce(member, &self.shared.roster, |_| now);
        let statuses = members.iter().map(announce).collect();
        Ok(Ready { members, statuses, orders })
    }

    fn configured(&self, name: ShardName) -> anyhow::Result<config::Shard> {
        let config = Config::load(self.file.as_deref())?;
        let found = config.shards.into_iter().find(|shard| shard.name == name.as_str());
        let file = self.file.as_ref().map_or_else(|| "the configuration".to_owned(), |file| file.display().to_string());
        found.ok_or_else(|| anyhow::anyhow!("{file} has no shard named {:?}", name.as_str()))
    }

    /// Follows into a database that was looked at, if its shard is in the map by now.
    pub(crate) fn follow(self: &Arc<Self>, name: ShardName) {
        let Some(ready) = self.ready.lock().unwrap_or_else(PoisonError::into_inner).remove(&name) else { return };
        let map = self.shared.read_model.shard_map();
        if map.shard_by_name(name.as_str()).is_none() {
            self.forget(&ready);
            return;
        }
        self.followed.write().unwrap_or_else(PoisonError::into_inner).insert(name);
        let shards = Arc::clone(self);
        // A database may have to be begun first, which takes as long as a snapshot is large.
        let spawned = std::thread::Builder::new().name(name.to_string()).spawn(move || shards.join(name, &map, ready));
        match spawned {
            Ok(thread) => self.threads.add(thread),
            Err(error) => tracing::error!(shard = %name, %error, "cannot follow before the next start"),
        }
    }

    fn join(&self, name: ShardName, map: &ShardMap, ready: Ready) {
        let Ready { mut members, statuses, orders } = ready;
        let Some(shard) = map.shard_by_name(name.as_str()) else { return };
        for member in &mut members {
            member.store.set_shard(shard.id);
        }
        orders.set_shard(shard.id);
        if let Err(error) = self.seeding.seed(shard, &mut members) {
            tracing::warn!(shard = %name, error = format!("{error:#}"), "the empty database could not be begun");
        }
        for (member, statuses) in members.into_iter().zip(&statuses) {
            match followers::start(member, statuses, &Share::of(shard.id, map.clone()), &self.shared) {
                Ok(thread) => self.threads.add(thread),
                Err(error) => tracing::error!(shard = %name, %error, "cannot follow before the next start"),
            }
        }
        if let Some(routed) = &self.routed {
            routed.put(name, orders);
        }
        tracing::info!(shard = %name, "followed from now on");
    }

    fn forget(&self, ready: &Ready) {
        for statuses in &ready.statuses {
            self.shared.roster.remove(statuses);
        }
    }
}
