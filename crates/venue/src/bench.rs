//! Benchmarks: `buttonwood bench NAME`. Each measures one part of the venue under the same flow of orders.

mod flow;
mod report;
mod book;
mod engine;

use clap::Args as ClapArgs;

use report::Report;

/// What to measure.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// book or engine.
    name: String,
    /// Symbols; several numbers are measured one after the other.
    #[arg(long, num_args = 1.., default_values_t = [1, 100])]
    symbols: Vec<u32>,
    /// Users.
    #[arg(long, default_value_t = 10_000)]
    users: u32,
    /// Orders resting while it is measured.
    #[arg(long, default_value_t = 1_000_000)]
    resting: usize,
    /// Commands of one run.
    #[arg(long, default_value_t = 2_000_000)]
    commands: usize,
    /// Runs; best and median are reported.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Of the flow of orders.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    anyhow::ensure!(args.runs > 0 && args.commands > 0 && args.users > 0, "runs, commands and users begin at one");
    anyhow::ensure!(!args.symbols.contains(&0), "symbols begin at one");
    let measure: fn(&Args, u32) -> anyhow::Result<Report> = match args.name.as_str() {
        "book" => book::run,
        "engine" => engine::run,
        other => anyhow::bail!("there is no benchmark called {other}"),
    };
    let mut reports = Vec::new();
    for symbols in &args.symbols {
        reports.push(measure(args, *symbols)?);
    }
    report::print(&args.name, &reports, args.json);
    Ok(())
}
