//! `projector` and `recovery`: what is done behind the acknowledgement, from logs that were written beforehand.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args as ClapArgs;

use crate::config::Config;
use crate::console::Console;
use crate::live::{Beside, Live};
use crate::load::World;

/// What to measure.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Options {
    /// Commands in the logs.
    #[arg(long, default_value_t = 2_000_000)]
    pub(crate) commands: u64,
    /// What is traded, and by how many.
    #[command(flatten)]
    pub(crate) world: World,
}

/// Commands, and how long they took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) commands: u64,
    pub(crate) took: Duration,
}

/// How fast the embedded store follows.
pub(crate) fn projector(options: &Options) -> anyhow::Result<Measured> {
    let temporary = tempfile::Builder::new().prefix("buttonwood-bench-").tempdir()?;
    write_logs(options, temporary.path())?;
    let config = config(temporary.path())?;
    let live = Live::start(&config, Beside { store: true, replayer: false }, Vec::new(), &mut |_| {})?;
    let begun = Instant::now();
    let commands = live.read_model.seq().0;
    for follower in live.status.followers.all() {
        while follower.reached().0 < commands {
            anyhow::ensure!(follower.stopped().is_none(), "{} stopped: {:?}", follower.name, follower.stopped());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    let took = begun.elapsed();
    live.shutdown()?;
    Ok(Measured { commands, took })
}

/// How fast a venue comes up from its journal alone.
pub(crate) fn recovery(options: &Options) -> anyhow::Result<Measured> {
    let temporary = tempfile::Builder::new().prefix("buttonwood-bench-").tempdir()?;
    write_logs(options, temporary.path())?;
    let config = config(temporary.path())?;
    let begun = Instant::now();
    let live = Live::start(&config, Beside { store: false, replayer: false }, Vec::new(), &mut |_| {})?;
    let took = begun.elapsed();
    let commands = live.report.replayed;
    live.shutdown()?;
    Ok(Measured { commands, took })
}

fn config(data: &Path) -> anyhow::Result<Config> {
    Ok(Config { data: data.to_owned(), queue_commands: 65_536, ..Config::load(None)? })
}

fn write_logs(options: &Options, data: &Path) -> anyhow::Result<()> {
    let live = Live::start(&config(data)?, Beside { store: false, replayer: false }, Vec::new(), &mut |_| {})?;
    let console = Console::new(live.entrance.clone(), "bench");
    let mut load = options.world.set_up(&console)?;
    for _ in 0..options.commands {
        console.send(&load.next())?;
    }
    live.shutdown().map(|_behind| ())
}
