//! The binary `buttonwood`: wires the crates into threads, and commands into those.
//!
//! **Invariant:** wiring only: threads, environment, configuration, roles; no rule of trade is decided here.

mod bench;

use clap::{Parser, Subcommand};

/// Buttonwood: the backend of a trading venue.
#[derive(Debug, Parser)]
#[command(name = "buttonwood", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure a part of the venue on this machine.
    Bench(bench::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Bench(args) => bench::run(&args),
    }
}
