//! The venue's own programs, built in release: the demonstration and the torture.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::process;
use crate::workspace::Workspace;

pub(crate) fn demo(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let mut command = workspace.cargo();
    command.args(["run", "--release", "--package", "venue", "--bin", "buttonwood", "--", "demo"]).args(arguments);
    process::run(&mut command)
}

/// With a number of shards PostgreSQL is tortured as well, and perhaps symbols and users move between them.
pub(crate) fn torture(
    workspace: &Workspace,
    rounds: u64,
    seed: Option<u64>,
    shards: Option<(usize, bool)>,
) -> anyhow::Result<()> {
    let seed = seed.unwrap_or_else(fresh_seed);
    let servers = shards.map(|(shards, moves)| {
        let moves = if moves { " --moves" } else { "" };
        format!(" --postgres --shards {shards}{moves}")
    });
    let servers = servers.unwrap_or_default();
    let arguments = format!("--rounds {rounds} --seed {seed}{servers}");
    println!("seed {seed}; again with: cargo xtask torture {arguments}");
    // The one that kills, and the one that is killed, which it expects beside itself.
    let mut build = workspace.cargo();
    process::run(build.args(["build", "--release", "--package", "venue", "--bins"]))?;
    let mut command = workspace.cargo();
    command.args(["run", "--release", "--package", "venue", "--bin", "torture", "--"]);
    process::run(command.args(arguments.split(' ')))
}

fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| u64::from(age.subsec_nanos()) ^ age.as_secs())
}
