//! The binary `buttonwood`: wires the crates into threads, and commands into those.
//!
//! **Invariant:** wiring only: threads, environment, configuration, roles; no rule of trade is decided here.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to whoever started it")]

mod config;
mod priority;
mod arrangement;
mod live;
mod learner;
mod heads;
mod stores;
mod source;
mod followers;
mod maintain;
mod retention;
mod console;
mod serve;
mod sockets;
mod addresses;
mod demo;
mod meter;
mod random;
mod load;
mod torture_load;
mod replay;
mod verify;
mod export;
mod seed;
mod sharding;
mod moves;
mod retirer;
mod inspect;
mod rewind;
mod migrate;
mod shards;
mod import;
mod bench;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Buttonwood: the backend of a trading venue. An order is on disk before it is acknowledged.
#[derive(Debug, Parser)]
#[command(name = "buttonwood", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the venue behind its REST interface.
    Serve(serve::Args),
    /// Run a venue with simulated traders and a live status line; nothing to install or configure.
    Demo(demo::Args),
    /// Show the first administrator's API key again.
    AdminKey(serve::AdminKeyArgs),
    /// Play a recorded day through the real path and check every line.
    Replay(replay::Args),
    /// Prove that journal, event log, snapshots and stores tell the same story; exits 0 only if they do. May run beside a venue.
    Verify(verify::Args),
    /// Write the audit records of a range of dates as JSON Lines, compressed, with a signed manifest of hashes. May run beside a venue.
    Export(export::Args),
    /// Check exports: signature, hashes, no record missing; exits 0 only if all is as it was written.
    CheckExport(export::CheckArgs),
    /// Which client addresses have been seen, and how to forget them.
    Addresses(addresses::Args),
    /// Show what is in the journal, the event log or the snapshots.
    Inspect(inspect::Args),
    /// Where the stores are, and how to take them back after the journal was restored to an earlier point.
    Follower(rewind::Args),
    /// Bring the schema of every PostgreSQL shard and every database of the archive up to date.
    Migrate(migrate::Args),
    /// The PostgreSQL shards as a whole.
    #[command(subcommand)]
    Shards(shards::Action),
    /// Bring users, balances, positions and open orders of an existing PostgreSQL system along; exits 0 only if everything is there.
    Import(import::Args),
    /// Measure a part of the venue on this machine.
    Bench(bench::Cli),
    /// Trade at full speed inside the process until killed, and print each acknowledgement.
    #[command(hide = true)]
    Load(torture_load::Args),
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("BUTTONWOOD_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(terminal).with_writer(std::io::stderr).init();
    end_with_whoever_reads();
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whoever reads the output may have had enough, as `| head` has: that is no panic. By the shell's convention it is the signal of that.
fn end_with_whoever_reads() {
    const BY_SIGPIPE: i32 = 128 + 13;
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to stdout") && said.contains("Broken pipe") {
            std::process::exit(BY_SIGPIPE);
        }
        tell(panic);
    }));
}

fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
        Command::AdminKey(args) => serve::admin_key(args),
        Command::Replay(args) => replay::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Export(args) => export::run(args),
        Command::CheckExport(args) => export::run_check(args),
        Command::Addresses(args) => addresses::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Follower(args) => rewind::run(args),
        Command::Migrate(args) => migrate::run(args),
        Command::Shards(action) => shards::run(action),
        Command::Import(args) => import::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Load(args) => torture_load::run(args),
    }
}
