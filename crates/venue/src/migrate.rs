//! `buttonwood migrate`: brings the schema of every shard up to date.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args as ClapArgs;
use store_postgres::migrate::migrate;

use crate::config::Config;
use crate::stores::postgres;

/// Which shards.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Configuration file that names the shards.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::load(args.config.as_deref())?;
    anyhow::ensure!(
        !config.shards.is_empty(),
        "the configuration names no shard: the embedded store is brought up to date when it is opened"
    );
    for shard in &config.shards {
        let migrated = migrate(&postgres::place(shard)?).with_context(|| format!("shard {}", shard.name))?;
        match (migrated.from, migrated.to) {
            (from, to) if from == to => println!("{}: schema {to}, up to date", shard.name),
            (from, to) => println!("{}: schema {from} brought to {to}", shard.name),
        }
    }
    Ok(())
}
