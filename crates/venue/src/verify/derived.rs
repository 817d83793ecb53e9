//! Which derived rows the logs explain: sums of what was before them cannot be computed again, expired rows may be gone.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use domain::units::UnixNanos;
use projector::buckets::{Bucket, Interval};
use projector::settings::Settings;

use super::key::{Table, bucket_of};
use super::spool::Print;

/// What can be compared.
#[derive(Debug)]
pub(super) struct Comparable<'a> {
    settings: &'a Settings,
    /// Time of the state that the expectation began with; absent: the first command.
    after: Option<UnixNanos>,
    /// What expires until then may be gone.
    now: UnixNanos,
}

impl<'a> Comparable<'a> {
    /// Stores remove by block time or by their own clock: whichever is later. `newest` is the block time of the newest market snapshot.
    pub(super) fn new(settings: &'a Settings, after: Option<UnixNanos>, newest: Option<UnixNanos>) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = UnixNanos(u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX));
        Self { settings, after, now: newest.unwrap_or(wall).max(wall) }
    }

    /// The next that can be compared; the others before it go to `left_out`.
    pub(super) fn next(
        &self,
        mut prints: impl FnMut() -> io::Result<Option<Print>>,
        mut left_out: impl FnMut(Print),
    ) -> io::Result<Option<Print>> {
        loop {
            match prints()? {
                Some(print) if !self.has(&print) => left_out(print),
                next => return Ok(next),
            }
        }
    }

    fn has(&self, print: &Print) -> bool {
        let (table, ..) = print.key;
        let Some(bucket) = bucket_of(print.key) else { return true };
        let is_cut_so = if table == Table::PositionHistory {
            self.has_positions_of(bucket.interval)
        } else if table == Table::MarketSnapshot {
            bucket.interval == self.settings.snapshots && print.expires_at > Some(self.now)
        } else {
            true
        };
        is_cut_so && self.is_whole(bucket)
    }

    fn has_positions_of(&self, interval: Interval) -> bool {
        self.settings.position_intervals().any(|one| one == interval)
    }

    /// Whether all of the bucket is in the logs.
    fn is_whole(&self, bucket: Bucket) -> bool {
        self.after.is_none_or(|after| bucket.interval != Interval::Ever && bucket.start > after)
    }
}
