//! What is in a database, and which databases are refused.
//! `UPDATE_GOLDEN=1 cargo test -p store-postgres` writes the checksums anew; a migration that has been released never changes.

use std::path::Path;
use std::time::{Duration, Instant};

use projector::batch::Stream;
use projector::conformance;
use projector::store::{Outcome, Store};
use sim::commands::Profile;
use store_postgres::fault::Fault;
use store_postgres::migrate::migrate;
use store_postgres::store::PostgresStore;

use crate::subject::{Databases, Stores};
use sim::feed::feed;

#[test]
fn migrations_are_pinned() {
    let databases = Databases::quick();
    let database = databases.make();
    let config = databases.config(&database);
    let known = migrate(&config).unwrap();
    assert_eq!(known.from, 0);
    let applied = "SELECT version, name, checksum FROM refinery_schema_history ORDER BY version";
    let found = databases.server.query(&database, applied).unwrap() + "\n";
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/migrations.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    assert_eq!(found, expected, "{} (UPDATE_GOLDEN=1 writes it)", golden.display());
    let again = migrate(&config).unwrap();
    assert_eq!((again.from, again.to), (known.to, known.to), "migrating again does nothing");
}

#[test]
fn everything_is_explained() {
    let databases = Databases::quick();
    let database = databases.make();
    migrate(&databases.config(&database)).unwrap();
    let tables =
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
                  AND relname <> 'refinery_schema_history' AND obj_description(oid) IS NULL";
    assert_eq!(databases.server.query(&database, tables).unwrap(), "", "tables and views without a comment");
    // What ends in _id is the id of what stands before it.
    let columns = "SELECT c.relname || '.' || a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
                   WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0
                     AND c.relname <> 'refinery_schema_history' AND a.attname NOT LIKE '%\\_id'
                     AND col_description(c.oid, a.attnum) IS NULL";
    assert_eq!(databases.server.query(&database, columns).unwrap(), "", "columns without a comment");
}

#[test]
fn three_stores_that_connect_at_once_migrate_once() {
    let databases = Databases::quick();
    let config = databases.config(&databases.make());
    let mut stores = Stores::open(&config);
    std::thread::scope(|scope| {
        for (stream, store) in stores.each() {
            scope.spawn(move || assert_eq!(store.checkpoint(stream), Ok(None)));
        }
    });
}

/// What a store that may not write says, while it goes on asking for another attempt.
fn refused(store: &mut PostgresStore) -> String {
    let (blocks, _) = feed(Profile::Flow, 1, 20);
    let outcome = store.commit(&conformance::batch(Stream::Reference, &blocks, 0, blocks.len()));
    assert!(matches!(outcome, Outcome::Retry(_)), "{outcome:?}");
    store.trouble().unwrap().to_owned()
}

#[test]
fn an_older_schema_waits_for_somebody_to_migrate_it() {
    let databases = Databases::quick();
    let database = databases.make();
    let mut config = databases.config(&database);
    config.migrates = false;
    let mut store = PostgresStore::open(config.clone(), Stream::Reference).unwrap();
    assert!(refused(&mut store).contains("schema version 0, this program needs"), "{:?}", store.trouble());
    assert!(refused(&mut store).contains("run `buttonwood migrate`"), "{:?}", store.trouble());
    migrate(&config).unwrap();
    assert_eq!(store.checkpoint(Stream::Reference), Ok(None), "it goes on by itself");
    assert_eq!(store.trouble(), None);
}

#[test]
fn a_newer_schema_is_refused_and_stays_as_it_is() {
    let databases = Databases::quick();
    let database = databases.make();
    let config = databases.config(&database);
    let known = migrate(&config).unwrap().to;
    let newer = "INSERT INTO refinery_schema_history VALUES (999, 'from_the_future', '2030-01-01T00:00:00Z', '1')";
    databases.server.query(&database, newer).unwrap();
    assert!(matches!(migrate(&config), Err(Fault::NewerSchema { found: 999, known: here }) if here == known));
    let mut store = PostgresStore::open(config, Stream::Reference).unwrap();
    assert!(refused(&mut store).contains("use a newer program"), "{:?}", store.trouble());
    assert_eq!(databases.server.query(&database, "SELECT count(*) FROM checkpoints").unwrap(), "0");
}

#[test]
fn a_database_of_somebody_else_is_left_alone() {
    let databases = Databases::quick();
    let database = databases.make();
    databases.server.query(&database, "CREATE TABLE customers (name text)").unwrap();
    let mut store = PostgresStore::open(databases.config(&database), Stream::Reference).unwrap();
    assert!(refused(&mut store).contains("tables of another program (customers)"), "{:?}", store.trouble());
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'";
    assert_eq!(databases.server.query(&database, tables).unwrap(), "1");
}

/// Rows that a table grows by after the plans were made.
const GROWN: u64 = 20_000;

#[test]
fn a_plan_made_early_finds_its_rows_by_key() {
    let (blocks, _) = feed(Profile::Flow, 1, 2_000);
    let databases = Databases::quick();
    let database = databases.make();
    let mut stores = Stores::open(&databases.config(&database));
    let mut commit = |from, to| {
        for stream in [Stream::Reference, Stream::Symbols, Stream::Users] {
            let batch = conformance::batch(stream, &blocks, from, to);
            assert_eq!(stores.of(stream).commit(&batch), Outcome::Committed);
        }
    };
    let half = blocks.len() / 2;
    commit(0, half / 2);
    commit(half / 2, half);
    // Much larger than when the plans were made.
    let grown = format!(
        "INSERT INTO positions SELECT 1000 + g, 9, 1, 0, 0, 0 FROM generate_series(1, {GROWN}) AS g;
         INSERT INTO orders SELECT (SELECT max(order_id) FROM orders) + 100000 + g, 0, 0, 0, 0, 0, 9, 0, 0, 'buy', 'limit', 'post_only', 1, 1, NULL, 'x', 1, 0, 0, 'new', NULL
         FROM generate_series(1, {GROWN}) AS g"
    );
    databases.server.query(&database, &grown).unwrap();
    commit(half, blocks.len());
    // What a session counted is there for others at the latest when it has ended.
    drop(stores);
    let counted = "SELECT sum(idx_scan) > 0 FROM pg_stat_user_tables WHERE relname = 'positions'";
    let deadline = Instant::now() + Duration::from_secs(20);
    while databases.server.query(&database, counted).unwrap() != "t" {
        assert!(Instant::now() < deadline, "the sessions do not end");
    }
    let scanned = "SELECT sum(seq_tup_read) FROM pg_stat_user_tables
                   WHERE relname LIKE 'orders_r%' OR relname IN ('positions', 'open_orders', 'balances')";
    assert_eq!(databases.server.query(&database, scanned).unwrap(), "0", "rows found by looking at all of them");
    let walked = "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname LIKE 'orders_r%'";
    let walked: u64 = databases.server.query(&database, walked).unwrap().parse().unwrap();
    assert!(walked < GROWN, "{walked} entries of an index of orders were read for {} blocks", blocks.len());
}

/// Files of a directory and of those in it.
fn texts(directory: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(texts(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap().to_lowercase()));
        }
    }
    found
}

/// The times in rows are the journal's: a server whose clock is wrong writes the same rows.
#[test]
fn no_statement_asks_the_server_for_the_time() {
    const CLOCKS: [&str; 7] = [
        "now()",
        "current_timestamp",
        "clock_timestamp",
        "statement_timestamp",
        "transaction_timestamp",
        "localtime",
        "current_date",
    ];
    for directory in ["src", "migrations"] {
        let texts = texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory));
        assert!(texts.len() > 2, "there is nothing in {directory}");
        for (path, text) in texts {
            let text = text.replace("instant::now()", "");
            let found = CLOCKS.iter().find(|clock| text.contains(**clock));
            assert_eq!(found, None, "{path}");
        }
    }
}
