//! Whose it is to drop ranges of a shard, and whether what it gave up is in the archive: looked at each second for as long as the venue
//! runs, on a beat of its own, for a read must not be answered short because a range of some shard is long in the copying.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use domain::text::ShardName;
use projector::history::ReadError;
use projector::retired::Extent;
use readmodel::retired::WithRetired;
use store_postgres::config::PostgresConfig;
use store_postgres::retire::{Claim, Retirer, Stays, Writer};

use super::LOOK;
use crate::followers::Shared;
use crate::stores::lacks;

/// What was seen of a shard.
#[derive(Debug, Clone)]
pub(super) enum Holding {
    /// It has not been reached since the start.
    Unknown,
    /// It is this start's since then, and the archive has what it gave up.
    Ours(Instant),
    /// Why no range of it may go.
    Not(String),
}

/// Looks at one shard.
pub(super) struct Holder {
    shard: ShardName,
    retirer: Retirer,
    writer: Writer,
    /// Whether ranges are to go: otherwise it is enough that its follower says so when a shard is away.
    retires: bool,
    readers: Arc<WithRetired>,
    /// So much, at least, is in the archive.
    known: Option<Extent>,
    claimed: Option<Instant>,
    holding: Arc<Mutex<Holding>>,
}

/// What a [`Holder`] sees, for the thread that retires.
#[derive(Debug)]
pub(super) struct View(Arc<Mutex<Holding>>);

impl View {
    pub(super) fn now(&self) -> Holding {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Holder {
    pub(super) fn new(
        shard: ShardName,
        place: PostgresConfig,
        writer: Writer,
        retires: bool,
        readers: Arc<WithRetired>,
    ) -> (Self, View) {
        let holding = Arc::new(Mutex::new(Holding::Unknown));
        let view = View(Arc::clone(&holding));
        let retirer = Retirer::new(place);
        (Self { shard, retirer, writer, retires, readers, known: None, claimed: None, holding }, view)
    }

    /// Starts its thread, which ends with the venue.
    pub(super) fn start(mut self, shared: Shared) -> std::io::Result<JoinHandle<()>> {
        let run = move || {
            while !shared.is_stopping() {
                let seen = self.look();
                *self.holding.lock().unwrap_or_else(PoisonError::into_inner) = seen;
                shared.rest(LOOK);
            }
        };
        std::thread::Builder::new().name("holder".into()).spawn(run)
    }

    fn look(&mut self) -> Holding {
        let Claim { other, given_up } = match self.retirer.claim(self.writer, self.claimed.is_none()) {
            Ok(claim) => claim,
            Err(fault) if !self.retires && fault.wants_another_connection() => return Holding::Unknown,
            Err(fault) => return Holding::Not(fault.to_string()),
        };
        let since = *self.claimed.get_or_insert_with(Instant::now);
        if !given_up.is_in(self.known) {
            match self.readers.refresh() {
                Ok(reached) => self.known = reached,
                Err(error) => return Holding::Not(error.to_string()),
            }
        }
        let lost = (!given_up.is_in(self.known)).then(|| lacks(self.shard.as_str(), given_up, self.known));
        // Another start lets ranges go to an archive that may be another one.
        let fenced = other.map(|other| Stays::Fenced(other).to_string());
        let closed = lost.clone().map(ReadError::Damaged).or_else(|| fenced.clone().map(ReadError::Foreign));
        self.readers.set_closed(self.shard, closed);
        lost.or(fenced).map_or(Holding::Ours(since), Holding::Not)
    }
}
