//! How derived collections are cut. Rows are a function of the log and of these.

use crate::buckets::Interval;

/// Intervals of klines that are stored; the others are added up from these when they are read, at most 31 rows for each.
pub const KLINES: [Interval; 3] = [Interval::MINUTE, Interval::HOUR, Interval::DAY];
/// Intervals of the leaderboards.
pub const LEADERBOARDS: [Interval; 3] = [Interval::DAY, Interval::Week, Interval::Ever];
/// Intervals of the analytics.
pub const ANALYTICS: [Interval; 2] = [Interval::MINUTE, Interval::DAY];
/// Most price levels on each side of a market snapshot.
pub const SNAPSHOT_LEVELS_MAX: usize = 100;

/// What an operator may choose. A change holds for buckets that begin later; rows that are there stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Positions are kept as they were at the end of each such stretch, besides the end of each day.
    pub positions: Interval,
    /// Markets are kept as they were at the end of each such stretch.
    pub snapshots: Interval,
    /// Price levels on each side of a market snapshot.
    pub snapshot_levels: usize,
    /// How long after its bucket a market snapshot is kept.
    pub snapshot_ttl_ns: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            positions: Interval::Seconds(15 * 60),
            snapshots: Interval::Seconds(10),
            snapshot_levels: 10,
            snapshot_ttl_ns: 24 * 3_600 * 1_000_000_000,
        }
    }
}

impl Settings {
    /// Both intervals of the position history, or the one where they are the same.
    pub fn position_intervals(&self) -> impl Iterator<Item = Interval> + use<> {
        let often = (self.positions != Interval::DAY).then_some(self.positions);
        often.into_iter().chain([Interval::DAY])
    }
}
