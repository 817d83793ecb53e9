//! The stretches of time that klines are cut into.

use domain::units::UnixNanos;

const SECOND_NS: u64 = 1_000_000_000;
const MINUTE: u64 = 60;
const DAY: u64 = 86_400;
/// 1970-01-01 was a Thursday; weeks begin on Mondays.
const FIRST_MONDAY: u64 = 4 * DAY;

/// Length of a kline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interval {
    /// So many seconds, counted from 1970, or from its first Monday.
    Seconds { length: u64, offset: u64 },
    /// A calendar month.
    Month,
}

impl Interval {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let minutes = |count: u64| Some(Self::Seconds { length: count * MINUTE, offset: 0 });
        match text {
            "1m" => minutes(1),
            "3m" => minutes(3),
            "5m" => minutes(5),
            "15m" => minutes(15),
            "30m" => minutes(30),
            "1h" => minutes(60),
            "2h" => minutes(2 * 60),
            "4h" => minutes(4 * 60),
            "6h" => minutes(6 * 60),
            "8h" => minutes(8 * 60),
            "12h" => minutes(12 * 60),
            "1d" => minutes(24 * 60),
            "3d" => minutes(3 * 24 * 60),
            "1w" => Some(Self::Seconds { length: 7 * DAY, offset: FIRST_MONDAY }),
            "1M" => Some(Self::Month),
            _ => None,
        }
    }

    /// The longest stored interval that fits into this one.
    pub(crate) fn stored(self) -> projector::buckets::Interval {
        use projector::buckets::Interval as Stored;
        match self {
            Self::Seconds { length, .. } if length < 3_600 => Stored::MINUTE,
            Self::Seconds { length, .. } if length < DAY => Stored::HOUR,
            Self::Seconds { .. } | Self::Month => Stored::DAY,
        }
    }

    /// Beginning of the stretch that `time` is in.
    pub(crate) fn begin(self, time: UnixNanos) -> UnixNanos {
        let seconds = time.0 / SECOND_NS;
        let begin = match self {
            Self::Seconds { length, offset } => {
                // Before the first Monday the first stretch is short.
                let Some(since) = seconds.checked_sub(offset) else { return UnixNanos(0) };
                seconds - since % length
            }
            Self::Month => {
                let (year, month) = month_of(seconds / DAY);
                days_before(year, month) * DAY
            }
        };
        UnixNanos(begin * SECOND_NS)
    }

    /// Beginning of the stretch after the one that begins at `begin`.
    pub(crate) fn next(self, begin: UnixNanos) -> UnixNanos {
        let length = match self {
            Self::Seconds { length, offset } if begin.0 / SECOND_NS >= offset => length,
            Self::Seconds { offset, .. } => offset,
            Self::Month => 31 * DAY,
        };
        let next = begin.plus(length.saturating_mul(SECOND_NS));
        // Thirty-one days after the first of a month is some day of the next.
        self.begin(next)
    }

    /// Beginning of the stretch `count` before the one that begins at `begin`, or of the first.
    pub(crate) fn back(self, begin: UnixNanos, count: u64) -> UnixNanos {
        match self {
            Self::Seconds { length, .. } => {
                self.begin(UnixNanos(begin.0.saturating_sub(count.saturating_mul(length).saturating_mul(SECOND_NS))))
            }
            Self::Month => {
                let (year, month) = month_of(begin.0 / SECOND_NS / DAY);
                let months = (year * 12 + month - 1).saturating_sub(count).max(1970 * 12);
                UnixNanos(days_before(months / 12, months % 12 + 1) * DAY * SECOND_NS)
            }
        }
    }
}

/// Year and month (1 to 12) of a day counted from 1970-01-01.
fn month_of(days: u64) -> (u64, u64) {
    // Years that begin in March have their leap day at the end (Howard Hinnant, "chrono-compatible low-level date algorithms").
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month)
}

/// Days from 1970-01-01 to the first of a month.
fn days_before(year: u64, month: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * march_month + 2) / 5;
    (era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year).saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixNanos {
        UnixNanos(seconds * SECOND_NS)
    }

    #[test]
    fn stretches_begin_where_binance_has_them() {
        // 2024-02-29 12:34:56, a Thursday.
        let time = at(1_709_210_096);
        let cases = [
            ("1m", 1_709_210_040),
            ("15m", 1_709_209_800),
            ("4h", 1_709_208_000),
            ("1d", 1_709_164_800),
            ("1w", 1_708_905_600),
            ("1M", 1_706_745_600),
        ];
        for (text, begin) in cases {
            assert_eq!(Interval::parse(text).unwrap().begin(time), at(begin), "{text}");
        }
        assert_eq!(Interval::parse("1s"), None);
        assert_eq!(Interval::parse("1D"), None);
    }

    #[test]
    fn months_follow_each_other() {
        let month = Interval::Month;
        let mut begin = at(0);
        for index in 0..12 * 200 {
            assert_eq!(month.begin(begin), begin);
            let next = month.next(begin);
            assert_eq!(month.back(next, 1), begin, "{index}");
            let days = (next.0 - begin.0) / SECOND_NS / DAY;
            assert!((28..=31).contains(&days), "{days}");
            begin = next;
        }
        assert_eq!(begin, at(6_311_433_600), "2170-01-01");
        assert_eq!(month.back(at(0), 5), at(0));
    }

    #[test]
    fn weeks_follow_each_other() {
        let week = Interval::parse("1w").unwrap();
        assert_eq!(week.begin(at(0)), at(0));
        assert_eq!(week.next(at(0)), at(FIRST_MONDAY));
        assert_eq!(week.next(at(FIRST_MONDAY)), at(FIRST_MONDAY + 7 * DAY));
    }
}
