//! `cargo xtask cluster`, as one uses it, with a target directory of its own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use tempfile::TempDir;
use toml::{Table, Value};

/// The servers go with it, even if the test fails.
struct Cluster {
    target: TempDir,
}

impl Cluster {
    fn new() -> anyhow::Result<Self> {
        let target = tempfile::tempdir()?;
        // Open to the user `postgres`, as checkouts are.
        std::fs::set_permissions(target.path(), std::fs::Permissions::from_mode(0o755))?;
        Ok(Self { target })
    }

    /// Runs a subcommand: whether it succeeded, and all it said.
    fn run(&self, arguments: &[&str]) -> anyhow::Result<(bool, String)> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg("cluster").args(arguments).env("CARGO_TARGET_DIR", self.target.path()).stdin(Stdio::null());
        let output = command.output()?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
    }

    fn good(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let (success, said) = self.run(arguments)?;
        anyhow::ensure!(success, "{arguments:?}: {said}");
        Ok(said)
    }

    fn shards(&self) -> anyhow::Result<Vec<Value>> {
        let text = std::fs::read_to_string(self.target.path().join("cluster/shards.toml"))?;
        let shards = text.parse::<Table>()?.get("shards").and_then(Value::as_array).cloned();
        shards.context("no shards")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.run(&["down", "--remove"]));
    }
}

fn query(url: &Value, sql: &str) -> anyhow::Result<String> {
    let output = Command::new("psql").args([url.as_str().context("a text")?, "-XAtqc", sql]).output()?;
    anyhow::ensure!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn kill(folder: &Path) -> anyhow::Result<()> {
    let file = std::fs::read_to_string(folder.join("data/postmaster.pid"))?;
    let process = file.lines().next().context("a process id")?;
    anyhow::ensure!(Command::new("kill").args(["-9", process]).status()?.success());
    Ok(())
}

#[test]
fn servers_stay_until_they_are_taken_down() -> anyhow::Result<()> {
    let cluster = Cluster::new()?;
    assert!(cluster.good(&["status"])?.contains("no servers"));
    let said = cluster.good(&["up", "--shards", "2"])?;
    assert!(said.contains("shards.toml") && said.matches("psql 'postgres://").count() == 2, "{said}");
    let shards = cluster.shards()?;
    assert_eq!(shards.len(), 2);
    for shard in &shards {
        query(&shard["url"], "CREATE TABLE kept ()")?;
    }
    let identity = "SELECT system_identifier FROM pg_control_system()";
    assert_ne!(query(&shards[0]["url"], identity)?, query(&shards[1]["url"], identity)?);
    assert_eq!(cluster.good(&["status"])?.matches("takes writes").count(), 2);

    cluster.good(&["down"])?;
    assert!(query(&shards[0]["url"], "SELECT 1").is_err(), "it is down");
    assert_eq!(cluster.good(&["status"])?.matches("stopped").count(), 2);
    let (success, said) = cluster.run(&["up", "--shards", "1"])?;
    assert!(!success && said.contains("there are 2 shards"), "{said}");
    cluster.good(&["up"])?;
    assert_eq!(cluster.shards()?, shards);
    assert_eq!(query(&shards[1]["url"], "SELECT count(*) FROM kept")?, "0");

    cluster.good(&["down", "--remove"])?;
    assert!(!cluster.target.path().join("cluster").exists());
    Ok(())
}

#[test]
fn a_promoted_standby_takes_the_place_of_a_dead_shard() -> anyhow::Result<()> {
    let cluster = Cluster::new()?;
    cluster.good(&["up", "--standby"])?;
    let folder = cluster.target.path().join("cluster");
    let shard = cluster.shards()?.remove(0);
    assert_eq!(query(&shard["standby"][0], "SELECT pg_is_in_recovery()")?, "t");

    // Dead, and started again.
    kill(&folder.join("shard-1"))?;
    cluster.good(&["up"])?;
    assert_eq!(query(&shard["url"], "SELECT pg_is_in_recovery()")?, "f");

    // Dead, and its standby promoted: the same URL leads there, and the dead one is left alone.
    kill(&folder.join("shard-1"))?;
    query(&shard["standby"][0], "SELECT pg_promote()")?;
    let port = query(&shard["url"], "CREATE TABLE kept (); SELECT inet_server_port()")?;
    let said = cluster.good(&["up"])?;
    assert!(said.contains("was promoted") && said.contains(&format!("127.0.0.1:{port}/")), "{said}");
    let said = cluster.good(&["status"])?;
    assert!(said.contains("stopped") && said.contains("takes writes"), "{said}");
    assert_eq!(cluster.shards()?[0].get("standby"), None);
    Ok(())
}
