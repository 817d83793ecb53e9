//! Stretches of block time that derived rows are cut by, and what they are about.

use domain::ids::{AssetId, SymbolId};
use domain::units::UnixNanos;

const SECOND_NS: u64 = 1_000_000_000;
const DAY: u32 = 86_400;
const WEEK: u32 = 7 * DAY;
/// 1970-01-01 was a Thursday; weeks begin on Mondays.
const FIRST_MONDAY: u64 = 4 * DAY as u64;

/// Length of a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interval {
    /// So many seconds, at least 1, counted from 1970 (UTC).
    Seconds(u32),
    /// A week, from Monday (UTC).
    Week,
    /// All of time.
    Ever,
}

/// One stretch: from its start on, up to but without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket {
    /// How long it is.
    pub interval: Interval,
    /// Its first moment.
    pub start: UnixNanos,
}

impl Interval {
    /// A minute.
    pub const MINUTE: Self = Self::Seconds(60);
    /// An hour.
    pub const HOUR: Self = Self::Seconds(3_600);
    /// A day.
    pub const DAY: Self = Self::Seconds(DAY);

    /// The bucket that `time` is in.
    pub const fn bucket(self, time: UnixNanos) -> Bucket {
        let seconds = time.0 / SECOND_NS;
        let start = match self {
            Self::Seconds(length) => seconds - seconds % (length as u64),
            Self::Week => match seconds.checked_sub(FIRST_MONDAY) {
                Some(since) => seconds - since % (WEEK as u64),
                // Before the first Monday the first week is short.
                None => 0,
            },
            Self::Ever => 0,
        };
        Bucket { interval: self, start: UnixNanos(start * SECOND_NS) }
    }

    /// The number it is stored as: its seconds; 0: all of time. Part of the stored format.
    pub const fn number(self) -> u32 {
        match self {
            Self::Seconds(length) => length,
            Self::Week => WEEK,
            Self::Ever => 0,
        }
    }

    /// What is stored as this number.
    pub const fn of_number(number: u32) -> Self {
        match number {
            0 => Self::Ever,
            WEEK => Self::Week,
            length => Self::Seconds(length),
        }
    }
}

impl Bucket {
    /// The first moment after it; absent for all of time.
    pub fn end(self) -> Option<UnixNanos> {
        let seconds = match self.interval {
            Interval::Seconds(length) => u64::from(length),
            Interval::Week if self.start.0 == 0 => FIRST_MONDAY,
            Interval::Week => u64::from(WEEK),
            Interval::Ever => return None,
        };
        Some(self.start.plus(seconds.saturating_mul(SECOND_NS)))
    }

    /// Whether `time` is inside.
    pub fn contains(self, time: UnixNanos) -> bool {
        self.interval.bucket(time) == self
    }
}

/// What a sum is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everything.
    Venue,
    /// Everything that is paid in this asset: only there amounts can be added up.
    Asset(AssetId),
    /// One symbol.
    Symbol(SymbolId),
}

impl Scope {
    /// A word and an id, as it is stored.
    pub const fn parts(self) -> (&'static str, u32) {
        match self {
            Self::Venue => ("venue", 0),
            Self::Asset(asset) => ("asset", asset.0),
            Self::Symbol(symbol) => ("symbol", symbol.0),
        }
    }

    /// What is stored so.
    pub fn of_parts(word: &str, id: u32) -> Option<Self> {
        match word {
            "venue" => Some(Self::Venue),
            "asset" => Some(Self::Asset(AssetId(id))),
            "symbol" => Some(Self::Symbol(SymbolId(id))),
            _ => None,
        }
    }
}
