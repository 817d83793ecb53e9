//! How many notes may be handed over.

use std::time::Duration;

/// Notes a second, and at once after a time without any.
pub(super) const NOTES_PER_SECOND: u32 = 32;

/// From one note to the next.
fn interval() -> Duration {
    Duration::from_secs(1) / NOTES_PER_SECOND
}

/// A number of notes that grows with time up to [`NOTES_PER_SECOND`].
#[derive(Debug)]
pub(super) struct Budget {
    left: u32,
    /// When `left` was right, on the clock that callers use.
    at: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: NOTES_PER_SECOND, at: Duration::ZERO }
    }
}

impl Budget {
    /// Takes as many as are wanted and there.
    pub(super) fn take(&mut self, now: Duration, wanted: usize) -> usize {
        while self.left < NOTES_PER_SECOND && self.at + interval() <= now {
            self.left += 1;
            self.at += interval();
        }
        if self.left == NOTES_PER_SECOND {
            self.at = now;
        }
        let taken = self.left.min(u32::try_from(wanted).unwrap_or(u32::MAX));
        self.left -= taken;
        usize::try_from(taken).unwrap_or(usize::MAX)
    }

    /// How long until there is one more.
    pub(super) fn pause(&self, now: Duration) -> Duration {
        (self.at + interval()).saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_and_what_is_not_used_is_not_saved() {
        let mut budget = Budget::default();
        let at = Duration::from_secs(100);
        assert_eq!(budget.take(at, 3), 3);
        assert_eq!(budget.take(at, 100), 29);
        assert_eq!(budget.take(at, 100), 0);
        assert_eq!(budget.pause(at), interval());
        assert_eq!(budget.take(at + interval() / 2, 100), 0);
        assert_eq!(budget.pause(at + interval() / 2), interval() / 2);
        assert_eq!(budget.take(at + interval() * 5 / 2, 100), 2);
        assert_eq!(budget.take(at + interval() * 3, 100), 1, "the half was not lost");
        let mut taken = 0;
        for tick in 0..1_000 {
            taken += budget.take(at + interval() * 3 + Duration::from_millis(10 * tick), 100);
        }
        assert_eq!(taken, 319, "ten seconds");
        assert_eq!(budget.take(at + Duration::from_secs(1_000), 100), 32);
    }
}
