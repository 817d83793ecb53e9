//! Which segments may go, and what must be on disk before they do.

use std::time::{SystemTime, UNIX_EPOCH};

use domain::units::{Seq, UnixNanos};
use journal::archive::{Retention as Rule, closed_segments, copy_closed, purge_before, purgeable_before, sync_from};
use journal::segment::{Identity, list_segments};
use journal::storage::Directory;

/// One log, and where its closed segments are copied to, if anywhere.
#[derive(Debug, Clone)]
pub(crate) struct KeptLog {
    pub(crate) identity: Identity,
    pub(crate) local: Directory,
    pub(crate) store: Option<Directory>,
}

/// Keeps both logs as long as somebody needs them, and at least `retain_hours` where no store has them.
#[derive(Debug)]
pub(crate) struct Retention {
    pub(crate) journal: KeptLog,
    pub(crate) event_log: KeptLog,
    pub(crate) retain_hours: u32,
}

impl Retention {
    /// Makes everything written to the event log from `from` on durable. An error is final: no later success may be believed.
    pub(crate) fn sync_event_log(&self, from: Seq) -> Result<(), journal::error::ReadError> {
        sync_from(&self.event_log.local, from)
    }

    /// The oldest sequence the event log still has in the data directory.
    pub(crate) fn oldest_event(&self) -> Result<Seq, journal::error::ReadError> {
        Ok(list_segments(&self.event_log.local)?.first().copied().unwrap_or(Seq::ZERO))
    }

    /// Copies closed segments to their stores and removes those that nobody needs from `needed` on.
    pub(crate) fn purge(&self, needed: Seq) -> Result<(), journal::error::ReadError> {
        for log in [&self.journal, &self.event_log] {
            if let Some(store) = &log.store {
                copy_closed(log.identity, &log.local, store, needed)?;
            }
            let closed = closed_segments(log.identity, &log.local, log.store.as_ref())?;
            // The block that ends at a checkpoint stays: a follower that resumes there compares its hash.
            let rule = Rule { needed_from: needed, now: wall_now(), retain_hours: self.retain_hours };
            if let Some(seq) = purgeable_before(&closed, rule) {
                let removed = purge_before(&log.local, seq)?;
                tracing::info!(path = %log.local.path().display(), removed, before = seq.0, "segments removed");
            }
        }
        Ok(())
    }
}

/// The wall clock, for the age of files only.
fn wall_now() -> UnixNanos {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixNanos(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
}
