//! The stores of a venue: which there are, which streams each holds, and what can be read back.

pub(crate) mod member;

use std::sync::Arc;

use anyhow::Context;
use domain::ids::{Checkpoint, VenueId};
use domain::units::Seq;
use projector::batch::Stream;
use projector::follower::{Source, SourceError};
use projector::history::{Halves, History};
use projector::lineage::Lineage;
use store_sqlite::history::{SqliteOrders, SqliteTrades};

use crate::config::Config;
use crate::followers::stream_name;
use crate::stores::member::Member;

/// Reading connections per file.
const READERS: usize = 4;

/// All stores, opened to be followed into.
#[derive(Debug)]
pub(crate) struct Stores {
    pub(crate) history: Arc<dyn History>,
    /// Checkpoint of the stream that is furthest behind, of those that history is read from.
    pub(crate) behind: Seq,
    /// Tells the history which rows are this venue's.
    pub(crate) lineage: Arc<Lineage>,
    pub(crate) members: Vec<Member>,
}

impl Stores {
    /// Opens the stores, or makes them.
    pub(crate) fn open(config: &Config) -> anyhow::Result<Self> {
        let directory = config.store_directory();
        std::fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        let members = member::open(config)?;
        let lineage = Arc::new(Lineage::default());
        let history = history(config, &lineage).context("cannot read the store")?;
        let mut stores = Self { history, behind: Seq::ZERO, lineage, members };
        stores.behind =
            stores.checkpoints(&[Stream::Symbols, Stream::Users, Stream::Trades])?.min().unwrap_or(Seq::ZERO);
        Ok(stores)
    }
    /// The highest checkpoint of any stream.
    pub(crate) fn reached(&mut self) -> anyhow::Result<Seq> {
        Ok(self.checkpoints(&Stream::ALL)?.max().unwrap_or(Seq::ZERO))
    }

    /// Refuses stores of another venue.
    pub(crate) fn check_venue(&mut self, venue: VenueId) -> anyhow::Result<()> {
        for (name, _, checkpoint) in self.all_checkpoints(&Stream::ALL)? {
            let is_foreign = checkpoint.is_some_and(|checkpoint| checkpoint.venue != venue);
            anyhow::ensure!(
                !is_foreign,
                "the store {name} follows another venue; give this one a directory of its own"
            );
        }
        Ok(())
    }

    /// Refuses stores that had another history than the logs at their checkpoint: what is read from them would not be this
    /// venue's past. A store that cannot be followed for another reason is its follower's affair.
    pub(crate) fn check_history(&mut self, source: &mut dyn Source) -> anyhow::Result<()> {
        for (name, stream, checkpoint) in self.all_checkpoints(&Stream::ALL)? {
            let Some(checkpoint) = checkpoint else { continue };
            match source.seek(&checkpoint) {
                // Nothing is left to compare it with; what speaks for it is the venue's id.
                Ok(()) | Err(SourceError::Gone(_)) => self.lineage.admit(stream, checkpoint),
                Err(SourceError::Diverged(_)) => anyhow::bail!(
                    "the store {name} has another history than the journal at sequence {}: another copy of this data \
                     directory wrote to it, or the journal was restored to an earlier point. `buttonwood follower rewind` \
                     takes the store back to what both have",
                    checkpoint.seq.0
                ),
                Err(SourceError::Failed(_)) => {}
            }
        }
        Ok(())
    }

    fn checkpoints(&mut self, streams: &[Stream]) -> anyhow::Result<impl Iterator<Item = Seq> + use<>> {
        let seq = |checkpoint: Option<Checkpoint>| checkpoint.map_or(Seq::ZERO, |checkpoint| checkpoint.seq);
        Ok(self.all_checkpoints(streams)?.into_iter().map(move |(_, _, checkpoint)| seq(checkpoint)))
    }

    /// Each stream's name, and where it is, if it has anything.
    fn all_checkpoints(&mut self, streams: &[Stream]) -> anyhow::Result<Vec<(String, Stream, Option<Checkpoint>)>> {
        let mut found = Vec::new();
        for Member { name, streams: held, store, .. } in &mut self.members {
            for stream in held.iter().filter(|stream| streams.contains(stream)) {
                let checkpoint = store.checkpoint(*stream).context("cannot read a checkpoint")?;
                found.push((format!("{name}/{}", stream_name(*stream)), *stream, checkpoint));
            }
        }
        Ok(found)
    }
}

fn history(config: &Config, lineage: &Arc<Lineage>) -> anyhow::Result<Arc<dyn History>> {
    let [(_, hot), (_, archive)] = member::files(config);
    let orders = Arc::new(SqliteOrders::open(&hot, READERS, Some(Arc::clone(lineage)))?);
    let trades = Arc::new(SqliteTrades::open(&archive, READERS, Some(Arc::clone(lineage)))?);
    Ok(Arc::new(Halves { orders, trades }))
}
