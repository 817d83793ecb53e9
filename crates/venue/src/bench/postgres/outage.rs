//! One shard away for a while, at a load that goes on: what orders notice of it, and how long it takes to come level.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pg_cluster::server::Server;
use serde_json::{Value, json};

use super::{STRETCH, milliseconds};
use crate::bench::accept::as_f64;
use crate::bench::drive::Driver;
use crate::bench::lag::{Found, Probe, reached};
use crate::bench::report::Latency;
use crate::followers::FollowerStatus;

/// Times the outage that coming level may take.
const PATIENCE: u32 = 10;

/// What was measured.
pub(super) struct Outage {
    away: Duration,
    /// From due to answered while the server was away.
    ack: Latency,
    /// The same while the shard came level.
    ack_after: Latency,
    /// What the other shards lagged meanwhile.
    others: Found,
    refused: u64,
    /// Commands that the shard was behind when its server was back.
    behind: u64,
    level_after: Duration,
    /// Commands that came in until it was level.
    inflow: u64,
}

/// The shard that goes away, and the others.
pub(super) struct Parts {
    pub(super) away: Vec<Arc<FollowerStatus>>,
    pub(super) others: Vec<Arc<FollowerStatus>>,
}

impl Outage {
    /// Kills the server of a shard, starts it again after `away`, and waits until its followers are behind by no more than
    /// `level` commands; orders go on all the time.
    pub(super) fn measure(
        driver: &mut Driver<'_>,
        due: &mut dyn FnMut(u64) -> u64,
        (server, parts): (&mut Server, Parts),
        away: Duration,
        level: u64,
    ) -> anyhow::Result<Self> {
        let status = Arc::clone(&driver.live.status);
        let probe = Probe::start(Arc::clone(&status), parts.others)?;
        drop(driver.meter.take());
        server.kill()?;
        driver.run(away, due)?;
        let (while_away, others) = (driver.meter.take(), probe.take());
        probe.stop();
        std::thread::scope(|scope| {
            let starting = scope.spawn(|| server.restart());
            while !starting.is_finished() {
                driver.run(STRETCH, due)?;
            }
            starting.join().expect("starting a server does not panic")
        })?;
        let behind = || status.journal.committed().0.saturating_sub(reached(&parts.away));
        let (back, sent, behind_at_first) = (Instant::now(), driver.sent, behind());
        while behind() > level {
            anyhow::ensure!(
                back.elapsed() < away * PATIENCE,
                "the shard does not come level: it is {} behind",
                behind()
            );
            driver.run(STRETCH, due)?;
        }
        let after = driver.meter.take();
        Ok(Self {
            away,
            ack: Latency::of(&while_away.latency),
            ack_after: Latency::of(&after.latency),
            others,
            refused: while_away.refused + after.refused,
            behind: behind_at_first,
            level_after: back.elapsed(),
            inflow: driver.sent - sent,
        })
    }

    /// For the report.
    pub(super) fn report(&self) -> serde_json::Map<String, Value> {
        let seconds = self.level_after.as_secs_f64().max(0.001);
        let report = json!({
            "outage_s": self.away.as_secs_f64(),
            "outage_ack_p50_us": self.ack.p50_us,
            "outage_ack_p99_us": self.ack.p99_us,
            "outage_ack_p999_us": self.ack.p999_us,
            "outage_others_lag_p50_ms": milliseconds(&self.others.lag, 0.5),
            "outage_others_lag_p99_ms": milliseconds(&self.others.lag, 0.99),
            "outage_refused": self.refused,
            "outage_behind": self.behind,
            "level_after_s": (seconds * 10.0).round() / 10.0,
            "level_commands_per_s": (as_f64(self.behind + self.inflow) / seconds).round(),
            "level_inflow_per_s": (as_f64(self.inflow) / seconds).round(),
            "level_ack_p99_us": self.ack_after.p99_us,
        });
        let Value::Object(report) = report else { unreachable!("written as an object") };
        report
    }
}
