//! Real servers, started, stopped and killed.

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
