//! Benchmarks: `buttonwood bench NAME`.

use clap::Args as ClapArgs;

/// What to measure.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// book, engine, accept, rest, projector or recovery.
    name: String,
    /// Print one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    anyhow::bail!("there is no benchmark called {}", args.name)
}
