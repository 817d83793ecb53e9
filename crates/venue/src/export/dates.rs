//! Times of UTC as text, to the nanosecond.

use domain::units::UnixNanos;

const SECOND_NS: u64 = 1_000_000_000;
const DAY_S: u64 = 86_400;
/// Days from 0000-03-01, where a cycle of 400 years begins, to 1970-01-01.
const TO_EPOCH_DAYS: u64 = 719_468;
const CYCLE_DAYS: u64 = 146_097;

/// A day of UTC, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(u64);

impl Day {
    pub(crate) const fn of(time: UnixNanos) -> Self {
        Self(time.0 / (SECOND_NS * DAY_S))
    }
}

/// `2026-11-28`
impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = date_of(self.0);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// `2026-11-28T17:03:06.000000001Z`: always nine digits, so that the order of the texts is that of the times.
pub(crate) fn text(time: UnixNanos) -> String {
    let (seconds, ns) = (time.0 / SECOND_NS, time.0 % SECOND_NS);
    let second = seconds % DAY_S;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}.{ns:09}Z", Day::of(time))
}

/// A day, which begins at midnight, or a time of UTC with up to nine decimals: `2026-11-28`, `2026-11-28T17:03:06.5Z`.
pub(crate) fn parse(text: &str) -> Result<UnixNanos, String> {
    time_of(text).ok_or_else(|| format!("{text:?} is no time of UTC such as 2026-11-28 or 2026-11-28T17:03:06Z"))
}

fn time_of(text: &str) -> Option<UnixNanos> {
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00:00Z"));
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let time = time.strip_suffix('Z')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let is_time = hour < 24 && minute < 60 && second < 60;
    let days = days_of(year, month, day)?;
    let ns = (1..=9).contains(&fraction.len()).then(|| digits(&format!("{fraction:0<9}"))).flatten()?;
    let seconds = (days * DAY_S + hour * 3_600 + minute * 60 + second).checked_mul(SECOND_NS)?;
    is_time.then_some(UnixNanos(seconds.checked_add(ns)?))
}

fn numbers(text: &str, between: char, widths: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(between);
    let mut found = [0; 3];
    for (found, width) in found.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width)?;
        *found = digits(part)?;
    }
    parts.next().is_none().then_some(found)
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Days since 1970-01-01; absent where the calendar has no such day, or where it is before that.
fn days_of(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || day == 0 {
        return None;
    }
    // Years begin in March, so that the leap day is their last.
    let year_from_march = if month > 2 { year } else { year - 1 };
    let month_from_march = (month + 9) % 12;
    let (cycle, year_of_cycle) = (year_from_march / 400, year_from_march % 400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    let days = (cycle * CYCLE_DAYS + day_of_cycle).checked_sub(TO_EPOCH_DAYS)?;
    (date_of(days) == (year, month, day)).then_some(days)
}

/// Year, month, day; the inverse of [`days_of`].
fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days + TO_EPOCH_DAYS;
    let (cycle, day_of_cycle) = (days / CYCLE_DAYS, days % CYCLE_DAYS);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (cycle * 400 + year_of_cycle + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_alike() {
        // The seconds by `date -u -d ... +%s`.
        for (written, seconds, ns) in [
            ("1970-01-01T00:00:00.000000000Z", 0, 0),
            ("1999-12-31T23:59:59.999999999Z", 946_684_799, 999_999_999),
            ("2000-02-29T12:00:00.000000001Z", 951_825_600, 1),
            ("2026-11-28T17:03:06.500000000Z", 1_795_885_386, 500_000_000),
            ("2100-03-01T00:00:00.000000000Z", 4_107_542_400, 0),
        ] {
            let time = UnixNanos(seconds * SECOND_NS + ns);
            assert_eq!(text(time), written);
            assert_eq!(parse(written), Ok(time));
        }
        assert_eq!(parse("2026-11-28"), parse("2026-11-28T00:00:00Z"));
        assert_eq!(parse("2026-11-28T17:03:06.5Z"), Ok(UnixNanos(1_795_885_386_500_000_000)));
        for day in 0..200_000 {
            assert_eq!(parse(&Day(day).to_string()), Ok(UnixNanos(day * DAY_S * SECOND_NS)));
        }
    }

    #[test]
    fn what_no_calendar_has_is_no_time() {
        for text in [
            "",
            "2026",
            "2026-13-01",
            "2026-00-10",
            "2026-02-29",
            "2100-02-29",
            "2026-04-31",
            "2026-1-1",
            "1969-12-31",
            "2026-11-28T24:00:00Z",
            "2026-11-28T00:60:00Z",
            "2026-11-28T00:00:00",
            "2026-11-28T00:00:00.Z",
            "2026-11-28T00:00:00.0000000001Z",
            "2026-11-28T00:00:00+01:00",
            "+026-11-28",
            "9999-12-31",
            "2026-11-28-1",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
