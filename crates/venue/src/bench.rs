//! Benchmarks: `buttonwood bench NAME`. Each measures one part of the venue under a mixed flow of orders.

mod flow;
mod report;
mod book;
mod engine;
mod accept;
mod rest;
mod behind;
mod drive;
mod cpu;
mod servers;
mod stores;
mod archive;
mod lag;
mod steering;
mod postgres;

use clap::{Args as ClapArgs, Subcommand};

use report::{Latency, Report};

/// What to measure.
#[derive(Debug, ClapArgs)]
pub(crate) struct Cli {
    #[command(subcommand)]
    which: Which,
    /// Print one JSON object on the last line.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// The books alone: rest, cancel, cross.
    Book(Args),
    /// The engine alone: books, funds, fees, positions, client order ids.
    Engine(Args),
    /// The whole path of an order in process, each durable before its answer.
    Accept(accept::Options),
    /// Signed orders over HTTP, generator and venue on the same cores.
    Rest(rest::Options),
    /// How fast the embedded store follows.
    Projector(behind::Options),
    /// How fast a venue comes up from its journal alone.
    Recovery(behind::Options),
    /// Venue and PostgreSQL shards under sustained load: how far SQL is behind an acknowledgement, and what an order costs.
    Postgres(postgres::Options),
    /// How fast servers take orders: PostgreSQL row by row, in batches, by COPY and by the projector; SQLite.
    Stores(stores::Options),
    /// What the writers of an archive cost against a sink that takes everything; with `--outage` also a venue whose archive is away.
    Archive(archive::Options),
}

/// What to measure of books and engine.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
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
}

pub(crate) fn run(cli: &Cli) -> anyhow::Result<()> {
    let (name, reports) = match &cli.which {
        Which::Book(args) => ("book", by_symbols(args, book::run)?),
        Which::Engine(args) => ("engine", by_symbols(args, engine::run)?),
        Which::Accept(options) => ("accept", vec![accept_report(options)?]),
        Which::Rest(options) => ("rest", vec![rest_report(options)?]),
        Which::Projector(options) => ("projector", vec![behind_report(options, behind::projector(options)?)]),
        Which::Recovery(options) => ("recovery", vec![behind_report(options, behind::recovery(options)?)]),
        Which::Postgres(options) => return postgres::run(options, cli.json),
        Which::Stores(options) => return stores::run(options, cli.json),
        Which::Archive(options) => return archive::run(options, cli.json),
    };
    report::print(name, &reports, cli.json);
    Ok(())
}

fn by_symbols(args: &Args, measure: fn(&Args, u32) -> anyhow::Result<Report>) -> anyhow::Result<Vec<Report>> {
    anyhow::ensure!(args.runs > 0 && args.commands > 0 && args.users > 0, "runs, commands and users begin at one");
    anyhow::ensure!(!args.symbols.contains(&0), "symbols begin at one");
    args.symbols.iter().map(|symbols| measure(args, *symbols)).collect()
}

fn accept_report(options: &accept::Options) -> anyhow::Result<Report> {
    let measured = accept::measure(options)?;
    Ok(Report::of_rate(measured.orders_per_s, Some(Latency::of(&measured.counts.latency)))
        .with("seconds", options.seconds)
        .with("rate", options.rate)
        .with("users", options.world.users)
        .with("symbols", options.world.symbols)
        .with("resting", options.world.resting)
        .with("store", options.store)
        .with("replayer", !options.no_replayer)
        .with("refused", measured.counts.refused)
        .with("fills", measured.counts.fills)
        .with("queue_full", measured.overloaded)
        .with("store_behind", measured.store_behind)
        .with("replayer_behind", measured.replayer_behind))
}

fn rest_report(options: &rest::Options) -> anyhow::Result<Report> {
    let measured = rest::measure(options)?;
    Ok(Report::of_rate(measured.orders_per_s, Some(Latency::of(&measured.latency)))
        .with("seconds", options.seconds)
        .with("rate", options.rate)
        .with("connections", options.connections)
        .with("errors", measured.errors))
}

fn behind_report(options: &behind::Options, measured: behind::Measured) -> Report {
    let seconds = measured.took.as_secs_f64();
    Report::of_rate(accept::as_f64(measured.commands) / seconds, None)
        .with("commands", measured.commands)
        .with("seconds", seconds)
        .with("users", options.world.users)
        .with("symbols", options.world.symbols)
        .with("resting", options.world.resting)
        .with("seed", options.world.seed)
}
