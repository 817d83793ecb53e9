//! Real servers, started, stopped and killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use pg_cluster::options::Options;
use pg_cluster::server::Server;

#[test]
fn a_killed_server_recovers_what_it_acknowledged() -> anyhow::Result<()> {
    let mut server = Server::temporary(&Options::default())?;
    assert_eq!(server.query("postgres", "SHOW fsync")?, "on");
    server.create_database("shard_1")?;
    server.query("shard_1", "CREATE TABLE kept (number int)")?;
    for number in 0..10 {
        server.query("shard_1", &format!("INSERT INTO kept VALUES ({number})"))?;
        if number % 5 == 0 {
            let url = server.url("shard_1");
            server.kill()?;
            assert!(!server.is_running());
            assert!(server.query("shard_1", "SELECT 1").is_err(), "it is dead");
            server.restart()?;
            assert_eq!(server.url("shard_1"), url);
        }
    }
    assert_eq!(server.query("shard_1", "SELECT count(*), sum(number) FROM kept")?, "10|45");
    assert!(server.logged().contains("automatic recovery in progress"), "{}", server.logged());
    Ok(())
}

#[test]
fn a_server_ends_with_its_owner_and_its_folder_with_it() -> anyhow::Result<()> {
    let server = Server::temporary(&Options::default().without_fsync().with("work_mem", "5MB"))?;
    assert_eq!(server.query("postgres", "SHOW fsync; SHOW work_mem; SHOW server_encoding")?, "off\n5MB\nUTF8");
    let process = server.process_id().context("it runs")?;
    let folder = server.folder().to_owned();
    drop(server);
    assert!(!std::path::Path::new(&format!("/proc/{process}")).exists());
    assert!(!folder.exists());
    Ok(())
}

#[test]
fn a_server_starts_again_although_only_its_first_process_was_killed() -> anyhow::Result<()> {
    let mut server = Server::temporary(&Options::default().without_fsync())?;
    for _ in 0..5 {
        let process = server.process_id().context("it runs")?.to_string();
        assert!(Command::new("kill").args(["-9", &process]).status()?.success());
        server.restart()?;
        assert_eq!(server.query("postgres", "SELECT 1")?, "1");
    }
    Ok(())
}

#[test]
fn a_server_is_found_again_by_its_folder() -> anyhow::Result<()> {
    let parent = tempfile::tempdir()?;
    let folder = parent.path();
    assert!(Server::open(folder)?.is_none());
    let url = {
        let server = Server::start(folder, &Options::default().without_fsync().detached())?;
        server.query("postgres", "CREATE TABLE kept ()")?;
        server.url("postgres")
    };
    let Some(mut found) = Server::open(folder)? else { anyhow::bail!("not found") };
    assert!(found.is_running(), "it has outlived its owner");
    assert_eq!(found.url("postgres"), url);
    let first = found.process_id();
    found.kill()?;
    drop(found);

    let Some(mut found) = Server::open(folder)? else { anyhow::bail!("not found") };
    assert!(!found.is_running());
    found.restart()?;
    assert_ne!(found.process_id(), first);
    let second = found.process_id();
    drop(found);

    // Started by somebody who does not know of it: that one ends, and this one dies with its owner.
    let server = Server::start(folder, &Options::default())?;
    assert_eq!(server.url("postgres"), url);
    assert_ne!(server.process_id(), second);
    assert_eq!(server.query("postgres", "SELECT count(*) FROM kept; SHOW fsync")?, "0\noff");
    let third = server.process_id();
    drop(server);
    for id in [first, second, third] {
        // Nobody may have buried it yet.
        let status = std::fs::read_to_string(format!("/proc/{}/stat", id.unwrap_or_default())).unwrap_or_default();
        assert!(status.is_empty() || status.contains(") Z "), "still there: {status}");
    }
    Ok(())
}

#[test]
fn a_server_ends_when_its_owner_is_killed() -> anyhow::Result<()> {
    // This test, run again as a process of its own, is the owner.
    const FOLDER: &str = "PG_CLUSTER_TEST_FOLDER";
    if let Some(folder) = std::env::var_os(FOLDER) {
        let _server = Server::start(folder, &Options::default().without_fsync())?;
        writeln!(std::io::stdout(), "ready")?;
        std::thread::park();
    }
    let folder = tempfile::tempdir()?;
    let mut owner = Command::new(std::env::current_exe()?);
    owner.args(["--exact", "a_server_ends_when_its_owner_is_killed", "--nocapture"]).env(FOLDER, folder.path());
    let mut owner = owner.stdout(Stdio::piped()).spawn()?;
    let lines = BufReader::new(owner.stdout.take().context("a pipe")?).lines();
    let ready = lines.map_while(Result::ok).any(|line| line.ends_with("ready"));
    owner.kill()?;
    owner.wait()?;
    assert!(ready, "the owner has started a server");
    let mut server = Server::open(folder.path())?.context("it was made")?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while server.is_running() {
        assert!(Instant::now() < deadline, "it goes on without its owner");
        std::thread::yield_now();
    }
    Ok(())
}
