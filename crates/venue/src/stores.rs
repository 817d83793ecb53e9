//! The embedded store: which files, which streams, and what can be read back.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use domain::ids::{Checkpoint, VenueId};
use domain::units::Seq;
use projector::batch::Stream;
use projector::follower::{Source, SourceError};
use projector::history::History;
use projector::lineage::Lineage;
use projector::store::Store;
use store_sqlite::history::SqliteHistory;
use store_sqlite::store::{Role, SqliteStore};

use crate::followers::stream_name;

/// Reading connections per file.
const READERS: usize = 4;

/// Both files, opened to be followed into.
#[derive(Debug)]
pub(crate) struct Stores {
    pub(crate) history: Arc<dyn History>,
    /// Checkpoint of the stream that is furthest behind, of those that history is read from.
    pub(crate) behind: Seq,
    /// Tells the history which rows are this venue's.
    pub(crate) lineage: Arc<Lineage>,
    hot: SqliteStore,
    archive: SqliteStore,
}

/// A store and the streams it is fed.
pub(crate) type Fed = (&'static str, Box<dyn Store + Send>, &'static [Stream]);

impl Stores {
    /// Opens the files in a directory, or makes them.
    pub(crate) fn open(directory: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
        let (hot_path, archive_path) = (directory.join("hot.db"), directory.join("archive.db"));
        let open = |path: &Path, role| {
            SqliteStore::open(path, role).with_context(|| format!("cannot open the store {}", path.display()))
        };
        let (hot, archive) = (open(&hot_path, Role::Hot)?, open(&archive_path, Role::Archive)?);
        let history = SqliteHistory::open(&hot_path, &archive_path, READERS).context("cannot read the store")?;
        let lineage = Arc::new(Lineage::default());
        let history = Arc::new(history.of(Arc::clone(&lineage)));
        let mut stores = Self { history, behind: Seq::ZERO, lineage, hot, archive };
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
        for (name, store) in [("hot", &mut self.hot), ("archive", &mut self.archive)] {
            for stream in store.role().streams().iter().filter(|stream| streams.contains(stream)) {
                let checkpoint = store.checkpoint(*stream).context("cannot read a checkpoint")?;
                found.push((format!("{name}/{}", stream_name(*stream)), *stream, checkpoint));
            }
        }
        Ok(found)
    }

    /// The stores, to be followed into.
    pub(crate) fn into_followers(self) -> [Fed; 2] {
        [
            ("hot", Box::new(self.hot) as Box<dyn Store + Send>, Role::Hot.streams()),
            ("archive", Box::new(self.archive), Role::Archive.streams()),
        ]
    }
}
