//! `stores`: how fast servers take orders, so that anybody can compare their own. One file for each kind of store; each has one
//! function, which is given the same work and says what it found.

pub(super) mod work;
mod postgres;
mod sqlite;
#[cfg(any(feature = "mongodb", feature = "dynamodb"))]
mod archives;
mod mongodb;
mod dynamodb;

use std::time::Duration;

use clap::Args as ClapArgs;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::cpu::Took;
use super::report;
use work::{Shape, Work};

/// What to measure.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Options {
    /// Commands of the projected flow, for each size of batch.
    #[arg(long, default_value_t = 200_000)]
    commands: usize,
    /// Commands folded into one batch of the projector; several are measured one after the other.
    #[arg(long, num_args = 1.., value_delimiter = ',', default_values_t = [1_024, 8_192, 32_768])]
    batch: Vec<usize>,
    /// Users of the flow.
    #[arg(long, default_value_t = 1_000)]
    users: u32,
    /// Symbols of the flow.
    #[arg(long, default_value_t = 10)]
    symbols: u32,
    /// Seed of the flow.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    postgres: postgres::Servers,
    #[command(flatten)]
    mongodb: mongodb::MongoServers,
    #[command(flatten)]
    dynamodb: dynamodb::DynamoServices,
}

/// All kinds of stores. A new one is a file beside the others and a line here.
const STORES: [(Reach, Measure); 4] = [
    (postgres::reach, postgres::measure),
    (|_| Ok(()), sqlite::measure),
    (mongodb::reach, mongodb::measure),
    (dynamodb::reach, dynamodb::measure),
];

/// Flow that a day's cost is told for.
const EVENTS_PER_S: u32 = 10_000;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// Name for a place that is measured in, and dropped at the end.
#[cfg(any(feature = "mongodb", feature = "dynamodb"))]
fn scratch_name() -> anyhow::Result<String> {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(format!("buttonwood_bench_{}", hex::encode(bytes)))
}

/// Sees that each server of a kind that was named can be measured in.
type Reach = fn(&Options) -> anyhow::Result<()>;

/// Measures one kind of store; nothing where there is none to measure.
type Measure = fn(&Options, &Work, &mut Found);

/// What was found of all servers.
#[derive(Debug, Default)]
struct Found {
    figures: Vec<Figure>,
    failed: Vec<anyhow::Error>,
}

impl Found {
    /// What came of one server. Its failure takes nothing from the others.
    fn add(&mut self, measured: anyhow::Result<Vec<Figure>>) {
        match measured {
            Ok(figures) => self.figures.extend(figures),
            Err(error) => self.failed.push(error),
        }
    }
}

/// What was found of one way to write.
#[derive(Debug)]
struct Figure {
    /// The store, and where it is.
    store: String,
    /// How it was written to.
    way: &'static str,
    /// Orders of one write, or commands of one batch.
    batch: usize,
    /// Writers at the same time.
    writers: usize,
    /// Whether a write was on disk when it was answered.
    on_disk: bool,
    orders: u64,
    /// Orders and cancels; the same as `orders` where there are no cancels.
    commands: u64,
    took: Took,
    /// Nanoseconds of each write.
    latency: Histogram<u64>,
    /// What the service charges for the writes, in US dollars; absent: it does not charge by the write.
    dollars: Option<f64>,
}

/// Measures every kind of store that is there.
pub(super) fn run(options: &Options, as_json: bool) -> anyhow::Result<()> {
    anyhow::ensure!(options.commands > 0 && options.users > 0 && options.symbols > 0, "numbers begin at one");
    anyhow::ensure!(!options.batch.is_empty() && !options.batch.contains(&0), "a batch has a command at least");
    // Each takes its minutes: one that is misspelt is told at once.
    for (reach, _) in STORES {
        reach(options)?;
    }
    let work = Work::prepare(&Shape {
        commands: options.commands,
        batches: options.batch.clone(),
        users: options.users,
        symbols: options.symbols,
        seed: options.seed,
    });
    let mut found = Found::default();
    for (_, measure) in STORES {
        measure(options, &work, &mut found);
    }
    let Found { figures, failed } = found;
    let machine = report::machine();
    for (key, value) in &machine {
        println!("{key:12} {value}");
    }
    print_table(&figures);
    if as_json {
        let machine: serde_json::Map<String, Value> =
            machine.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
        let figures: Vec<_> = figures.iter().map(Figure::json).collect();
        println!("{}", json!({"name": "stores", "figures": figures, "machine": machine}));
    }
    let failed: Vec<String> = failed.iter().map(|error| format!("{error:#}")).collect();
    anyhow::ensure!(failed.is_empty(), "not all could be measured: {}", failed.join("; "));
    Ok(())
}

fn print_table(figures: &[Figure]) {
    println!(
        "\n{:38} {:12} {:>6} {:>7} {:>7} {:>10} {:>10} {:>9} {:>9} {:>9} {:>9} {:>8}",
        "store",
        "way",
        "batch",
        "writers",
        "on disk",
        "orders/s",
        "commands/s",
        "p50 ms",
        "p99 ms",
        "µs client",
        "µs server",
        "$/day"
    );
    for figure in figures {
        let server =
            figure.per_command(figure.took.server).map_or_else(|| "-".to_owned(), |micros| format!("{micros:.1}"));
        println!(
            "{:38} {:12} {:>6} {:>7} {:>7} {:>10.0} {:>10.0} {:>9.2} {:>9.2} {:>9.1} {:>9} {:>8}",
            figure.store,
            figure.way,
            figure.batch,
            figure.writers,
            if figure.on_disk { "yes" } else { "no" },
            figure.per_second(figure.orders),
            figure.per_second(figure.commands),
            figure.quantile_ms(0.5),
            figure.quantile_ms(0.99),
            figure.per_command(Some(figure.took.client)).unwrap_or(0.0),
            server,
            figure.dollars_per_day().map_or_else(|| "-".to_owned(), |dollars| format!("{dollars:.2}")),
        );
    }
    println!(
        "\np50, p99: of one write. µs: CPU time for each command. `on disk`: a write waits for the disk before it is answered. \
         $/day: at {EVENTS_PER_S} commands a second."
    );
}

impl Figure {
    fn per_second(&self, count: u64) -> f64 {
        super::accept::as_f64(count) / self.took.time.as_secs_f64().max(1e-9)
    }

    fn quantile_ms(&self, quantile: f64) -> f64 {
        super::accept::as_f64(self.latency.value_at_quantile(quantile)) / 1e6
    }

    fn per_command(&self, time: Option<Duration>) -> Option<f64> {
        Some(time?.as_secs_f64() * 1e6 / super::accept::as_f64(self.commands.max(1)))
    }

    /// At [`EVENTS_PER_S`].
    fn dollars_per_day(&self) -> Option<f64> {
        let each = self.dollars? / super::accept::as_f64(self.commands.max(1));
        Some(each * f64::from(EVENTS_PER_S) * SECONDS_PER_DAY)
    }

    fn json(&self) -> Value {
        json!({
            "store": self.store,
            "way": self.way,
            "batch": self.batch,
            "writers": self.writers,
            "on_disk": self.on_disk,
            "orders": self.orders,
            "orders_per_s": self.per_second(self.orders),
            "commands_per_s": self.per_second(self.commands),
            "write_p50_us": self.latency.value_at_quantile(0.5) / 1_000,
            "write_p99_us": self.latency.value_at_quantile(0.99) / 1_000,
            "client_cpu_us_per_command": self.per_command(Some(self.took.client)),
            "server_cpu_us_per_command": self.per_command(self.took.server),
            "dollars_per_day": self.dollars_per_day(),
        })
    }
}
