//! `buttonwood migrate`: brings the schema of every shard and every database of the archive up to date.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use store_postgres::migrate::{Migrated, migrate};

use crate::config::{Config, Shard};
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
    let shards = config.shards.iter().map(|shard| (&shard.name, migrate_shard(shard)));
    let archives = config.archives.iter().map(|archive| (&archive.name, archive::migrate(archive)));
    let mut failed = Vec::new();
    // One that is away does not keep the others from being brought up to date.
    for (name, migrated) in shards.chain(archives) {
        match migrated {
            Ok(done) => println!("{name}: {done}"),
            Err(error) => {
                println!("{name}: NOT up to date: {error:#}");
                failed.push(name.as_str());
            }
        }
    }
    anyhow::ensure!(failed.is_empty(), "{}: mend that and say this again", failed.join(", "));
    Ok(())
}

/// Makes what a shard lacks; in words for an operator.
fn migrate_shard(shard: &Shard) -> anyhow::Result<String> {
    let Migrated { from, to } = migrate(&postgres::place(shard)?)?;
    Ok(if from == to { format!("schema {to}, up to date") } else { format!("schema {from} brought to {to}") })
}
