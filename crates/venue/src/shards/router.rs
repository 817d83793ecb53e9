//! `buttonwood shards router`: one database in which a query reads all shards.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args as ClapArgs;
use store_postgres::config::PostgresConfig;
use store_postgres::router::{self, RouterOptions, RouterShard};

use crate::config::Config;
use crate::stores::postgres;

/// Which shards, and where the router is to be.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The router's database, empty or a router already: `postgres://…`. It is made by a superuser, or by somebody who may use `postgres_fdw`.
    #[arg(long, value_name = "URL")]
    url: String,
    /// Authorities to trust for the router's server, as PEM; the public ones by default.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Configuration file that names the shards.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Read a shard through another URL than the configuration has for writing: as a role that may only read, from a standby.
    #[arg(long, value_name = "NAME=URL")]
    through: Vec<String>,
    /// Role whose members may read; it is made if it is not there.
    #[arg(long, default_value = "buttonwood_reader")]
    role: String,
    /// Rows to fetch from a shard at a time.
    #[arg(long, value_name = "ROWS", default_value_t = router::FETCH_ROWS_DEFAULT,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    fetch_size: u32,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::load(args.config.as_deref())?;
    anyhow::ensure!(!config.shards.is_empty(), "the configuration names no shard: there is nothing to route to");
    let place = PostgresConfig::new(&args.url, args.ca_file.as_ref()).context("--url")?;
    let shards = shards(&config, &args.through)?;
    let options = RouterOptions { role: args.role.clone(), fetch_rows: args.fetch_size };
    let built = router::build(&place, &shards, &options)?;
    for shard in &built.shards {
        let (symbols, users) = (shard.symbols_through.0, shard.users_through.0);
        println!("{}: shard {}, symbols through {symbols}, users through {users}", shard.name, shard.id);
    }
    println!("{}: {} objects made, {} dropped, {} kept", place.place(), built.made, built.dropped, built.kept);
    println!("to let somebody read: GRANT \"{}\" TO …", args.role);
    Ok(())
}

fn shards(config: &Config, through: &[String]) -> anyhow::Result<Vec<RouterShard>> {
    let mut other = Vec::new();
    for text in through {
        let (name, url) = text.split_once('=').context("--through wants NAME=URL")?;
        let known = config.shards.iter().any(|shard| shard.name == name);
        anyhow::ensure!(known, "--through {name}: the configuration has no shard of this name");
        other.push((name, url));
    }
    let shard = |shard: &crate::config::Shard| {
        let place = postgres::place(shard)?;
        let through = other.iter().find(|(name, _)| *name == shard.name);
        let through = through.map(|(_, url)| PostgresConfig::new(url, shard.ca_file.as_ref())).transpose();
        let through = through.with_context(|| format!("--through {}", shard.name))?;
        Ok(RouterShard { name: shard.name.clone(), place, through, ca_file: shard.ca_file.clone() })
    };
    config.shards.iter().map(shard).collect()
}
