//! A shard: a server, and maybe a standby of it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use pg_cluster::options::Options;
use pg_cluster::server::Server;

use super::place::Place;

/// The database on each server.
const DATABASE: &str = "buttonwood";

#[derive(Debug)]
pub(super) struct Shard {
    pub(super) name: String,
    folder: PathBuf,
    standby: PathBuf,
}

impl Shard {
    pub(super) fn named(place: &Place, number: usize) -> Self {
        let name = format!("shard-{number}");
        let (folder, standby) = (place.folder().join(&name), place.folder().join(format!("{name}-standby")));
        Self { name, folder, standby }
    }

    pub(super) fn exists(&self) -> anyhow::Result<bool> {
        Ok(Server::open(&self.folder)?.is_some())
    }

    /// Starts what does not run and makes what is not there.
    pub(super) fn up(&self, standby: bool) -> anyhow::Result<()> {
        if let Some(promoted) = Server::open(&self.standby)?.filter(|standby| !standby.is_standby()) {
            // Started as well, the first one would take writes that the promoted one never sees.
            println!("{}: the standby was promoted and takes the writes; the first server stays as it is", self.name);
            return running(promoted).map(drop);
        }
        let server = if let Some(server) = Server::open(&self.folder)? {
            running(server)?
        } else {
            println!("making {}", self.name);
            Server::start(&self.folder, &Options::default().detached())?
        };
        // Not only a new one: an earlier call may have been interrupted.
        if server.query("postgres", &format!("SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"))?.is_empty() {
            server.create_database(DATABASE)?;
        }
        match Server::open(&self.standby)? {
            Some(standby) => drop(running(standby)?),
            None if standby => {
                println!("making the standby of {}", self.name);
                remove(&self.standby)?;
                server.standby(&self.standby)?;
            }
            None => {}
        }
        Ok(())
    }

    /// Stops the standby, then the server.
    pub(super) fn down(&self) -> anyhow::Result<()> {
        for folder in [&self.standby, &self.folder] {
            if let Some(mut server) = Server::open(folder)? {
                server.stop()?;
            }
        }
        Ok(())
    }

    /// Of the server that takes the writes.
    pub(super) fn url(&self) -> anyhow::Result<String> {
        let promoted = Server::open(&self.standby)?.filter(|standby| !standby.is_standby());
        Ok(promoted.map_or_else(|| self.server(), Ok)?.url(DATABASE))
    }

    /// What the venue needs to know of it. With a standby the URL names both: whichever takes writes is meant.
    pub(super) fn configuration(&self) -> anyhow::Result<String> {
        let (server, standby) = (self.server()?, Server::open(&self.standby)?);
        let url = server.url(DATABASE);
        Ok(match standby {
            None => entry(&self.name, &url, None),
            Some(standby) => {
                let own = format!(":{}/", server.port());
                let both = url.replace(&own, &format!(":{},127.0.0.1:{}/", server.port(), standby.port()));
                let url = format!("{both}?target_session_attrs=read-write");
                entry(&self.name, &url, standby.is_standby().then(|| standby.url(DATABASE)).as_deref())
            }
        })
    }

    /// A line for each server.
    pub(super) fn status(&self) -> anyhow::Result<Vec<String>> {
        let mut lines = vec![line(&self.name, self.server()?)];
        if let Some(standby) = Server::open(&self.standby)? {
            lines.push(line(&format!("{}-standby", self.name), standby));
        }
        Ok(lines)
    }

    fn server(&self) -> anyhow::Result<Server> {
        Server::open(&self.folder)?.with_context(|| format!("{} is gone", self.name))
    }
}

fn running(mut server: Server) -> anyhow::Result<Server> {
    if !server.is_running() {
        server.restart()?;
    }
    Ok(server)
}

/// What is left of an attempt that did not come to its end.
fn remove(folder: &Path) -> std::io::Result<()> {
    if folder.exists() { std::fs::remove_dir_all(folder) } else { Ok(()) }
}

fn entry(name: &str, url: &str, standby: Option<&str>) -> String {
    let standby = standby.map(|url| format!("standby = [\"{url}\"]\n")).unwrap_or_default();
    format!("\n[[shards]]\nname = \"{name}\"\nurl = \"{url}\"\n{standby}")
}

fn line(name: &str, mut server: Server) -> String {
    let port = server.port();
    if !server.is_running() {
        return format!("{name:16} port {port}  stopped");
    }
    let process = server.process_id().unwrap_or_default();
    let state = server.query(DATABASE, STATE).unwrap_or_else(|error| format!("does not answer: {error:#}"));
    format!("{name:16} port {port}  process {process}  {state}")
}

/// One line of text.
const STATE: &str = "
    SELECT CASE WHEN pg_is_in_recovery()
        THEN 'follows' || CASE WHEN EXISTS (SELECT FROM pg_stat_wal_receiver) THEN '' ELSE ', not connected' END
        ELSE 'takes writes' END
    || ', ' || pg_size_pretty(pg_database_size(current_database()))
    || coalesce((SELECT ', standby ' || string_agg(pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), ', ')
        || ' behind' FROM pg_stat_replication WHERE NOT pg_is_in_recovery()), '')";

#[cfg(test)]
mod tests {
    use super::entry;

    #[test]
    fn the_configuration_is_toml() {
        let text = entry("shard-1", "postgres://a", None) + &entry("shard-2", "postgres://b", Some("postgres://c"));
        let table: toml::Table = text.parse().unwrap();
        let expected: toml::Table = "shards = [{ name = 'shard-1', url = 'postgres://a' },
            { name = 'shard-2', url = 'postgres://b', standby = ['postgres://c'] }]"
            .parse()
            .unwrap();
        assert_eq!(table, expected);
    }
}
