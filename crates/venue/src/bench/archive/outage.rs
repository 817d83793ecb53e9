//! A venue whose archive server is away until many commands wait for it: what orders, the hot store and reads of recent data notice of
//! that, and how long it takes to come level.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use archive_cluster::server::{Kind, Server};
use domain::ids::SymbolId;
use hdrhistogram::Histogram;
use projector::history::{History, Selection, TimeRange, TradesQuery};
use readmodel::model::ReadModel;
use sequencer::batch::AnswerSink;
use serde_json::{Value, json};

use crate::bench::accept::as_f64;
use crate::bench::drive::{Driver, at_rate};
use crate::bench::lag::{Probe, reached};
use crate::bench::report::Latency;
use crate::config::Config;
use crate::console::Console;
use crate::followers::FollowerStatus;
use crate::live::{Beside, Live, nanos};
use crate::load::{PLACED_PERCENT, World};
use crate::meter::Meter;

/// What is traded: few, so that the archive is soon level when it begins.
const WORLD: World = World { users: 500, symbols: 10, resting: 10_000, seed: 7 };
/// The same load with the archive there, to compare with.
const BEFORE: Duration = Duration::from_secs(10);
/// One stretch of the load.
const STRETCH: Duration = Duration::from_millis(200);
/// Between two reads of recent trades.
const READ_EVERY: Duration = Duration::from_millis(20);
/// Trades that a read asks for.
const TRADES: usize = 100;
/// How long coming level may take.
const PATIENCE: Duration = Duration::from_mins(20);

/// What was noticed during a stretch.
struct Stretch {
    ack: Latency,
    refused: u64,
    /// Nanoseconds that the hot store was behind, for each command.
    hot_lag: Histogram<u64>,
    /// Nanoseconds of each read.
    reads: Histogram<u64>,
    reads_failed: u64,
}

impl Stretch {
    fn json(&self) -> Value {
        let ms = |nanos: u64| (as_f64(nanos) / 1e4).round() / 100.0;
        json!({
            "ack_p50_us": self.ack.p50_us,
            "ack_p99_us": self.ack.p99_us,
            "refused": self.refused,
            "hot_lag_p50_ms": ms(self.hot_lag.value_at_quantile(0.5)),
            "hot_lag_p99_ms": ms(self.hot_lag.value_at_quantile(0.99)),
            "reads": self.reads.len(),
            "reads_failed": self.reads_failed,
            "read_p50_ms": ms(self.reads.value_at_quantile(0.5)),
            "read_p99_ms": ms(self.reads.value_at_quantile(0.99)),
        })
    }
}

/// Runs the venue at `rate` orders a second until `records` commands wait for its archive.
pub(super) fn measure(records: u64, rate: u64) -> anyhow::Result<Value> {
    let mut server = Server::temporary(Kind::MongoDb)?;
    let temporary = tempfile::Builder::new().prefix("buttonwood-bench-").tempdir()?;
    let config = config(&server, temporary.path())?;
    let meter = Arc::new(Meter::new());
    let sinks: Vec<Arc<dyn AnswerSink>> = vec![Arc::<Meter>::clone(&meter)];
    let live = Live::start(&config, Beside { store: true, replayer: true }, sinks, &mut |_| {})?;
    let mut load = WORLD.set_up(&Console::new(live.entrance.clone(), "bench"))?;
    let (archive, hot): (Vec<_>, Vec<_>) =
        live.status.followers.all().iter().cloned().partition(|follower| follower.name.starts_with("archive-1/"));
    let behind = || live.status.journal.committed().0.saturating_sub(reached(&archive));

    let mut driver = Driver::new(&live, &meter, &mut load);
    while !driver.load.is_even() {
        driver.run(STRETCH, &mut |now| now)?;
    }
    driver.finish();
    until_level(&archive, &behind)?;
    println!("\narchive away until {records} commands wait, {rate} orders/s");
    let per_second = as_f64(rate) * 100.0 / as_f64(PLACED_PERCENT);
    let mut due = at_rate(meter.now(), per_second);
    let before = stretch(&mut driver, &hot, &mut |driver| driver.run(BEFORE, &mut due))?;
    driver.finish();
    until_level(&archive, &behind)?;

    server.kill()?;
    let (away, mut due) = (Instant::now(), at_rate(meter.now(), per_second));
    let while_away = stretch(&mut driver, &hot, &mut |driver| {
        while behind() < records {
            driver.run(STRETCH, &mut due)?;
        }
        Ok(())
    })?;
    driver.finish();
    let (away, waiting) = (away.elapsed(), behind());
    server.restart()?;
    let back = Instant::now();
    until_level(&archive, &behind)?;
    let level_after = back.elapsed().as_secs_f64();
    live.shutdown()?;
    let tenths = |seconds: f64| (seconds * 10.0).round() / 10.0;
    let found = json!({
        "rate": rate,
        "away_s": tenths(away.as_secs_f64()),
        "waiting": waiting,
        "before": before.json(),
        "while_away": while_away.json(),
        "level_after_s": tenths(level_after),
        "level_commands_per_s": (as_f64(waiting) / level_after.max(0.001)).round(),
    });
    println!("{}", serde_json::to_string_pretty(&found)?);
    Ok(found)
}

/// Trades and audit log, of which there is one record or more for each command, are in the server's database.
fn config(server: &Server, data: &std::path::Path) -> anyhow::Result<Config> {
    let file = data.join("bench.toml");
    let text = format!(
        "[archive]\ncompleted_trades = \"archive-1\"\naudit_logs = \"archive-1\"\n\n\
         [[archives]]\nname = \"archive-1\"\nkind = \"mongodb\"\nurl = \"{}/bench\"\n",
        server.url()
    );
    std::fs::write(&file, text).with_context(|| file.display().to_string())?;
    Ok(Config { data: data.join("venue"), queue_commands: 65_536, ..Config::load(Some(&file))? })
}

fn until_level(archive: &[Arc<FollowerStatus>], behind: &dyn Fn() -> u64) -> anyhow::Result<()> {
    let begun = Instant::now();
    while behind() > 0 {
        let stopped = archive.iter().find_map(|follower| follower.stopped());
        anyhow::ensure!(stopped.is_none(), "a follower of the archive stopped: {stopped:?}");
        anyhow::ensure!(begun.elapsed() < PATIENCE, "the archive does not come level: it is {} behind", behind());
        std::thread::sleep(READ_EVERY);
    }
    Ok(())
}

/// Measures while something is done.
fn stretch(
    driver: &mut Driver<'_>,
    hot: &[Arc<FollowerStatus>],
    act: &mut dyn FnMut(&mut Driver<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Stretch> {
    let live = driver.live;
    let probe = Probe::start(Arc::clone(&live.status), hot.to_vec())?;
    let history = live.history.clone().context("a store")?;
    let stop = AtomicBool::new(false);
    drop(driver.meter.take());
    let (acted, (reads, reads_failed)) = std::thread::scope(|scope| {
        let reading = scope.spawn(|| read_recent(&live.read_model, history.as_ref(), &stop));
        let acted = act(driver);
        stop.store(true, Ordering::Release);
        (acted, reading.join().expect("reading does not panic"))
    });
    acted?;
    let (counts, lag) = (driver.meter.take(), probe.take());
    probe.stop();
    Ok(Stretch { ack: Latency::of(&counts.latency), refused: counts.refused, hot_lag: lag.lag, reads, reads_failed })
}

/// Reads the newest trades of one symbol after the other, as whoever asks the venue gets them.
fn read_recent(model: &ReadModel, history: &dyn History, stop: &AtomicBool) -> (Histogram<u64>, u64) {
    let mut took = Histogram::new(3).expect("three digits are possible");
    let (mut failed, mut symbol) = (0, 0);
    while !stop.load(Ordering::Acquire) {
        let selection = Selection { first: None, time: TimeRange::default(), limit: TRADES };
        let begun = Instant::now();
        let read = model.trades(history, &TradesQuery { symbol: SymbolId(symbol), selection });
        took.saturating_record(nanos(begun.elapsed()));
        failed += u64::from(read.is_err());
        symbol = (symbol + 1) % WORLD.symbols;
        std::thread::sleep(READ_EVERY);
    }
    (took, failed)
}
