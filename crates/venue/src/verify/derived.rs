//! Which derived rows the logs explain: sums of what was before them cannot be computed again, expired rows may be gone.

use std::time::{SystemTime, UNIX_EPOCH};

use domain::units::UnixNanos;
use projector::buckets::{Bucket, Interval};
use projector::settings::Settings;
use projector::store::StoredRow;

use super::expect::Rows;

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
    /// Stores remove by block time or by their own clock: whichever is later.
    pub(super) fn new(settings: &'a Settings, after: Option<UnixNanos>, expected: &Rows) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = UnixNanos(u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX));
        let block = expected
            .values()
            .filter_map(|row| if let StoredRow::MarketSnapshot(row) = row { Some(row.time) } else { None });
        Self { settings, after, now: block.max().unwrap_or(wall).max(wall) }
    }

    pub(super) fn has(&self, row: &StoredRow) -> bool {
        let (bucket, is_cut_so) = match row {
            StoredRow::Kline(row) => (row.bucket, true),
            StoredRow::PositionHistory(row) => (row.bucket, self.has_positions_of(row.bucket.interval)),
            StoredRow::MarketSnapshot(row) => {
                (row.bucket, row.bucket.interval == self.settings.snapshots && row.expires_at > self.now)
            }
            StoredRow::Leaderboard(row) => (row.bucket, true),
            StoredRow::Analytics(row) => (row.bucket, true),
            StoredRow::ActiveUser(row) => (row.bucket, true),
            StoredRow::Venue(_)
            | StoredRow::Asset(_)
            | StoredRow::Symbol(_)
            | StoredRow::User(_)
            | StoredRow::Key(_)
            | StoredRow::Order(_)
            | StoredRow::OpenOrder(_)
            | StoredRow::Fill(_)
            | StoredRow::Position(_)
            | StoredRow::Balance(_)
            | StoredRow::CreditLimit(_)
            | StoredRow::Ledger(_)
            | StoredRow::Withdrawal(_)
            | StoredRow::Trade(_)
            | StoredRow::Audit(_)
            | StoredRow::SymbolTenure(_)
            | StoredRow::UserTenure(_) => return true,
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
