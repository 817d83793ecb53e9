//! Servers in every kind of trouble: a clear word, another attempt, nothing skipped, and on again when it is mended.

use std::time::{Duration, Instant};

use projector::batch::Stream;
use projector::conformance;
use projector::store::{Divergence, Outcome, Store};
use sim::commands::Profile;
use store_postgres::config::PostgresConfig;
use store_postgres::store::PostgresStore;

use crate::subject::{Databases, Stores};
use sim::feed::feed;

const PATIENCE: Duration = Duration::from_secs(30);

fn store(url: &str) -> PostgresStore {
    PostgresStore::open(PostgresConfig::new(url, None).unwrap(), Stream::Reference).unwrap()
}

/// Commits a batch, which must not go now; the store's words.
fn put_off(store: &mut PostgresStore) -> String {
    let (blocks, _) = feed(Profile::Flow, 1, 40);
    let outcome = store.commit(&conformance::batch(Stream::Reference, &blocks, 0, blocks.len()));
    assert!(matches!(outcome, Outcome::Retry(_)), "{outcome:?}");
    store.trouble().unwrap().to_owned()
}

/// Commits the same batch, which goes within a while.
fn goes(store: &mut PostgresStore) {
    let (blocks, _) = feed(Profile::Flow, 1, 40);
    let batch = conformance::batch(Stream::Reference, &blocks, 0, blocks.len());
    let deadline = Instant::now() + PATIENCE;
    while store.commit(&batch) != Outcome::Committed {
        assert!(Instant::now() < deadline, "{:?}", store.trouble());
    }
    assert_eq!(store.trouble(), None);
}

#[test]
fn a_server_that_is_not_there_yet() {
    let databases = Databases::quick();
    let mut server = std::sync::Arc::try_unwrap(databases).unwrap().server;
    server.create_database("later").unwrap();
    server.stop().unwrap();
    let mut store = store(&server.url("later"));
    assert!(put_off(&mut store).contains("Connection refused"), "{:?}", store.trouble());
    server.restart().unwrap();
    goes(&mut store);
}

#[test]
fn a_wrong_password_and_a_missing_database() {
    let databases = Databases::quick();
    let url = databases.server.url("shard");
    let password = url.split(['@', ':']).nth(2).unwrap().to_owned();
    let mut wrong = store(&url.replace(&password, "wrong"));
    let words = put_off(&mut wrong);
    assert!(words.contains("password authentication failed") && words.contains("mend the password"), "{words}");
    let mut missing = store(&url);
    let words = put_off(&mut missing);
    assert!(words.contains("\"shard\" does not exist") && words.contains("create the database"), "{words}");
    assert!(!words.contains(&password));
    databases.server.create_database("shard").unwrap();
    goes(&mut missing);
    databases.server.query("postgres", "ALTER ROLE postgres PASSWORD 'wrong'").unwrap_or_default();
    goes(&mut wrong);
}

#[test]
fn a_server_that_takes_no_writes() {
    let databases = Databases::quick();
    let database = databases.make();
    let mut stores = Stores::open(&databases.config(&database));
    assert_eq!(stores.of(Stream::Reference).checkpoint(Stream::Reference), Ok(None));
    let set = |value: &str| {
        let sql = format!("ALTER DATABASE {database} SET default_transaction_read_only = {value}");
        databases.server.query("postgres", &sql).unwrap();
    };
    set("on");
    let mut late = store(&databases.server.url(&database));
    assert!(put_off(&mut late).contains("does not allow writes"), "{:?}", late.trouble());
    set("off");
    goes(&mut late);
}

#[test]
fn another_session_in_the_way_is_waited_for_but_not_for_ever() {
    let (blocks, _) = feed(Profile::Flow, 1, 40);
    let databases = Databases::quick();
    let database = databases.make();
    let mut config = databases.config(&database);
    config.statement_timeout = Duration::from_millis(300);
    let mut store = PostgresStore::open(config, Stream::Reference).unwrap();
    let half = conformance::batch(Stream::Reference, &blocks, 0, 1);
    assert_eq!(store.commit(&half), Outcome::Committed);
    // Somebody holds the checkpoint, as a second writer does while it commits.
    std::thread::scope(|scope| {
        let held = "BEGIN; SELECT 1 FROM checkpoints FOR UPDATE; SELECT pg_sleep(60); COMMIT";
        let holder = scope.spawn(|| databases.server.query(&database, held));
        let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        let deadline = Instant::now() + PATIENCE;
        while databases.server.query("postgres", sleeping).unwrap() != "1" {
            assert!(Instant::now() < deadline);
        }
        let rest = conformance::batch(Stream::Reference, &blocks, 1, blocks.len());
        assert!(matches!(store.commit(&rest), Outcome::Retry(_)));
        let words = store.trouble().unwrap().to_owned();
        assert!(words.contains("timeout"), "{words}");
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        databases.server.query("postgres", end).unwrap();
        assert!(holder.join().unwrap().is_err());
        let deadline = Instant::now() + PATIENCE;
        while store.commit(&rest) != Outcome::Committed {
            assert!(Instant::now() < deadline, "{:?}", store.trouble());
        }
    });
}

#[test]
fn a_session_that_is_ended_begins_anew() {
    let databases = Databases::quick();
    let database = databases.make();
    let mut store = store(&databases.server.url(&database));
    assert_eq!(store.checkpoint(Stream::Reference), Ok(None));
    let end =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'buttonwood %'";
    assert_eq!(databases.server.query("postgres", end).unwrap(), "1");
    goes(&mut store);
}

#[test]
fn of_several_hosts_the_one_that_takes_writes_is_found() {
    let (refusing, primary) = (Databases::quick(), Databases::quick());
    let database = primary.make();
    assert_eq!(refusing.make(), database);
    let password = |databases: &Databases| databases.server.url("").split(['@', ':']).nth(2).unwrap().to_owned();
    let common = password(&primary);
    assert_ne!(password(&refusing), common, "each server has its own");
    let refuse =
        format!("ALTER ROLE postgres SET default_transaction_read_only = on; ALTER ROLE postgres PASSWORD '{common}'");
    refusing.server.query("postgres", &refuse).unwrap();
    let refused = store(&refusing.server.url(&database).replace(&password(&refusing), &common));
    assert!(put_off(&mut { refused }).contains("does not allow writes"));
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", refusing.server.port(), primary.server.port());
    let url = format!("postgres://postgres:{common}@{hosts}/{database}?target_session_attrs=read-write");
    goes(&mut store(&url));
    assert_eq!(primary.server.query(&database, "SELECT stream FROM checkpoints").unwrap(), "reference");
}

#[test]
fn a_row_that_is_there_already_is_another_history() {
    let (blocks, _) = feed(Profile::Flow, 1, 900);
    let databases = Databases::quick();
    let database = databases.make();
    let mut stores = Stores::open(&databases.config(&database));
    let half = blocks.len() / 2;
    stores.fill(&blocks[..half]);
    let forged = [
        (Stream::Symbols, "UPDATE positions SET last_seq = 1000000"),
        (Stream::Users, "UPDATE balances SET last_seq = 1000000"),
        (
            Stream::Users,
            "INSERT INTO ledger (seq, time, event_index, user_id, asset_id, leg, movement, change)
             SELECT c.seq + s, 0, e, 1, 0, l, 'deposit', 0 FROM checkpoints AS c, generate_series(1, 900) AS s,
                    generate_series(0, 9) AS e, generate_series(0, 7) AS l WHERE c.stream = 'users'",
        ),
    ];
    for (stream, sql) in forged {
        databases.server.query(&database, sql).unwrap();
        let before = stores.everything();
        let outcome = stores.of(stream).commit(&conformance::batch(stream, &blocks, half, blocks.len()));
        assert!(matches!(outcome, Outcome::Diverged(Divergence::Row(_))), "{stream:?}: {outcome:?}");
        assert_eq!(stores.everything(), before, "nothing was written");
    }
}

#[test]
fn a_row_that_should_be_there_and_is_not_stops_the_writer() {
    let (blocks, _) = feed(Profile::Flow, 1, 300);
    let databases = Databases::quick();
    let database = databases.make();
    let mut stores = Stores::open(&databases.config(&database));
    let half = blocks.len() / 2;
    stores.fill(&blocks[..half]);
    databases.server.query(&database, "DELETE FROM orders").unwrap();
    let outcome = stores.of(Stream::Symbols).commit(&conformance::batch(Stream::Symbols, &blocks, half, blocks.len()));
    assert!(matches!(&outcome, Outcome::Fatal(words) if words.contains("there is no row")), "{outcome:?}");
}
