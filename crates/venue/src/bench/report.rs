//! What a benchmark found, on which machine: a table, and one JSON object for scripts.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use super::Args;

/// One run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Run {
    pub(crate) commands: usize,
    took: Duration,
    /// How long each block took, in nanoseconds; absent before the first.
    blocks: Option<Histogram<u64>>,
}

impl Run {
    /// Adds a block of commands.
    pub(crate) fn add(&mut self, commands: usize, took: Duration) {
        self.commands += commands;
        self.took += took;
        let blocks = self.blocks.get_or_insert_with(|| Histogram::new(3).expect("three digits are possible"));
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        blocks.record(nanos).expect("a histogram that grows takes any value");
    }

    fn per_second(&self) -> u64 {
        let commands = u128::try_from(self.commands).unwrap_or(u128::MAX);
        let per_second = commands.saturating_mul(1_000_000_000) / self.took.as_nanos().max(1);
        u64::try_from(per_second).unwrap_or(u64::MAX)
    }
}

/// Latency of one order, in microseconds.
#[expect(clippy::struct_field_names, reason = "a unit is part of a name")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) p999_us: u64,
}

impl Latency {
    /// Of a histogram of nanoseconds.
    pub(crate) fn of(nanos: &Histogram<u64>) -> Self {
        let micros = |quantile| nanos.value_at_quantile(quantile) / 1_000;
        Self { p50_us: micros(0.5), p99_us: micros(0.99), p999_us: micros(0.999) }
    }
}

/// What a benchmark found with one set of parameters.
#[derive(Debug)]
pub(crate) struct Report {
    /// Commands per second of each run, ascending.
    rates: Vec<u64>,
    /// Absent where commands are not timed one by one.
    pub(crate) latency: Option<Latency>,
    parameters: Map<String, Value>,
}

impl Report {
    /// Of these runs.
    pub(crate) fn new(args: &Args, symbols: u32, runs: Vec<Run>) -> Self {
        let mut rates: Vec<u64> = runs.iter().map(Run::per_second).collect();
        rates.sort_unstable();
        let mut parameters = Map::new();
        parameters.insert("symbols".to_owned(), json!(symbols));
        parameters.insert("users".to_owned(), json!(args.users));
        parameters.insert("commands".to_owned(), json!(args.commands));
        parameters.insert("runs".to_owned(), json!(args.runs));
        parameters.insert("seed".to_owned(), json!(args.seed));
        let report = Self { rates, latency: None, parameters };
        let mut blocks: Option<Histogram<u64>> = None;
        for run in runs {
            match (&mut blocks, run.blocks) {
                (Some(all), Some(some)) => all.add(some).expect("a histogram that grows takes any value"),
                (all, some) => *all = some,
            }
        }
        match blocks {
            Some(blocks) => report
                .with("block_ns_p50", blocks.value_at_quantile(0.5))
                .with("block_ns_p999", blocks.value_at_quantile(0.999))
                .with("block_ns_max", blocks.max()),
            None => report,
        }
    }

    /// Of one run over a stretch of time.
    pub(crate) fn of_rate(per_second: f64, latency: Option<Latency>) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate for people")]
        let rate = per_second as u64;
        Self { rates: vec![rate], latency, parameters: Map::new() }
    }

    /// With a further parameter or result.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.to_owned(), value.into());
        self
    }

    fn best(&self) -> u64 {
        self.rates.last().copied().unwrap_or(0)
    }

    fn median(&self) -> u64 {
        self.rates.get(self.rates.len() / 2).copied().unwrap_or(0)
    }

    fn json(&self, name: &str) -> Value {
        json!({
            "name": name,
            "orders_per_s": self.median(),
            "orders_per_s_best": self.best(),
            "p50_us": self.latency.map(|latency| latency.p50_us),
            "p99_us": self.latency.map(|latency| latency.p99_us),
            "p999_us": self.latency.map(|latency| latency.p999_us),
            "parameters": self.parameters,
        })
    }
}

/// Prints the table; with `as_json`, also one object on the last line: the report, or `reports` where there are several.
pub(crate) fn print(name: &str, reports: &[Report], as_json: bool) {
    let machine = machine();
    for (key, value) in &machine {
        println!("{key:12} {value}");
    }
    println!("\n{name:10} {:>16} {:>16}  parameters", "median orders/s", "best orders/s");
    for report in reports {
        let parameters: Vec<_> = report.parameters.iter().map(|(key, value)| format!("{key}={value}")).collect();
        println!("{:10} {:>16} {:>16}  {}", "", report.median(), report.best(), parameters.join(" "));
        if let Some(Latency { p50_us, p99_us, p999_us }) = report.latency {
            println!("{:10} p50 {p50_us} µs, p99 {p99_us} µs, p99.9 {p999_us} µs", "");
        }
    }
    if as_json {
        let machine: Map<String, Value> =
            machine.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
        let mut object = match reports {
            [only] => only.json(name),
            several => json!({
                "name": name,
                "reports": several.iter().map(|report| report.json(name)).collect::<Vec<_>>(),
            }),
        };
        object["machine"] = Value::Object(machine);
        println!("{object}");
    }
}

/// Memory of this process that is in use, in bytes; zero where the system does not say.
pub(crate) fn resident_bytes() -> usize {
    const PAGE_BYTES: usize = 4096;
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0_usize);
    pages.saturating_mul(PAGE_BYTES)
}

/// What was measured on, in the order it is printed.
pub(super) fn machine() -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    vec![
        ("processor", line_of("/proc/cpuinfo", "model name")),
        ("cores", cores.to_string()),
        ("memory", line_of("/proc/meminfo", "MemTotal")),
        ("kernel", fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()),
        ("file system", file_system()),
        ("date", date()),
    ]
}

/// The value after the colon of the first line that begins with `key`.
fn line_of(file: &str, key: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key));
    line.and_then(|line| line.split_once(':'))
        .map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
}

/// Type of the file system that the working directory is on.
fn file_system() -> String {
    let directory = std::env::current_dir().unwrap_or_default();
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut found: Option<(&str, &str)> = None;
    for line in mounts.lines() {
        let mut words = line.split(' ').skip(1);
        let (Some(place), Some(kind)) = (words.next(), words.next()) else { continue };
        if directory.starts_with(Path::new(place)) && found.is_none_or(|(best, _)| place.len() >= best.len()) {
            found = Some((place, kind));
        }
    }
    found.map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}

/// Today in UTC, as year-month-day.
fn date() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in March, so that the leap day is last.
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
