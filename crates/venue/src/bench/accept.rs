//! `accept`: the whole path of an order in process: queue, sequencer, journal, engine, release, read model, event log, answer;
//! replayer and retention at work; every order durable before its answer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args as ClapArgs;
use sequencer::batch::AnswerSink;

use super::drive::{Driver, at_rate};
use crate::config::Config;
use crate::console::Console;
use crate::live::{Beside, Live};
use crate::load::World;
use crate::meter::{Counts, Meter};

/// What to measure.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Options {
    /// Seconds to measure.
    #[arg(long, default_value_t = 60)]
    pub(crate) seconds: u64,
    /// Orders a second, each at its time (open loop); 0: as many as are taken.
    #[arg(long, default_value_t = 0)]
    pub(crate) rate: u64,
    /// What is traded, and by how many.
    #[command(flatten)]
    pub(crate) world: World,
    /// Follow into SQLite as well.
    #[arg(long)]
    pub(crate) store: bool,
    /// Without the background replayer (and so without snapshots and retention).
    #[arg(long)]
    pub(crate) no_replayer: bool,
    /// Keep the data here; without it, in a temporary directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) orders_per_s: f64,
    pub(crate) counts: Counts,
    pub(crate) overloaded: u64,
    /// Commands the slowest follower was behind at the end of the load.
    pub(crate) store_behind: u64,
    /// Commands the replayer was behind at the end of the load.
    pub(crate) replayer_behind: u64,
}

/// Runs the load and measures it.
pub(crate) fn measure(options: &Options) -> anyhow::Result<Measured> {
    let temporary = tempfile::Builder::new().prefix("buttonwood-bench-").tempdir()?;
    let data = options.data.clone().unwrap_or_else(|| temporary.path().to_owned());
    let config =
        Config { data, snapshot_every: 10_000_000, retain_hours: 0, queue_commands: 65_536, ..Config::load(None)? };
    let meter = Arc::new(Meter::new());
    let sinks: Vec<Arc<dyn AnswerSink>> = vec![Arc::<Meter>::clone(&meter)];
    let beside = Beside { store: options.store, replayer: !options.no_replayer };
    let live = Live::start(&config, beside, sinks, &mut |_| {})?;
    let mut load = options.world.set_up(&Console::new(live.entrance.clone(), "bench"))?;
    let begun = Instant::now();
    let mut driver = Driver::new(&live, &meter, &mut load);
    driver.run(Duration::from_secs(options.seconds), &mut at_rate(meter.now(), as_f64(options.rate)))?;
    driver.finish();
    let (sent, overloaded) = (driver.sent, driver.overloaded);
    let elapsed = begun.elapsed();
    let seq = live.read_model.seq().0;
    let stored = live.status.followers.all().iter().map(|follower| follower.reached().0).min().unwrap_or(seq);
    let replayed = live.status.replayed.load(std::sync::atomic::Ordering::Acquire);
    let measured = Measured {
        orders_per_s: as_f64(sent) / elapsed.as_secs_f64(),
        counts: meter.take(),
        overloaded,
        store_behind: seq.saturating_sub(stored),
        replayer_behind: if options.no_replayer { 0 } else { seq.saturating_sub(replayed) },
    };
    live.shutdown()?;
    Ok(measured)
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub(super) fn as_f64(count: u64) -> f64 {
    count as f64
}
