//! `cluster`: PostgreSQL servers of one's own, and servers for the archive, to serve with and to try things out on. They go on when this ends.

mod member;
pub(crate) mod archive;
mod place;

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Subcommand;

use self::archive::{Archive, ArchiveKind};
use self::member::Shard;
use self::place::Place;
use crate::workspace::Workspace;

/// More than one machine sensibly runs.
const SHARDS_MAX: usize = 16;

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Start the servers, and make those that are missing; print the configuration to serve with
    Up {
        /// How many shards; those that are there already by default, or one
        #[arg(long)]
        shards: Option<usize>,
        /// Give each shard a standby that follows it
        #[arg(long)]
        standby: bool,
        /// Keep the archive in servers too, of these kinds; those that are there already by default
        #[arg(long, value_delimiter = ',')]
        archive: Vec<ArchiveKind>,
    },
    /// Stop the servers; `up` starts them again with what they hold
    Down {
        /// Delete them and everything they hold
        #[arg(long)]
        remove: bool,
    },
    /// Say which servers there are, and how each one is
    Status,
}

pub(crate) fn run(workspace: &Workspace, action: &Action) -> anyhow::Result<()> {
    match action {
        Action::Up { shards, standby, archive } => up(workspace, *shards, *standby, archive),
        Action::Down { remove } => down(workspace, *remove),
        Action::Status => status(workspace),
    }
}

fn up(workspace: &Workspace, shards: Option<usize>, standby: bool, archive: &[ArchiveKind]) -> anyhow::Result<()> {
    place::install(workspace)?;
    let place = Place::choose(workspace)?;
    let there = place.shards()?.len();
    let shards = shards.unwrap_or(there.max(1));
    ensure!((1..=SHARDS_MAX).contains(&shards), "--shards must be from 1 to {SHARDS_MAX}");
    if shards < there {
        bail!("there are {there} shards; `cargo xtask cluster down --remove` deletes them with what they hold");
    }
    for number in 1..=shards {
        Shard::named(&place, number).up(standby)?;
    }
    for kind in ArchiveKind::ALL {
        let archive_of_kind = Archive::of(place.folder(), kind);
        if archive.contains(&kind) || archive_of_kind.exists()? {
            archive_of_kind.up()?;
        }
    }
    let shards = place.shards()?;
    let archives = Archive::made(place.folder())?;
    let configuration = write_configuration(place.folder(), &shards, &archives)?;
    println!("configuration to serve with: {}", configuration.display());
    for shard in shards {
        println!("look into {}: psql '{}'", shard.name, shard.url()?);
    }
    for archive in archives {
        println!("look into {}: {}", archive.name(), archive.url()?);
    }
    Ok(())
}

fn down(workspace: &Workspace, remove: bool) -> anyhow::Result<()> {
    let place = Place::choose(workspace)?;
    let shards = place.shards()?;
    let archives = Archive::made(place.folder())?;
    if shards.is_empty() && archives.is_empty() {
        println!("no servers");
    }
    let what = if remove { "removed" } else { "stopped" };
    for shard in shards {
        shard.down()?;
        println!("{} {what}", shard.name);
    }
    for archive in archives {
        archive.down()?;
        println!("{} {what}", archive.name());
    }
    if remove {
        place.remove()?;
    }
    Ok(())
}

fn status(workspace: &Workspace) -> anyhow::Result<()> {
    let place = Place::choose(workspace)?;
    let shards = place.shards()?;
    if shards.is_empty() {
        println!("no servers; `cargo xtask cluster up` starts some");
        return Ok(());
    }
    for shard in &shards {
        for line in shard.status()? {
            println!("{line}");
        }
    }
    for archive in Archive::made(place.folder())? {
        println!("{}", archive.status()?);
    }
    println!("configuration: {}", place.folder().join(CONFIGURATION).display());
    Ok(())
}

const CONFIGURATION: &str = "shards.toml";

/// Readable by its owner only: it has the passwords.
fn write_configuration(folder: &Path, shards: &[Shard], archives: &[Archive]) -> anyhow::Result<PathBuf> {
    let path = folder.join(CONFIGURATION);
    let mut text = String::from("# Written by `cargo xtask cluster up`.\n");
    for shard in shards {
        text.push_str(&shard.configuration()?);
    }
    text.push_str(&archive::configuration(archives)?);
    // A new file, so that it never has an old one's permissions.
    if path.exists() {
        std::fs::remove_file(&path)?;
    }
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
