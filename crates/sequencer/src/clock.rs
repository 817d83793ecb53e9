//! Block time: never goes back, and never jumps without an operator's word.

use domain::units::UnixNanos;

/// How far the wall clock may run away from the monotonic clock before it is no longer believed.
pub const JUMP_NANOS_MAX: u64 = 1_000_000_000;

/// Both clocks, read at the same moment. The sequencer's runner is the only place that reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Wall clock.
    pub wall: UnixNanos,
    /// Nanoseconds since some fixed moment, never going back.
    pub monotonic: u64,
}

/// Turns readings into block times.
///
/// While wall and monotonic clock agree within `JUMP_NANOS_MAX`, block time follows the wall clock. After a jump it goes on
/// by the monotonic clock until an operator accepts the new wall time.
#[derive(Debug)]
pub struct BlockClock {
    last: UnixNanos,
    /// Last reading at which the wall clock was believed.
    trusted: Option<Reading>,
    jumped: bool,
}

impl BlockClock {
    /// A clock that goes on after the block time `last`.
    pub fn new(last: UnixNanos) -> Self {
        Self { last, trusted: None, jumped: false }
    }

    /// The time of a block that is cut now.
    pub fn stamp(&mut self, now: Reading) -> UnixNanos {
        let believed = match self.trusted {
            None => now.wall,
            Some(trusted) => {
                let expected = trusted.wall.plus(now.monotonic.saturating_sub(trusted.monotonic));
                let off = expected.since(now.wall).max(now.wall.since(expected));
                self.jumped = off > JUMP_NANOS_MAX;
                if self.jumped { expected } else { now.wall }
            }
        };
        if !self.jumped {
            self.trusted = Some(now);
        }
        self.last = self.last.max(believed);
        self.last
    }

    /// Whether the wall clock has jumped and is not believed.
    pub fn has_jumped(&self) -> bool {
        self.jumped
    }

    /// An operator says the wall clock is right.
    pub fn accept(&mut self) {
        self.trusted = None;
        self.jumped = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn at(wall: u64, monotonic: u64) -> Reading {
        Reading { wall: UnixNanos(wall), monotonic }
    }

    #[test]
    fn time_never_goes_back_and_a_jump_waits_for_an_operator() {
        let mut clock = BlockClock::new(UnixNanos(100 * SECOND));
        let mut check = |reading, expected: u64, jumped| {
            assert_eq!(clock.stamp(reading), UnixNanos(expected), "{reading:?}");
            assert_eq!(clock.has_jumped(), jumped, "{reading:?}");
        };
        check(at(90 * SECOND, 0), 100 * SECOND, false); // behind the journal: stands still
        check(at(101 * SECOND - 1, 11 * SECOND - 1), 101 * SECOND - 1, false);
        check(at(100 * SECOND + SECOND / 2, 11 * SECOND), 101 * SECOND - 1, false); // a small step back
        check(at(3600 * SECOND, 12 * SECOND), 101 * SECOND + SECOND / 2, true); // a jump: go on by the other clock
        check(at(3601 * SECOND, 13 * SECOND), 102 * SECOND + SECOND / 2, true);
        clock.accept();
        assert_eq!(clock.stamp(at(3602 * SECOND, 14 * SECOND)), UnixNanos(3602 * SECOND));
        assert!(!clock.has_jumped());
    }
}
