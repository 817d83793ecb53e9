//! Failovers that lose the tail, on real servers.

use std::time::{Duration, Instant};

use pg_cluster::options::Options;
use pg_cluster::server::Server;

/// Asks again until the answer is as expected.
fn wait_for(server: &Server, sql: &str, expected: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = server.query("postgres", sql)?;
        if answer == expected {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "{sql}: {answer}, not {expected}");
    }
}

#[test]
fn a_promoted_standby_lacks_what_it_had_not_received() -> anyhow::Result<()> {
    let mut primary = Server::temporary(&Options::default().without_fsync())?;
    primary.query("postgres", "CREATE TABLE kept (number int); INSERT INTO kept VALUES (1)")?;
    let mut standby = primary.temporary_standby()?;
    assert_eq!(standby.query("postgres", "SELECT pg_is_in_recovery(), count(*) FROM kept")?, "t|1");
    primary.query("postgres", "INSERT INTO kept VALUES (2)")?;
    wait_for(&standby, "SELECT count(*) FROM kept", "2")?;
    assert!(standby.query("postgres", "INSERT INTO kept VALUES (3)").is_err(), "a standby is read-only");

    standby.kill()?;
    primary.query("postgres", "INSERT INTO kept VALUES (3)")?;
    primary.kill()?;
    standby.restart()?;
    assert!(standby.is_standby() && !primary.is_standby());
    standby.promote()?;
    assert!(!standby.is_standby());
    standby.query("postgres", "INSERT INTO kept VALUES (4)")?;
    assert_eq!(standby.query("postgres", "SELECT string_agg(number::text, ',' ORDER BY number) FROM kept")?, "1,2,4");
    Ok(())
}

#[test]
fn a_standby_that_was_down_catches_up() -> anyhow::Result<()> {
    let primary = Server::temporary(&Options::default().without_fsync())?;
    let mut standby = primary.temporary_standby()?;
    standby.stop()?;
    primary.query(
        "postgres",
        "CREATE TABLE kept AS SELECT generate_series(1, 1000); SELECT pg_switch_wal(); CHECKPOINT",
    )?;
    standby.restart()?;
    wait_for(&standby, "SELECT count(*) FROM pg_class WHERE relname = 'kept'", "1")?;
    assert_eq!(standby.query("postgres", "SELECT count(*) FROM kept")?, "1000");
    Ok(())
}

#[test]
fn a_server_goes_back_to_a_copy() -> anyhow::Result<()> {
    let mut server = Server::temporary(&Options::default().without_fsync())?;
    server.query("postgres", "CREATE TABLE kept (number int); INSERT INTO kept VALUES (1)")?;
    let copy = server.folder().join("copy");
    server.copy_to(&copy)?;
    server.query("postgres", "INSERT INTO kept VALUES (2)")?;
    assert!(server.restore(&copy).is_err(), "it runs");
    for _ in 0..2 {
        server.kill()?;
        server.restore(&copy)?;
        server.restart()?;
        assert_eq!(server.query("postgres", "SELECT sum(number) FROM kept")?, "1");
        server.query("postgres", "INSERT INTO kept VALUES (3)")?;
    }
    Ok(())
}
