//! The archive takes closed orders as every such place must.

use std::time::Duration;

use domain::ids::VenueId;
use domain::units::Seq;
use projector::batch::Batch;
use projector::conformance::retired::{self, Closed, Fresh, Subject};
use projector::retired::{RetireError, RetiredHistory, RetiredStore};
use projector::rows::{FillRow, OrderRow};
use projector::store::{Divergence, Outcome, Store};
use rusqlite::Connection;
use sim::commands::Profile;
use sim::feed::feed;
use store_sqlite::history::SqliteClosed;
use store_sqlite::retired::{SqliteRetired, has_any};
use store_sqlite::store::{Role, SqliteStore};
use tempfile::TempDir;

use crate::subject::{FUSE, lay, set_fuse};

/// An archive that is followed into as well.
struct Place {
    reader: SqliteClosed,
    fuse: Connection,
    directory: TempDir,
}

fn place(reference: &Batch) -> Box<dyn Subject> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("archive.db");
    let mut store = SqliteStore::open(&path, Role::Archive).unwrap();
    assert_eq!(store.commit(reference), Outcome::Committed);
    let fuse = Connection::open(&path).unwrap();
    lay(&fuse);
    Box::new(Place { reader: SqliteClosed::open(&path, 2).unwrap(), fuse, directory })
}

impl Subject for Place {
    fn writer(&mut self, venue: VenueId) -> Box<dyn RetiredStore> {
        let path = self.directory.path().join("archive.db");
        Box::new(Fused(SqliteRetired::open(&path, venue).unwrap()))
    }

    fn reader(&self) -> &dyn RetiredHistory {
        &self.reader
    }

    fn interrupt_after(&mut self, writes: Option<u64>) {
        set_fuse(&self.fuse, writes);
    }
}

/// Says that a fuse that has blown is no other row.
#[derive(Debug)]
struct Fused(SqliteRetired);

fn blown(result: Result<(), RetireError>) -> Result<(), RetireError> {
    match result {
        Err(RetireError::Diverged(Divergence::Row(what))) if what.contains(FUSE) => {
            Err(RetireError::Retry(what, Duration::ZERO))
        }
        other => other,
    }
}

impl RetiredStore for Fused {
    fn add(&mut self, orders: &[OrderRow], fills: &[FillRow]) -> Result<(), RetireError> {
        blown(self.0.add(orders, fills))
    }

    fn forget_after(&mut self, fork: Seq) -> Result<(), RetireError> {
        blown(self.0.forget_after(fork))
    }
}

const FRESH: Fresh<'_> = &place;

#[test]
fn rows_are_found() {
    for (seed, profile, count) in [(1, Profile::Flow, 6_000), (2, Profile::Small, 1_500)] {
        println!("seed {seed}");
        let (blocks, _) = feed(profile, seed, count);
        let closed = Closed::of(&blocks);
        retired::rows_are_found(FRESH, &blocks, &closed, seed);
        retired::rows_are_found(FRESH, &blocks, &closed.clone().enlarged(), seed);
        retired::rows_are_found(FRESH, &blocks, &closed.spread(), seed);
    }
}

#[test]
fn another_history_is_refused() {
    let (blocks, _) = feed(Profile::Flow, 3, 400);
    retired::another_history_is_refused(FRESH, &blocks);
}

#[test]
fn interruption_at_every_write_is_made_good() {
    let (blocks, _) = feed(Profile::Small, 4, 150);
    retired::interruption_at_every_write_is_made_good(FRESH, &blocks);
}

#[test]
fn what_is_after_a_fork_is_forgotten() {
    let (blocks, _) = feed(Profile::Flow, 5, 400);
    retired::what_is_after_a_fork_is_forgotten(FRESH, &blocks);
}

#[test]
fn orders_ahead_of_the_reference_data_wait_for_it() {
    let (blocks, _) = feed(Profile::Flow, 3, 400);
    let closed = Closed::of(&blocks);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("archive.db");
    let mut writer = SqliteRetired::open(&path, projector::conformance::VENUE).unwrap();
    let waits = writer.add(&closed.orders, &closed.fills);
    assert!(matches!(waits, Err(RetireError::Retry(..))), "{waits:?}");
    assert_eq!(SqliteClosed::open(&path, 1).unwrap().extent(), Ok(None), "nothing was written");
    assert!(!has_any(&path).unwrap());
}

#[test]
fn an_archive_says_whether_it_has_any() {
    let (blocks, _) = feed(Profile::Flow, 3, 400);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("archive.db");
    assert!(has_any(&path).is_err(), "a look makes no file");
    let mut store = SqliteStore::open(&path, Role::Archive).unwrap();
    let reference = projector::conformance::batch(projector::batch::Stream::Reference, &blocks, 0, blocks.len());
    assert_eq!(store.commit(&reference), Outcome::Committed);
    assert!(!has_any(&path).unwrap());
    let mut writer = SqliteRetired::open(&path, projector::conformance::VENUE).unwrap();
    writer.add(&Closed::of(&blocks).orders, &[]).unwrap();
    assert!(has_any(&path).unwrap());
    // As an earlier program left it.
    let earlier = Connection::open(&path).unwrap();
    earlier
        .execute_batch(
            "DROP TABLE closed_orders; DROP TABLE closed_order_fills; DROP TABLE closed_orders_extent;
             PRAGMA user_version = 2;",
        )
        .unwrap();
    assert!(!has_any(&path).unwrap());
}

#[test]
fn whoever_follows_and_whoever_retires_wait_for_each_other() {
    let (blocks, _) = feed(Profile::Flow, 6, 3_000);
    let closed = Closed::of(&blocks);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("archive.db");
    let mut store = SqliteStore::open(&path, Role::Archive).unwrap();
    let reference = projector::conformance::batch(projector::batch::Stream::Reference, &blocks, 0, blocks.len());
    assert_eq!(store.commit(&reference), Outcome::Committed);
    let mut writer = SqliteRetired::open(&path, projector::conformance::VENUE).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for order in &closed.orders {
                writer.add(std::slice::from_ref(order), &[]).unwrap();
            }
        });
        let audit = projector::batch::Stream::Audit;
        for at in 0..blocks.len() {
            let batch = projector::conformance::batch(audit, &blocks, at, at + 1);
            assert_eq!(store.commit(&batch), Outcome::Committed, "nobody is put off");
        }
    });
}
