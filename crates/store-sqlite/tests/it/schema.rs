//! What is in the files, and which files are refused.
//! `UPDATE_GOLDEN=1 cargo test -p store-sqlite` writes the schemas anew; a migration that has been released never changes.

use std::fs;
use std::path::Path;

use projector::conformance;
use projector::retired::{RetireError, RetiredHistory as _, RetiredStore as _};
use projector::store::{Outcome, Store, StoreError};
use rusqlite::Connection;
use sim::commands::Profile;
use store_sqlite::fault::Fault;
use store_sqlite::history::{SqliteClosed, SqliteOrders, SqliteTrades};
use store_sqlite::retired::SqliteRetired;
use store_sqlite::store::{Role, SqliteStore};

use crate::subject::fill;
use sim::feed::feed;

fn schema(path: &Path) -> String {
    let connection = Connection::open(path).unwrap();
    let mut statement =
        connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid").unwrap();
    let lines: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    let (version, application) = (number("user_version"), number("application_id"));
    format!("user_version {version}\napplication_id {application:#x}\n{};\n", lines.join(";\n"))
}

#[test]
fn the_schema_is_pinned() {
    let directory = tempfile::tempdir().unwrap();
    for (role, name) in [(Role::Hot, "hot"), (Role::Archive, "archive")] {
        let path = directory.path().join(name);
        drop(SqliteStore::open(&path, role).unwrap());
        let found = schema(&path);
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.sql"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(found, expected, "{} (UPDATE_GOLDEN=1 writes it)", golden.display());
        drop(SqliteStore::open(&path, role).unwrap());
        assert_eq!(schema(&path), found, "opening again migrates nothing");
    }
}

#[test]
fn a_table_is_strict() {
    let directory = tempfile::tempdir().unwrap();
    for role in [Role::Hot, Role::Archive] {
        let path = directory.path().join(format!("{role:?}"));
        drop(SqliteStore::open(&path, role).unwrap());
        let connection = Connection::open(&path).unwrap();
        let loose = "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict
            AND name NOT LIKE 'sqlite_%'";
        assert_eq!(connection.query_row(loose, [], |row| row.get::<_, i64>(0)), Ok(0));
    }
}

#[test]
fn a_file_of_a_newer_program_is_refused_and_stays_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hot.db");
    drop(SqliteStore::open(&path, Role::Hot).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&path).unwrap();
    let fault = SqliteStore::open(&path, Role::Hot).unwrap_err();
    assert!(matches!(fault, Fault::NewerSchema { found: 99, known: 1 }), "{fault}");
    assert_eq!(fault.to_string(), "the file has schema version 99, this program knows 1: use a newer program");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn the_wrong_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (hot, other) = (directory.path().join("hot.db"), directory.path().join("other.db"));
    drop(SqliteStore::open(&hot, Role::Hot).unwrap());
    let fault = SqliteStore::open(&hot, Role::Archive).unwrap_err();
    assert!(fault.to_string().ends_with("is the hot file, not the archive"), "{fault}");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    let fault = SqliteStore::open(&other, Role::Hot).unwrap_err();
    assert!(fault.to_string().ends_with("belongs to another program"), "{fault}");
}

#[test]
fn a_damaged_file_is_said_to_be_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hot.db");
    std::fs::write(&path, b"this is not a database, however long one looks at it").unwrap();
    let fault = SqliteStore::open(&path, Role::Hot).unwrap_err();
    assert!(fault.to_string().contains("damaged"), "{fault}");

    std::fs::remove_file(&path).unwrap();
    let (blocks, _) = feed(Profile::Flow, 1, 300);
    let mut store = SqliteStore::open(&path, Role::Hot).unwrap();
    fill(&mut store, &blocks[..blocks.len() / 2]);
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    // The first page has the schema and stays; every other page is overwritten.
    bytes[16_384..].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let outcome = SqliteStore::open(&path, Role::Hot).map(|mut store| {
        store.commit(&conformance::batch(projector::batch::Stream::Symbols, &blocks, 0, blocks.len()))
    });
    match outcome {
        Ok(Outcome::Fatal(reason)) => assert!(reason.contains("damaged"), "{reason}"),
        Err(fault) => assert!(fault.to_string().contains("damaged"), "{fault}"),
        Ok(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_locked_file_is_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hot.db");
    let (blocks, _) = feed(Profile::Flow, 1, 100);
    let mut store = SqliteStore::open(&path, Role::Hot).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let batch = conformance::batch(projector::batch::Stream::Reference, &blocks, 0, blocks.len());
    assert!(matches!(store.commit(&batch), Outcome::Retry(_)));
    assert_eq!(store.checkpoint(projector::batch::Stream::Reference), Ok(None), "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.commit(&batch), Outcome::Committed);
}

/// What is written to a file without a name is gone when it is closed.
#[test]
fn a_file_that_was_removed_takes_nothing_until_it_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let (path, aside) = (directory.path().join("archive.db"), directory.path().join("aside"));
    let (blocks, _) = feed(Profile::Flow, 1, 100);
    let mut store = SqliteStore::open(&path, Role::Archive).unwrap();
    let mut retired = SqliteRetired::open(&path, blocks[0].info().venue).unwrap();
    let closed = SqliteClosed::open(&path, 1).unwrap();
    let batch = conformance::batch(projector::batch::Stream::Reference, &blocks, 0, blocks.len());
    fs::rename(&path, &aside).unwrap();
    for replaced in [false, true] {
        if replaced {
            fs::write(&path, "another").unwrap();
        }
        assert!(matches!(store.commit(&batch), Outcome::Retry(_)), "{replaced}");
        assert!(store.trouble().unwrap().contains("archive.db was removed or replaced"), "{:?}", store.trouble());
        assert!(matches!(store.make_durable(), Err(StoreError::Retry(_))), "{replaced}");
        assert!(matches!(retired.add(&[], &[]), Err(RetireError::Retry(..))), "{replaced}");
        assert!(closed.extent().is_err(), "{replaced}");
    }
    fs::rename(&aside, &path).unwrap();
    assert_eq!(store.commit(&batch), Outcome::Committed);
    assert_eq!((store.make_durable(), store.trouble()), (Ok(()), None));
    retired.add(&[], &[]).unwrap();
    assert!(closed.extent().unwrap().is_some());
}

#[test]
fn history_needs_files_that_were_made() {
    let directory = tempfile::tempdir().unwrap();
    let (hot, archive) = (directory.path().join("hot.db"), directory.path().join("archive.db"));
    assert!(SqliteOrders::open(&hot, 1, None).is_err(), "a reader makes no file");
    assert!(!hot.exists());
    drop((SqliteStore::open(&hot, Role::Hot).unwrap(), SqliteStore::open(&archive, Role::Archive).unwrap()));
    assert!(SqliteOrders::open(&hot, 1, None).is_ok());
    assert!(SqliteTrades::open(&archive, 1, None).is_ok());
    assert!(SqliteOrders::open(&archive, 1, None).is_err(), "not the other way round");
}
