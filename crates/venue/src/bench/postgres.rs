//! `postgres`: a venue and its PostgreSQL shards under load that lasts, all of it on this machine: how many orders a second, how fast
//! they are acknowledged meanwhile, how far SQL is behind an acknowledgement, and what an order costs in CPU time, stage by stage.

mod outage;
mod stages;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args as ClapArgs;
use hdrhistogram::Histogram;
use sequencer::batch::AnswerSink;
use serde_json::{Value, json};

use super::accept::as_f64;
use super::drive::{Driver, at_rate};
use super::lag::{Found, Probe, grew};
use super::report::{self, Latency};
use super::servers::Private;
use super::steering::Steering;
use crate::config::{Config, Shard};
use crate::console::Console;
use crate::followers::FollowerStatus;
use crate::live::{Beside, Live};
use crate::load::{PLACED_PERCENT, World};
use crate::meter::{Counts, Meter};
use outage::{Outage, Parts};
use stages::Stages;

/// One stretch of the load until the flow is even.
const STRETCH: Duration = Duration::from_millis(200);

/// What to measure.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Options {
    /// Private PostgreSQL servers to start, each a shard.
    #[arg(long, default_value_t = 1)]
    shards: usize,
    /// Seconds to measure.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seconds of the same load before that, from when so many orders rest that the flow is even.
    #[arg(long, default_value_t = 5)]
    warm_up: u64,
    /// Orders placed a second, with their share of cancels, each at its time (open loop); 0: as many as the shards take.
    #[arg(long, default_value_t = 0)]
    rate: u64,
    /// Where `rate` is 0: commands that are kept on their way to the shards.
    #[arg(long, default_value_t = 20_000)]
    behind: u64,
    /// After the measurement, the last shard's server is killed and away for so many seconds of the same load (with `--rate`, and two
    /// shards or more); 0: it is not.
    #[arg(long, default_value_t = 0)]
    outage: u64,
    /// What is traded, and by how many.
    #[command(flatten)]
    world: World,
}

/// What was measured.
struct Measured {
    took: Duration,
    commands: u64,
    counts: Counts,
    lag: Found,
    overloaded: u64,
    /// Commands the archive was behind at the end.
    archive_behind: u64,
    stages: Stages,
    outage: Option<Outage>,
}

/// Measures, and prints.
pub(super) fn run(options: &Options, as_json: bool) -> anyhow::Result<()> {
    anyhow::ensure!((1..=16).contains(&options.shards), "shards are from 1 to 16");
    anyhow::ensure!(options.seconds > 0 && options.behind > 0, "seconds and behind begin at one");
    let outage = options.outage > 0;
    anyhow::ensure!(
        !outage || (options.rate > 0 && options.shards > 1),
        "an outage is measured at a --rate, with two --shards or more"
    );
    let measured = measure(options)?;
    let report = measured.report(options);
    let machine = report::machine();
    for (key, value) in &machine {
        println!("{key:12} {value}");
    }
    println!("\n{} shards, {} s", options.shards, options.seconds);
    for (name, value) in report.iter().filter(|(_, value)| !value.is_object()) {
        println!("{name:24} {value}");
    }
    measured.stages.print(measured.took, measured.commands);
    if as_json {
        let machine = machine.into_iter().map(|(key, value)| (key.to_owned(), json!(value)));
        let mut object = report;
        object.insert("machine".to_owned(), Value::Object(machine.collect()));
        println!("{}", Value::Object(object));
    }
    Ok(())
}

fn measure(options: &Options) -> anyhow::Result<Measured> {
    let temporary = tempfile::Builder::new().prefix("buttonwood-bench-").tempdir()?;
    let mut private = Private::start(options.shards)?;
    let shards = private.urls().into_iter().enumerate();
    let shards: Vec<_> = shards.map(|(index, url)| Shard::at(&format!("shard-{}", index + 1), &url)).collect();
    let names: Vec<_> = shards.iter().map(|shard| shard.name.clone()).collect();
    let config = Config {
        data: temporary.path().to_owned(),
        shards,
        snapshot_every: 10_000_000,
        retain_hours: 0,
        queue_commands: 65_536,
        ..Config::load(None)?
    };
    let meter = Arc::new(Meter::new());
    let sinks: Vec<Arc<dyn AnswerSink>> = vec![Arc::<Meter>::clone(&meter)];
    let live = Live::start(&config, Beside { store: true, replayer: true }, sinks, &mut |_| {})?;
    let mut load = options.world.set_up(&Console::new(live.entrance.clone(), "bench"))?;
    let of_shards = |follower: &&Arc<FollowerStatus>| names.iter().any(|name| follower.name.starts_with(name.as_str()));
    let followers: Vec<_> = live.status.followers.all().iter().filter(of_shards).cloned().collect();
    let probe = Probe::start(Arc::clone(&live.status), followers.clone())?;
    let away = names.last().map(|name| format!("{name}/")).unwrap_or_default();
    let (away, others) = followers.iter().cloned().partition(|follower| follower.name.starts_with(&away));

    let mut driver = Driver::new(&live, &meter, &mut load);
    let mut steering = Steering::new(Arc::clone(&live.status), followers, options.behind);
    while !driver.load.is_even() {
        driver.run(STRETCH, &mut |now| steering.due(now))?;
    }
    let per_second = as_f64(options.rate) * 100.0 / as_f64(PLACED_PERCENT);
    let mut run = |driver: &mut Driver<'_>, seconds| {
        let mut fixed = at_rate(meter.now(), per_second);
        let mut due = |now| if options.rate > 0 { fixed(now) } else { steering.due(now) };
        driver.run(Duration::from_secs(seconds), &mut due)
    };
    run(&mut driver, options.warm_up)?;
    let before = Stages::now(&private)?;
    let (sent, overloaded, begun) = (driver.sent, driver.overloaded, Instant::now());
    drop((meter.take(), probe.take()));
    run(&mut driver, options.seconds)?;
    let (took, counts, lag) = (begun.elapsed(), meter.take(), probe.take());
    let stages = Stages::now(&private)?.since(&before);
    let (commands, overloaded) = (driver.sent - sent, driver.overloaded - overloaded);
    let archive_behind = archive_behind(&live)?;
    probe.stop();
    let outage = if let (1.., Some(server)) = (options.outage, private.servers.last_mut()) {
        let mut due = at_rate(meter.now(), per_second);
        // Level: behind by no more than a second's orders.
        let parts = Parts { away, others };
        Some(Outage::measure(
            &mut driver,
            &mut due,
            (server, parts),
            Duration::from_secs(options.outage),
            options.rate,
        )?)
    } else {
        None
    };
    driver.finish();
    live.shutdown()?;
    Ok(Measured { took, commands, counts, lag, overloaded, archive_behind, stages, outage })
}

fn archive_behind(live: &Live) -> anyhow::Result<u64> {
    let followers = live.status.followers.all();
    let archive = followers.iter().filter(|follower| follower.name.starts_with("archive/"));
    let last = archive.map(|follower| follower.reached().0).min().context("an archive")?;
    Ok(live.status.journal.committed().0.saturating_sub(last))
}

impl Measured {
    fn report(&self, options: &Options) -> serde_json::Map<String, Value> {
        let seconds = self.took.as_secs_f64();
        let orders = as_f64(self.commands * PLACED_PERCENT / 100);
        let ack = Latency::of(&self.counts.latency);
        let quarters = self.lag.quarters_ms(self.took);
        let lag_ms = |quantile| milliseconds(&self.lag.lag, quantile);
        let report = json!({
            "name": "postgres",
            "shards": options.shards,
            "seconds": seconds,
            "rate": options.rate,
            "orders_per_s": (orders / seconds).round(),
            "commands_per_s": (as_f64(self.commands) / seconds).round(),
            "fills_per_s": (as_f64(self.counts.fills) / seconds).round(),
            "ack_p50_us": ack.p50_us,
            "ack_p99_us": ack.p99_us,
            "ack_p999_us": ack.p999_us,
            "commit_lag_p50_ms": lag_ms(0.5),
            "commit_lag_p99_ms": lag_ms(0.99),
            "commit_lag_max_ms": lag_ms(1.0),
            "commit_lag_by_quarter_ms": quarters.map(f64::round),
            "lag_grew": grew(quarters),
            "archive_behind": self.archive_behind,
            "refused": self.counts.refused,
            "queue_full": self.overloaded,
            "users": options.world.users,
            "symbols": options.world.symbols,
            "resting": options.world.resting,
            "cpu": self.stages.by_process(),
            "cpu_us_per_order": self.stages.per_order_us(orders),
        });
        let Value::Object(mut report) = report else { unreachable!("written as an object") };
        report.extend(self.outage.iter().flat_map(Outage::report));
        report
    }
}

fn milliseconds(nanos: &Histogram<u64>, quantile: f64) -> f64 {
    (as_f64(nanos.value_at_quantile(quantile)) / 1e5).round() / 10.0
}
