//! Kills a venue at random moments, again and again, on one data directory, and checks after each start that everything it had
//! acknowledged is there, once, as acknowledged.
//!
//! Two kinds of rounds take turns: REST clients over sockets, and load inside the venue's process at full speed. With `--postgres` the
//! orders are in PostgreSQL, and the servers are killed as well.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to whoever started it")]

mod rig;
mod market;
mod orders;
mod trader;
mod rest;
mod check;
mod ack;
mod in_process;
mod logs;
mod forget;
mod moves;
mod servers;
#[path = "../random.rs"]
mod random;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::Parser;

use in_process::InProcess;
use rest::Rest;
use rig::Rig;
use servers::{ArchiveKind, Servers};

/// Kill a venue in the middle of its work, restart it, and prove that nothing acknowledged is lost.
#[derive(Debug, Parser)]
struct Args {
    /// How many times it is killed.
    #[arg(long, default_value_t = 200)]
    rounds: u64,
    /// Repeats the decisions of an earlier run; the machine's timing is not repeated.
    #[arg(long)]
    seed: Option<u64>,
    /// The venue's binary. Default: `buttonwood` beside this one.
    #[arg(long, value_name = "FILE")]
    buttonwood: Option<PathBuf>,
    /// An empty directory to work in; it is kept. Default: a temporary one, kept only after a failure.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Rounds between two clean shutdowns, each followed by `verify`.
    #[arg(long, value_name = "N", default_value_t = 10)]
    verify_every: u64,
    /// Make the venue forget the end of its journal in this round: the torture must notice.
    #[arg(long, value_name = "ROUND", hide = true)]
    forget_in: Option<u64>,
    /// Keep orders and money in PostgreSQL, and kill its servers too.
    #[arg(long)]
    postgres: bool,
    /// How many servers, each a shard.
    #[arg(long, default_value_t = 1)]
    shards: usize,
    /// Move symbols and users from shard to shard meanwhile.
    #[arg(long, requires = "postgres")]
    moves: bool,
    /// Keep the archive in document databases of these kinds, its collections in turn, and kill their servers too.
    #[arg(long, value_delimiter = ',')]
    archive: Vec<ArchiveKind>,
    /// REST clients.
    #[arg(long, default_value_t = 6)]
    clients: u32,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(fresh_seed);
    println!("torture: seed {seed}, {} rounds", args.rounds);
    match run(&args, seed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("torture: FAILED (seed {seed}): {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args, seed: u64) -> anyhow::Result<()> {
    let beside = || Ok::<_, anyhow::Error>(std::env::current_exe()?.with_file_name("buttonwood"));
    let program = args.buttonwood.clone().map_or_else(beside, Ok)?;
    anyhow::ensure!(program.is_file(), "there is no {}; build it, or say --buttonwood FILE", program.display());
    let temporary = tempfile::Builder::new().prefix("buttonwood-torture-").tempdir()?;
    let directory = args.data.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    anyhow::ensure!((1..=16).contains(&args.shards), "--shards must be from 1 to 16");
    let servers = Servers::start(if args.postgres { args.shards } else { 0 }, &args.archive, &directory)?;
    let mut rig = Rig::new(&program, &directory, seed, servers, args.forget_in);
    let outcome = rounds(args, &mut rig);
    // Whoever looks for the reason needs the files, and nobody writing to them.
    rig.drop_venue();
    if outcome.is_err() {
        for folder in rig.servers.iter_mut().flat_map(Servers::keep) {
            eprintln!("torture: what is left of a server is kept in {}", folder.display());
        }
        if args.data.is_none() {
            eprintln!("torture: what is left is kept in {}", temporary.keep().display());
        }
    }
    outcome
}

fn rounds(args: &Args, rig: &mut Rig) -> anyhow::Result<()> {
    rig.first_starts()?;
    let mut rest = Rest::set_up(rig, args.clients, args.moves.then_some(args.shards))?;
    rig.stop()?;
    let mut in_process = InProcess::set_up(rig)?;
    for round in 1..=args.rounds {
        let line = if round % 2 == 1 { rest.round(rig, round) } else { in_process.round(rig, round) };
        let line = line.with_context(|| format!("round {round}"))?;
        println!("round {round}/{}: {line}", args.rounds);
        if round % args.verify_every.max(1) == 0 || round == args.rounds {
            rest.check_everything(rig).with_context(|| format!("after round {round}"))?;
            rig.stop()?;
            rest.check_shards(rig).with_context(|| format!("after round {round}"))?;
            let verified = rig.verify().with_context(|| format!("after round {round}"))?;
            println!("round {round}/{}: shut down, {verified}", args.rounds);
        }
    }
    let (orders, cancels, unknown) = rest.counts();
    if let Some(servers) = &rig.servers {
        let (all, between) = (servers.killed.all, servers.killed.between);
        println!(
            "torture: {all} servers killed, {between} times between rows and commit; {} moves begun",
            rest.moves()
        );
    }
    println!(
        "torture: {} rounds, {} kills ({} of them while starting, {} while shutting down), {} clean shutdowns verified; \
         by REST {orders} orders and {cancels} cancels acknowledged, {unknown} of unknown outcome resolved; \
         in process {} commands acknowledged; none lost, none twice",
        args.rounds,
        rig.kills.all,
        rig.kills.starting,
        rig.kills.stopping,
        rig.verified,
        in_process.acknowledged(),
    );
    Ok(())
}

fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| u64::from(age.subsec_nanos()) ^ age.as_secs())
}
