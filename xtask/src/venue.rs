//! The venue's own programs, built in release: the demonstration and the torture.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::cluster::archive::ArchiveKind;
use crate::process;
use crate::workspace::Workspace;

pub(crate) fn demo(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let mut command = workspace.cargo();
    command.args(["run", "--release", "--package", "venue", "--bin", "buttonwood", "--", "demo"]).args(arguments);
    process::run(&mut command)
}

/// With a number of shards PostgreSQL is tortured as well, and perhaps symbols and users move between them; with kinds of archives,
/// their servers are.
pub(crate) fn torture(
    workspace: &Workspace,
    rounds: u64,
    seed: Option<u64>,
    shards: Option<(usize, bool)>,
    archives: &[ArchiveKind],
) -> anyhow::Result<()> {
    let seed = seed.unwrap_or_else(fresh_seed);
    let servers = shards.map(|(shards, moves)| {
        let moves = if moves { " --moves" } else { "" };
        format!(" --postgres --shards {shards}{moves}")
    });
    let servers = servers.unwrap_or_default();
    let kinds = archives.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(",");
    let kinds = if kinds.is_empty() { kinds } else { format!(" --archive {kinds}") };
    let arguments = format!("--rounds {rounds} --seed {seed}{servers}{kinds}");
    println!("seed {seed}; again with: cargo xtask torture {arguments}");
    // The one that kills, and the one that is killed, which it expects beside itself.
    let features: Vec<String> =
        archives.iter().flat_map(|kind| ["--features".to_owned(), kind.word().to_owned()]).collect();
    let mut build = workspace.cargo();
    process::run(build.args(["build", "--release", "--package", "venue", "--bins"]).args(&features))?;
    let mut command = workspace.cargo();
    command.args(["run", "--release", "--package", "venue", "--bin", "torture"]).args(&features).arg("--");
    process::run(command.args(arguments.split(' ')))
}

fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| u64::from(age.subsec_nanos()) ^ age.as_secs())
}
