//! Orders into a running venue, each at its time.

use std::time::Duration;

use domain::command::NotTaken;
use sequencer::batch::ReplyTo;

use crate::live::{Live, nanos};
use crate::load::Load;
use crate::meter::Meter;

/// How long to wait where the queue is full.
const FULL_WAIT: Duration = Duration::from_micros(50);

/// Submits a flow, and counts.
pub(super) struct Driver<'a> {
    pub(super) live: &'a Live,
    pub(super) meter: &'a Meter,
    pub(super) load: &'a mut Load,
    /// Commands taken so far.
    pub(super) sent: u64,
    /// How often the queue was full.
    pub(super) overloaded: u64,
}

impl<'a> Driver<'a> {
    pub(super) fn new(live: &'a Live, meter: &'a Meter, load: &'a mut Load) -> Self {
        Self { live, meter, load, sent: 0, overloaded: 0 }
    }

    /// Submits for so long. `due` says when the next command is due, in nanoseconds of the meter's, and is asked once for each.
    pub(super) fn run(&mut self, time: Duration, due: &mut dyn FnMut(u64) -> u64) -> anyhow::Result<()> {
        let end = self.meter.now() + nanos(time);
        loop {
            let due = due(self.meter.now());
            loop {
                let now = self.meter.now();
                if now >= end {
                    return Ok(());
                }
                if now >= due {
                    break;
                }
                // The generator shares the cores with the venue: it must not spin.
                std::thread::sleep(Duration::from_nanos(due.min(end) - now));
            }
            self.submit(due)?;
        }
    }

    /// The next command, as soon as it is taken.
    fn submit(&mut self, due: u64) -> anyhow::Result<()> {
        let command = self.load.next();
        self.meter.expect(self.sent, due);
        loop {
            match self.live.entrance.submit(command.clone(), ReplyTo::Sink { sink: 0, token: self.sent }) {
                Ok(()) => {
                    self.sent += 1;
                    return Ok(());
                }
                Err(NotTaken::Overloaded | NotTaken::EventLogBehind) => {
                    self.overloaded += 1;
                    std::thread::sleep(FULL_WAIT);
                }
                Err(refused) => anyhow::bail!("the venue does not take orders: {refused:?}"),
            }
        }
    }

    /// Waits until everything is answered.
    pub(super) fn finish(&self) {
        while self.meter.answered() < self.sent {
            std::thread::yield_now();
        }
    }
}

/// So many commands a second, from now on; without a number, as many as are taken.
pub(super) fn at_rate(begun: u64, per_second: f64) -> impl FnMut(u64) -> u64 {
    let mut number = 0_u64;
    move |now| {
        if per_second <= 0.0 {
            return now;
        }
        number += 1;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "nanoseconds of a run")]
        let after = (super::accept::as_f64(number) * 1e9 / per_second) as u64;
        begun + after
    }
}
