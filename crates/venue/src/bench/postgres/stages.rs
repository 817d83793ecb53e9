//! Where the CPU time goes: the venue's threads, and each server's processes by what they say they are for.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use pg_cluster::server::Server;
use serde_json::{Value, json};

use crate::bench::accept::as_f64;
use crate::bench::cpu;
use crate::bench::servers::Private;

/// The thread that makes the orders: not the venue's.
const GENERATOR: &str = "generator";
/// The threads of the bench, by their names.
const BENCH_THREADS: [&str; 2] = ["buttonwood", "lag-probe"];
/// What is a server's and no process's that still runs.
const OTHER: &str = "others";

/// CPU time so far, or in a stretch of time.
#[derive(Debug)]
pub(super) struct Stages {
    venue: BTreeMap<String, Duration>,
    servers: Vec<Of>,
}

/// One server.
#[derive(Debug)]
struct Of {
    whole: Duration,
    processes: BTreeMap<u32, (String, Duration)>,
}

impl Stages {
    /// CPU time so far.
    pub(super) fn now(private: &Private) -> anyhow::Result<Self> {
        let mut venue = BTreeMap::new();
        for (name, time) in cpu::of_threads() {
            let name = if BENCH_THREADS.contains(&name.as_str()) { GENERATOR.to_owned() } else { name };
            *venue.entry(name).or_default() += time;
        }
        Ok(Self { venue, servers: private.servers.iter().map(Of::now).collect::<Result<_, _>>()? })
    }

    /// What came since an earlier look.
    pub(super) fn since(mut self, before: &Self) -> Self {
        for (name, time) in &mut self.venue {
            *time = time.saturating_sub(before.venue.get(name).copied().unwrap_or_default());
        }
        for (server, then) in self.servers.iter_mut().zip(&before.servers) {
            server.whole = server.whole.saturating_sub(then.whole);
            for (process, (_, time)) in &mut server.processes {
                *time = time.saturating_sub(then.processes.get(process).map(|(_, time)| *time).unwrap_or_default());
            }
        }
        self
    }

    /// Seconds of each process: the venue without the generator, and each server.
    pub(super) fn by_process(&self) -> Value {
        let venue: Duration = self.venue.iter().filter(|(name, _)| *name != GENERATOR).map(|(_, time)| *time).sum();
        let generator = self.venue.get(GENERATOR).copied().unwrap_or_default();
        let mut processes = serde_json::Map::new();
        processes.insert("venue_s".to_owned(), json!(venue.as_secs_f64()));
        processes.insert("generator_s".to_owned(), json!(generator.as_secs_f64()));
        for (index, server) in self.servers.iter().enumerate() {
            processes.insert(format!("postgres_{}_s", index + 1), json!(server.whole.as_secs_f64()));
        }
        Value::Object(processes)
    }

    /// Microseconds of each stage for each order placed, cancels included; the servers together.
    pub(super) fn per_order_us(&self, orders: f64) -> Value {
        let stages = self.stages().into_iter();
        let micros = |time: Duration| json!((time.as_secs_f64() * 1e8 / orders.max(1.0)).round() / 100.0);
        Value::Object(stages.map(|(name, time)| (name, micros(time))).collect())
    }

    /// A line for each stage, the dearest first.
    pub(super) fn print(&self, took: Duration, commands: u64) {
        println!("\n{:36} {:>9} {:>12} {:>16}", "stage", "CPU s", "% of a core", "µs per command");
        let mut stages = self.stages();
        stages.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
        for (name, time) in stages.into_iter().filter(|(_, time)| !time.is_zero()) {
            let seconds = time.as_secs_f64();
            let share = 100.0 * seconds / took.as_secs_f64();
            println!("{name:36} {seconds:>9.2} {share:>12.1} {:>16.2}", seconds * 1e6 / as_f64(commands.max(1)));
        }
    }

    fn stages(&self) -> Vec<(String, Duration)> {
        let mut servers: BTreeMap<String, Duration> = BTreeMap::new();
        for server in &self.servers {
            let mut rest = server.whole;
            for (name, time) in server.processes.values() {
                *servers.entry(format!("postgres: {name}")).or_default() += *time;
                rest = rest.saturating_sub(*time);
            }
            *servers.entry(format!("postgres: {OTHER}")).or_default() += rest;
        }
        let venue = self.venue.iter().map(|(name, time)| (format!("venue: {name}"), *time));
        venue.chain(servers).collect()
    }
}

impl Of {
    fn now(server: &Server) -> anyhow::Result<Self> {
        let postmaster = server.process_id().context("a server that runs")?;
        let sql = "SELECT pid, coalesce(nullif(application_name, ''), backend_type) FROM pg_stat_activity WHERE pid <> pg_backend_pid()";
        let mut processes = BTreeMap::new();
        for line in server.query("postgres", sql)?.lines() {
            let (process, name) = line.split_once('|').context("a process and its name")?;
            let process: u32 = process.parse()?;
            processes.insert(process, (name.to_owned(), cpu::of_process(process)));
        }
        Ok(Self { whole: cpu::of_server(postmaster), processes })
    }
}
