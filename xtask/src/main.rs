//! `cargo xtask`: the one entry to checking, testing, measuring and showing the venue.
//!
//! **Invariant:** no crate of the venue depends on it, and it depends on no part of the venue: it runs it as programs.
//!
//! Start reading at [`Task`].
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to whoever started it")]

mod check;
mod tidy;
mod test;
mod ci;
mod bench;
mod venue;
mod cluster;
mod workspace;
mod process;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Check, test, measure and show Buttonwood",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Before each commit: formatting, clippy on everything, tidy
    Check {
        /// Make every warning an error, as CI does
        #[arg(long)]
        deny_warnings: bool,
    },
    /// What clippy cannot see: arrows between crates, invariants, links, words, reasons for dependencies
    Tidy,
    /// All tests: Rust, documentation examples, foreign clients (ccxt, python-binance) against a running venue, the models of its tables
    ///
    /// Rust tests run with `cargo nextest` where it is installed, else with `cargo test`. Tests named `real_day` replay a
    /// real trading day and need `BUTTONWOOD_REAL_DAY=PATH/orders.csv.xz`; without it they are counted as skipped. The
    /// foreign clients need python3 with venv, and the Python package index once.
    ///
    /// The last line is `N passed, N failed`, with `, N skipped` where some were.
    Test {
        /// Passed to the test runner; with them only Rust tests run
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Exactly what CI runs: the tests, then the checks with warnings as errors
    Ci,
    /// Build the venue in release and show it at work
    Demo {
        /// Passed to `buttonwood demo`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Build the venue in release and measure it: `bench NAME [--json] [ARGUMENTS]`, or `bench all`
    ///
    /// The report says on which machine, on which day and of which commit. With `--json` its last line is one JSON object.
    Bench {
        /// Which measurement; `all` for every one
        name: String,
        /// `--json`, and whatever else `buttonwood bench NAME` takes
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// PostgreSQL servers of one's own, and servers for the archive, in the target directory: to serve with, to look into
    Cluster {
        #[command(subcommand)]
        action: cluster::Action,
    },
    /// Kill a venue in the middle of its work, restart it, and prove that nothing acknowledged is lost
    Torture {
        /// How many times it is killed
        #[arg(long, default_value_t = 200)]
        rounds: u64,
        /// Repeats an earlier run; printed first
        #[arg(long)]
        seed: Option<u64>,
        /// Keep orders and money in PostgreSQL, and kill its servers too
        #[arg(long)]
        postgres: bool,
        /// How many servers, each a shard
        #[arg(long, default_value_t = 1, requires = "postgres")]
        shards: usize,
        /// Move symbols and users from shard to shard meanwhile
        #[arg(long, requires = "postgres")]
        moves: bool,
        /// Keep the archive in document databases of these kinds, its collections in turn, and kill their servers too
        #[arg(long, value_delimiter = ',')]
        archive: Vec<cluster::archive::ArchiveKind>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    match task {
        Task::Check { deny_warnings } => check::run(&workspace, deny_warnings),
        Task::Tidy => tidy::run(&workspace),
        Task::Test { arguments } => test::run(&workspace, &arguments),
        Task::Ci => ci::run(&workspace),
        Task::Demo { arguments } => venue::demo(&workspace, &arguments),
        Task::Bench { name, arguments } => bench::run(&workspace, &name, &arguments),
        Task::Cluster { action } => cluster::run(&workspace, &action),
        Task::Torture { rounds, seed, postgres, shards, moves, archive } => {
            venue::torture(&workspace, rounds, seed, postgres.then_some((shards, moves)), &archive)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
