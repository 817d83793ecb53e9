//! Answers of the archive that many ask for, kept for a moment: market snapshots and boards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::ids::{SymbolId, UserId};
use domain::units::Seq;
use moka::sync::Cache as Kept;
use projector::archive::BucketsQuery;
use projector::buckets::{Bucket, Scope};
use projector::history::{Page, ReadError};
use projector::rows::derived::{LeaderboardRow, MarketSnapshotRow};

use crate::venue::archive::leaderboards::{By, measure};

/// How old an answer may be.
const KEPT_FOR: Duration = Duration::from_secs(1);
/// How old one is at least before it is read again for somebody who must see more: a board is read whole.
const READ_AGAIN: Duration = Duration::from_millis(100);
/// Pages of snapshots kept.
const PAGES_MAX: u64 = 1_024;
/// Rows of boards kept, all boards together.
const BOARD_ROWS_MAX: u64 = 2_000_000;

/// See the module. Who asks for the same at the same time waits for one read.
#[derive(Debug)]
pub(crate) struct Cache {
    snapshots: Kept<BucketsQuery<SymbolId>, Answer<Page<MarketSnapshotRow>>>,
    boards: Kept<(Scope, Bucket), Answer<Board>>,
    read_again: Duration,
}

/// When it was read, and what was.
type Answer<T> = (Instant, Arc<T>);

impl Cache {
    pub(crate) fn new() -> Self {
        Self::reading_again_after(READ_AGAIN)
    }

    fn reading_again_after(read_again: Duration) -> Self {
        let weigh = |_: &_, (_, board): &Answer<Board>| u32::try_from(board.len() + 1).unwrap_or(u32::MAX);
        Self {
            snapshots: Kept::builder().max_capacity(PAGES_MAX).time_to_live(KEPT_FOR).build(),
            boards: Kept::builder().max_capacity(BOARD_ROWS_MAX).weigher(weigh).time_to_live(KEPT_FOR).build(),
            read_again,
        }
    }

    /// A page that reflects `least`, if the archive has it and was not asked just now.
    pub(crate) fn snapshots(
        &self,
        query: &BucketsQuery<SymbolId>,
        least: Seq,
        read: impl FnOnce() -> Result<Page<MarketSnapshotRow>, ReadError>,
    ) -> Result<Arc<Page<MarketSnapshotRow>>, ReadError> {
        if self.snapshots.get(query).is_some_and(|(at, page)| page.through < least && self.is_old(at)) {
            self.snapshots.invalidate(query);
        }
        let kept = self.snapshots.try_get_with(*query, || read().map(|page| (Instant::now(), Arc::new(page))));
        kept.map(|(_, page)| page).map_err(|error| ReadError::clone(&error))
    }

    /// A board that reflects `least`, if the archive has it and was not asked just now.
    pub(crate) fn board(
        &self,
        scope: Scope,
        bucket: Bucket,
        least: Seq,
        read: impl FnOnce() -> Result<Page<LeaderboardRow>, ReadError>,
    ) -> Result<Arc<Board>, ReadError> {
        let key = (scope, bucket);
        if self.boards.get(&key).is_some_and(|(at, board)| board.through < least && self.is_old(at)) {
            self.boards.invalidate(&key);
        }
        let kept = self.boards.try_get_with(key, || read().map(|page| (Instant::now(), Arc::new(Board::new(page)))));
        kept.map(|(_, board)| board).map_err(|error| ReadError::clone(&error))
    }

    fn is_old(&self, read: Instant) -> bool {
        read.elapsed() >= self.read_again
    }
}

/// Everybody on a board, in both orders: the larger number first, of equal ones the older user.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) through: Seq,
    rows: Vec<LeaderboardRow>,
    by_volume: Vec<u32>,
    by_realised: Vec<u32>,
}

impl Board {
    fn new(page: Page<LeaderboardRow>) -> Self {
        let rows = page.rows;
        let order = |by| {
            let mut order: Vec<u32> = (0..).take(rows.len()).collect();
            let key = |place: &u32| rows.get(place_of(*place)).map(|row| (-measure(row, by).0, row.user));
            order.sort_by_cached_key(key);
            order
        };
        let (by_volume, by_realised) = (order(By::Volume), order(By::Realised));
        Self { through: page.through, rows, by_volume, by_realised }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Those from a rank on, which is at least 1.
    pub(crate) fn from(&self, by: By, rank: u64, limit: usize) -> impl Iterator<Item = &LeaderboardRow> {
        let before = usize::try_from(rank.saturating_sub(1)).unwrap_or(usize::MAX);
        self.order(by).iter().skip(before).take(limit).filter_map(|place| self.rows.get(place_of(*place)))
    }

    /// Where the user stands, from 1.
    pub(crate) fn rank(&self, by: By, user: UserId) -> Option<(u64, &LeaderboardRow)> {
        let own = self.rows.binary_search_by_key(&user, |row| row.user).ok().and_then(|place| self.rows.get(place))?;
        let key = |row: &LeaderboardRow| (-measure(row, by).0, row.user);
        let before = |place: &u32| self.rows.get(place_of(*place)).is_some_and(|row| key(row) < key(own));
        let before = self.order(by).partition_point(before);
        Some((u64::try_from(before).unwrap_or(u64::MAX).saturating_add(1), own))
    }

    fn order(&self, by: By) -> &[u32] {
        match by {
            By::Volume => &self.by_volume,
            By::Realised => &self.by_realised,
        }
    }
}

fn place_of(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use projector::buckets::Interval;

    use super::*;
    use domain::units::{Amount, UnixNanos};

    #[test]
    fn what_is_kept_is_read_again_for_whoever_must_see_more() {
        let bucket = Interval::Ever.bucket(UnixNanos(0));
        let of = |cache: &Cache, least, archive| {
            let read = || Ok(Page { through: Seq(archive), rows: Vec::new() });
            cache.board(Scope::Venue, bucket, Seq(least), read).unwrap().through.0
        };
        let (eager, patient) = (Cache::reading_again_after(Duration::ZERO), Cache::reading_again_after(Duration::MAX));
        assert_eq!([of(&patient, 0, 5), of(&patient, 6, 9)], [5, 5], "it was read just now");
        let at = |least, archive| of(&eager, least, archive);
        assert_eq!([at(0, 5), at(0, 9), at(5, 9), at(6, 9), at(0, 12)], [5, 5, 5, 9, 9]);
        assert_eq!(at(20, 15), 15, "the archive has no more");
    }

    #[test]
    fn the_larger_number_comes_first_and_of_equal_ones_the_older_user() {
        let bucket = Interval::Ever.bucket(UnixNanos(0));
        let row = |user, volume, realised| LeaderboardRow {
            bucket,
            scope: Scope::Venue,
            user: UserId(user),
            volume: Amount(volume),
            realised: Amount(realised),
            fills: 1,
            last_seq: Seq(9),
        };
        let board =
            Board::new(Page { through: Seq(9), rows: vec![row(1, 5, -3), row(2, 7, 0), row(4, 5, 8), row(9, 5, -3)] });
        let users = |by, rank, limit| board.from(by, rank, limit).map(|row| row.user.0).collect::<Vec<_>>();
        assert_eq!(users(By::Volume, 1, 10), [2, 1, 4, 9]);
        assert_eq!(users(By::Realised, 1, 3), [4, 2, 1]);
        assert_eq!(users(By::Realised, 4, 3), [9]);
        assert_eq!(users(By::Realised, u64::MAX, 3), [0; 0]);
        let rank = |by, user| board.rank(by, UserId(user)).map(|(rank, row)| (rank, row.user.0));
        assert_eq!(rank(By::Volume, 9), Some((4, 9)));
        assert_eq!(rank(By::Realised, 9), Some((4, 9)));
        assert_eq!(rank(By::Realised, 4), Some((1, 4)));
        assert_eq!(rank(By::Volume, 3), None);
    }
}
