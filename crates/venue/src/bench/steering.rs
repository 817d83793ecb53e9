//! As much load as the stores take, and no more: their own pace, nudged so that the same number of commands is always on its way.
//!
//! Without it a generator either leaves the stores idle, or runs away from them by hundreds of thousands of commands a second.

use std::collections::VecDeque;
use std::sync::Arc;

use super::lag::reached;
use crate::followers::FollowerStatus;
use crate::live::Status;

/// How often the rate is set.
const ADJUST_NS: u64 = 50_000_000;
/// Over how long the stores' pace is taken.
const PACE_NS: u64 = 3_000_000_000;
/// Commands a second at the beginning.
const RATE_FIRST: f64 = 20_000.0;
/// Never slower: a store that stands still must be seen to do so.
const RATE_MIN: f64 = 1_000.0;
/// A generator that was held up does not make up for more than this.
const ARREARS_NS: u64 = 5_000_000;

/// When each command is due.
pub(super) struct Steering {
    status: Arc<Status>,
    followers: Vec<Arc<FollowerStatus>>,
    /// Commands that should be on their way to the stores.
    target: u64,
    rate: f64,
    next: u64,
    adjusted: u64,
    /// When the stores were how far.
    passed: VecDeque<(u64, u64)>,
}

impl Steering {
    pub(super) fn new(status: Arc<Status>, followers: Vec<Arc<FollowerStatus>>, target: u64) -> Self {
        Self { status, followers, target, rate: RATE_FIRST, next: 0, adjusted: 0, passed: VecDeque::new() }
    }

    /// When the next command is due.
    pub(super) fn due(&mut self, now: u64) -> u64 {
        if now >= self.adjusted + ADJUST_NS {
            self.adjust(now);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least a thousand a second")]
        let interval = (1e9 / self.rate) as u64;
        self.next = (self.next + interval).max(now.saturating_sub(ARREARS_NS));
        self.next
    }

    fn adjust(&mut self, now: u64) {
        self.adjusted = now;
        let has = reached(&self.followers);
        while self.passed.front().is_some_and(|(at, _)| *at + PACE_NS < now) {
            self.passed.pop_front();
        }
        self.passed.push_back((now, has));
        let behind = self.status.journal.committed().0.saturating_sub(has);
        if let Some((since, then)) = self.passed.front().copied().filter(|(since, _)| *since < now) {
            self.rate = steered(has - then, now - since, behind, self.target).unwrap_or(self.rate);
        }
    }
}

/// The rate: the stores' pace, faster where they have too little before them and slower where too much.
fn steered(passed: u64, took_ns: u64, behind: u64, target: u64) -> Option<f64> {
    let as_f64 = super::accept::as_f64;
    if took_ns < PACE_NS / 4 {
        return None;
    }
    let pace = as_f64(passed) * 1e9 / as_f64(took_ns);
    let missing = (as_f64(target) - as_f64(behind)) / as_f64(target);
    Some((pace * (1.0 + missing.clamp(-1.0, 1.0) / 2.0)).max(RATE_MIN))
}

#[cfg(test)]
mod tests {
    use super::{PACE_NS, RATE_MIN, steered};

    #[test]
    fn the_rate_is_the_pace_of_the_stores() {
        let rate = |passed, behind| steered(passed, PACE_NS, behind, 10_000).map(f64::round);
        assert_eq!(rate(120_000, 10_000), Some(40_000.0));
        assert_eq!(rate(120_000, 0), Some(60_000.0));
        assert_eq!(rate(120_000, 1_000_000), Some(20_000.0));
        assert_eq!(rate(0, 0), Some(RATE_MIN));
        assert_eq!(steered(10, PACE_NS / 8, 0, 10_000), None, "too early to say");
    }
}
