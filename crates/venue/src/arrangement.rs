//! Which store has what, as the venue was last started: noted in its data directory, so that nobody who looks at the stores looks at a copy
//! that was left behind.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::config::Config;

/// What the note begins with.
const HEAD: &str = "# Which store has what, as the venue was last started; `verify` and `export` compare their configuration with it.\n";

/// Names alone: no address, and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arrangement {
    /// The shards that have orders and money; none: the embedded store has them.
    shards: Vec<String>,
    /// Where collections of the archive are that are not in the embedded store.
    archive: BTreeMap<String, String>,
}

impl Arrangement {
    fn of(config: &Config) -> Self {
        let shards = config.shards.iter().map(|shard| shard.name.clone()).collect();
        Self { shards, archive: config.archive.elsewhere() }
    }

    /// Whether a configuration of this kind leads to everything that one of the other kind wrote. A shard may have been added since.
    fn leads_to(&self, noted: &Self) -> bool {
        self.archive == noted.archive
            && self.shards.is_empty() == noted.shards.is_empty()
            && noted.shards.iter().all(|shard| self.shards.contains(shard))
    }
}

/// `orders in shard-1, audit_logs in mongo-1, all else in the embedded store`
impl fmt::Display for Arrangement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.shards.is_empty() && self.archive.is_empty() {
            return f.write_str("everything in the embedded store");
        }
        if !self.shards.is_empty() {
            write!(f, "orders and money in {}, ", self.shards.join(" and "))?;
        }
        for (collection, place) in &self.archive {
            write!(f, "{collection} in {place}, ")?;
        }
        f.write_str("all else in the embedded store")
    }
}

fn path(data: &Path) -> PathBuf {
    data.join("stores.toml")
}

/// Notes what a venue that starts has where.
pub(crate) fn note(config: &Config) -> anyhow::Result<()> {
    let path = path(&config.data);
    let text = format!("{HEAD}{}", toml::to_string(&Arrangement::of(config))?);
    if fs::read_to_string(&path).is_ok_and(|noted| noted == text) {
        return Ok(());
    }
    let unfinished = path.with_extension("tmp");
    let written = File::create(&unfinished).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        File::open(&config.data)?.sync_all()
    });
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// What is wrong with stores, with what may be the reason: that the configuration leads to others than at the last start.
pub(crate) fn explain(config: &Config, error: anyhow::Error) -> anyhow::Error {
    match check(config) {
        Ok(()) => error,
        Err(differs) => error.context(differs.to_string()),
    }
}

/// Refuses a configuration that leads to other stores than the venue was last started with.
pub(crate) fn check(config: &Config) -> anyhow::Result<()> {
    let path = path(&config.data);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let noted: Arrangement = toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
    let here = Arrangement::of(config);
    anyhow::ensure!(
        here.leads_to(&noted),
        "the venue was last started with {noted}; here it is {here}: name its configuration with --config. If it is to be so from now on, \
         start the venue with this one first"
    );
    Ok(())
}
