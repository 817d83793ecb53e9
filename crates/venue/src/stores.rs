//! The embedded store: which files, which streams, and what can be read back.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use domain::units::Seq;
use projector::batch::Stream;
use projector::history::History;
use projector::store::Store;
use store_sqlite::history::SqliteHistory;
use store_sqlite::store::{Role, SqliteStore};

/// Reading connections per file.
const READERS: usize = 4;

/// Both files, opened to be followed into.
#[derive(Debug)]
pub(crate) struct Stores {
    pub(crate) history: Arc<dyn History>,
    /// Checkpoint of the stream that is furthest behind, of those that history is read from.
    pub(crate) behind: Seq,
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
        let mut stores = Self { history: Arc::new(history), behind: Seq::ZERO, hot, archive };
        stores.behind =
            stores.checkpoints(&[Stream::Symbols, Stream::Users, Stream::Trades])?.min().unwrap_or(Seq::ZERO);
        Ok(stores)
    }

    /// The highest checkpoint of any stream.
    pub(crate) fn reached(&mut self) -> anyhow::Result<Seq> {
        Ok(self.checkpoints(&Stream::ALL)?.max().unwrap_or(Seq::ZERO))
    }

    fn checkpoints(&mut self, streams: &[Stream]) -> anyhow::Result<impl Iterator<Item = Seq> + use<>> {
        let mut found = Vec::new();
        for store in [&mut self.hot, &mut self.archive] {
            for stream in store.role().streams().iter().filter(|stream| streams.contains(stream)) {
                let checkpoint = store.checkpoint(*stream).context("cannot read a checkpoint")?;
                found.push(checkpoint.map_or(Seq::ZERO, |checkpoint| checkpoint.seq));
            }
        }
        Ok(found.into_iter())
    }

    /// The stores, to be followed into.
    pub(crate) fn into_followers(self) -> [Fed; 2] {
        [
            ("hot", Box::new(self.hot) as Box<dyn Store + Send>, Role::Hot.streams()),
            ("archive", Box::new(self.archive), Role::Archive.streams()),
        ]
    }
}
