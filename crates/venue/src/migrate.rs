//! `buttonwood migrate`: brings the schema of every shard and every database of the archive up to date.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args as ClapArgs;
use store_postgres::migrate::migrate;

use crate::config::Config;
use crate::stores::{archive, postgres};

/// Which databases.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Configuration file that names the shards and the databases of the archive.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::load(args.config.as_deref())?;
    anyhow::ensure!(
        !config.shards.is_empty() || !config.archives.is_empty(),
        "the configuration names neither a shard nor an archive: the embedded store is brought up to date when it is opened"
    );
    for shard in &config.shards {
        let migrated = migrate(&postgres::place(shard)?).with_context(|| format!("shard {}", shard.name))?;
        match (migrated.from, migrated.to) {
            (from, to) if from == to => println!("{}: schema {to}, up to date", shard.name),
            (from, to) => println!("{}: schema {from} brought to {to}", shard.name),
        }
    }
    for archive in &config.archives {
        let migrated = archive::migrate(archive).with_context(|| format!("archive {}", archive.name))?;
        println!("{}: {migrated}", archive.name);
    }
    Ok(())
}
