//! `archive`: what the writers of a document database cost by themselves, stream by stream, against a sink that only takes; and a venue
//! whose archive is away until many records wait.

mod encoding;
#[cfg(feature = "mongodb")]
mod outage;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::report;

/// What to measure.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Options {
    /// Commands of the flow.
    #[arg(long, default_value_t = 300_000)]
    commands: usize,
    /// Commands folded into one batch.
    #[arg(long, default_value_t = 8_192)]
    batch: usize,
    /// Users of the flow.
    #[arg(long, default_value_t = 1_000)]
    users: u32,
    /// Symbols of the flow.
    #[arg(long, default_value_t = 10)]
    symbols: u32,
    /// Of the flow.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Runs; the best one counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Afterwards a venue runs whose archive server is away until so many commands wait for it; 0: none does.
    #[arg(long, default_value_t = 0)]
    outage: u64,
    /// Orders a second in that venue, with their share of cancels, each at its time (open loop).
    #[arg(long, default_value_t = 5_000)]
    rate: u64,
}

/// Measures, and prints.
pub(super) fn run(options: &Options, as_json: bool) -> anyhow::Result<()> {
    anyhow::ensure!(
        options.commands > 0 && options.batch > 0 && options.users > 0 && options.symbols > 0 && options.runs > 0,
        "numbers begin at one"
    );
    let machine = report::machine();
    for (key, value) in &machine {
        println!("{key:12} {value}");
    }
    let encodings = encoding::measure(options)?;
    let outage = if options.outage > 0 { Some(outage(options)?) } else { None };
    if as_json {
        let machine: serde_json::Map<String, Value> =
            machine.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
        println!("{}", json!({"name": "archive", "encodings": encodings, "outage": outage, "machine": machine}));
    }
    Ok(())
}

#[cfg(feature = "mongodb")]
fn outage(options: &Options) -> anyhow::Result<Value> {
    outage::measure(options.outage, options.rate)
}

#[cfg(not(feature = "mongodb"))]
fn outage(_: &Options) -> anyhow::Result<Value> {
    anyhow::bail!("--outage needs a server of {}", crate::config::archives::Kind::MongoDb.missing())
}
