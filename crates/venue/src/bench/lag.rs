//! How far the rows are behind the acknowledgements: for each command, the time from its commit in the journal to the moment at which
//! every stream of every shard has it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::followers::FollowerStatus;
use crate::live::{Status, nanos};

/// How often to look.
const GLANCE: Duration = Duration::from_millis(1);

/// Looks, from a thread of its own.
pub(super) struct Probe {
    found: Arc<Mutex<Found>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Lags seen since the last [`Probe::take`].
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Nanoseconds, one for each command.
    pub(super) lag: Histogram<u64>,
    /// When this stretch began.
    begun: Instant,
    /// Time within the stretch, and the mean lag of what arrived then.
    arrivals: Vec<(Duration, u64, u64)>,
}

impl Found {
    fn new() -> Self {
        Self { lag: Histogram::new(3).expect("three digits are possible"), begun: Instant::now(), arrivals: Vec::new() }
    }

    fn record(&mut self, now: Instant, lag: Duration, commands: u64) {
        let lag = nanos(lag);
        self.lag.record_n(lag, commands).expect("a histogram that grows takes any value");
        self.arrivals.push((now.saturating_duration_since(self.begun), lag, commands));
    }

    /// Mean lag in milliseconds of each quarter of the stretch.
    pub(super) fn quarters_ms(&self, whole: Duration) -> [f64; 4] {
        let mut sums = [(0.0, 0.0); 4];
        for (at, lag, commands) in &self.arrivals {
            let quarter = (0..3).take_while(|quarter| *at >= whole * (quarter + 1) / 4).count();
            let commands = super::accept::as_f64(*commands);
            sums[quarter].0 += super::accept::as_f64(*lag) / 1e6 * commands;
            sums[quarter].1 += commands;
        }
        sums.map(|(sum, count)| if count > 0.0 { sum / count } else { f64::INFINITY })
    }
}

/// Whether the end of a stretch lags noticeably more than its beginning. The first quarter is left out: caches fill.
pub(super) fn grew(quarters_ms: [f64; 4]) -> bool {
    /// What batches of different sizes make of themselves.
    const NOISE_MS: f64 = 50.0;
    let [_, early, _, late] = quarters_ms;
    late > early * 1.25 + NOISE_MS || !late.is_finite()
}

impl Probe {
    /// Looks at these followers until it is stopped.
    pub(super) fn start(status: Arc<Status>, followers: Vec<Arc<FollowerStatus>>) -> anyhow::Result<Self> {
        let (found, stop) = (Arc::new(Mutex::new(Found::new())), Arc::new(AtomicBool::new(false)));
        let looking = Looking { status, followers, found: Arc::clone(&found), stop: Arc::clone(&stop) };
        let thread = std::thread::Builder::new().name("lag-probe".into()).spawn(move || looking.run())?;
        Ok(Self { found, stop, thread })
    }

    /// What was seen since the last call; a new stretch begins.
    pub(super) fn take(&self) -> Found {
        std::mem::replace(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner), Found::new())
    }

    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.join().expect("the probe does not panic");
    }
}

struct Looking {
    status: Arc<Status>,
    followers: Vec<Arc<FollowerStatus>>,
    found: Arc<Mutex<Found>>,
    stop: Arc<AtomicBool>,
}

impl Looking {
    fn run(&self) {
        // Sequences, with the last moment at which they were not committed yet: the lag is never understated.
        let mut marks: VecDeque<(u64, Instant)> = VecDeque::new();
        let mut committed = self.status.journal.committed().0;
        let mut stored = reached(&self.followers);
        let mut before = Instant::now();
        while !self.stop.load(Ordering::Acquire) {
            std::thread::sleep(GLANCE);
            let now = Instant::now();
            let latest = self.status.journal.committed().0;
            if latest > committed {
                marks.push_back((latest, before));
                committed = latest;
            }
            let has = reached(&self.followers);
            while let Some((seq, since)) = marks.front().copied().filter(|(seq, _)| *seq <= has) {
                let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
                found.record(now, now.saturating_duration_since(since), seq.saturating_sub(stored));
                drop(found);
                stored = stored.max(seq);
                marks.pop_front();
            }
            before = now;
        }
    }
}

/// What all of them have.
pub(super) fn reached(followers: &[Arc<FollowerStatus>]) -> u64 {
    followers.iter().map(|follower| follower.reached().0).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Found, grew};

    #[test]
    fn a_lag_that_grows_is_noticed() {
        let mut found = Found::new();
        for (ms, lag_ms) in [(100, 900), (300, 100), (600, 200), (990, 400)] {
            let at = found.begun + Duration::from_millis(ms);
            found.record(at, Duration::from_millis(lag_ms), 10);
        }
        let quarters = found.quarters_ms(Duration::from_secs(1));
        assert_eq!(quarters.map(|mean| format!("{mean:.0}")), ["900", "100", "200", "400"]);
        assert!(grew(quarters) && !grew([900.0, 100.0, 100.0, 120.0]));
        assert_eq!(found.lag.len(), 40);
        // Nothing arrived at the end: the store stands still.
        assert!(grew(Found { begun: Instant::now(), ..Found::new() }.quarters_ms(Duration::from_secs(1))));
    }
}
