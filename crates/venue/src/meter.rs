//! Counts answers and measures how long each took, from when its order was due: a generator that falls behind its own
//! schedule counts as waiting (no coordinated omission).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::event::Event;
use domain::units::Seq;
use hdrhistogram::Histogram;
use sequencer::batch::AnswerSink;

use crate::live::nanos;

/// Orders that may be on their way at once: more than any queue holds.
const IN_FLIGHT_MAX: usize = 1 << 20;
/// Longest latency told apart.
const LATENCY_MAX_NS: u64 = 60_000_000_000;

/// What was counted since the last look.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    pub(crate) answered: u64,
    pub(crate) refused: u64,
    pub(crate) fills: u64,
    /// Nanoseconds from due to answered.
    pub(crate) latency: Histogram<u64>,
}

impl Counts {
    fn new() -> Self {
        let latency = Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3).expect("bounds that a histogram can have");
        Self { answered: 0, refused: 0, fills: 0, latency }
    }

    /// A quantile of the latency.
    pub(crate) fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.latency.value_at_quantile(quantile))
    }
}

/// The sink of a load generator.
#[derive(Debug)]
pub(crate) struct Meter {
    begun: Instant,
    /// When each order was due, in nanoseconds since `begun`, by token.
    due: Box<[AtomicU64]>,
    answered: AtomicU64,
    counts: Mutex<Counts>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
            due: (0..IN_FLIGHT_MAX).map(|_| AtomicU64::new(0)).collect(),
            answered: AtomicU64::new(0),
            counts: Mutex::new(Counts::new()),
        }
    }

    /// Nanoseconds since the meter was made.
    pub(crate) fn now(&self) -> u64 {
        nanos(self.begun.elapsed())
    }

    /// An order is about to be submitted that was due at `due`.
    pub(crate) fn expect(&self, token: u64, due: u64) {
        self.slot(token).store(due, Ordering::Relaxed);
    }

    /// Answers so far, ever.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Acquire)
    }

    /// Takes what was counted since the last call.
    pub(crate) fn take(&self) -> Counts {
        std::mem::replace(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner), Counts::new())
    }

    fn slot(&self, token: u64) -> &AtomicU64 {
        let index = usize::try_from(token).unwrap_or(0) % IN_FLIGHT_MAX;
        &self.due[index]
    }
}

impl AnswerSink for Meter {
    fn answered(&self, token: u64, _: Seq, events: &[Event]) {
        let took = self.now().saturating_sub(self.slot(token).load(Ordering::Relaxed));
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.answered += 1;
        counts.refused += u64::from(matches!(events.first(), Some(Event::Refused(_))));
        counts.fills += count(events.iter().filter(|event| matches!(event, Event::Trade(_))).count());
        counts.latency.saturating_record(took.max(1));
        drop(counts);
        self.answered.fetch_add(1, Ordering::Release);
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
