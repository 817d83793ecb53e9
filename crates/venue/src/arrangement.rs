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
const HEAD: &str =
    "# Which store has what, as the venue was last started; tools compare their configuration with it.\n";

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

/// A configuration leads to other stores than the venue was last started with.
#[derive(Debug)]
struct Difference {
    noted: Arrangement,
    here: Arrangement,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the venue was last started with {}; here it is {}", self.noted, self.here)
    }
}

/// What is wrong with stores at a start, with what may be the reason: that the configuration leads to others than at the last one.
pub(crate) fn explain(config: &Config, error: anyhow::Error) -> anyhow::Error {
    match difference(config) {
        Ok(Some(difference)) => error.context(difference),
        // A note that cannot be read says nothing of the stores, and a start writes it again.
        Ok(None) | Err(_) => error,
    }
}

/// Refuses a configuration that leads to other stores than the venue was last started with.
pub(crate) fn check(config: &Config) -> anyhow::Result<()> {
    match difference(config)? {
        None => Ok(()),
        Some(difference) => anyhow::bail!(
            "{difference}: name its configuration with --config. If it is to be so from now on, start the venue with this one first"
        ),
    }
}

/// Absent: there is none, or nothing was noted yet.
fn difference(config: &Config) -> anyhow::Result<Option<Difference>> {
    let path = path(&config.data);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let noted: Arrangement = toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
    let here = Arrangement::of(config);
    Ok((!here.leads_to(&noted)).then_some(Difference { noted, here }))
}

#[cfg(test)]
mod tests {
    use crate::config::Shard;

    use super::*;

    #[test]
    fn each_is_told_what_it_can_do_and_no_more() {
        let data = tempfile::tempdir().unwrap();
        let config = Config { data: data.path().to_owned(), ..Config::default() };
        let refused = || anyhow::anyhow!("no room");
        let explained = |config| format!("{:#}", explain(config, refused()));
        assert_eq!(explained(&config), "no room", "nothing is noted");
        note(&config).unwrap();
        assert!(explained(&config) == "no room" && check(&config).is_ok());
        let changed = Config { shards: vec![Shard::at("eu", "postgres://localhost/eu")], ..config.clone() };
        // A start that is refused is not told to start.
        let difference = "the venue was last started with everything in the embedded store; \
                          here it is orders and money in eu, all else in the embedded store";
        assert_eq!(explained(&changed), format!("{difference}: no room"));
        let checked = format!("{:#}", check(&changed).unwrap_err());
        assert!(
            checked.starts_with(difference) && checked.ends_with("start the venue with this one first"),
            "{checked}"
        );
        fs::write(path(data.path()), "shards = 1").unwrap();
        assert_eq!(explained(&changed), "no room", "a note that cannot be read");
        let unread = format!("{:#}", check(&changed).unwrap_err());
        assert!(unread.starts_with("cannot read ") && unread.contains("invalid type: integer"), "{unread}");
    }
}
