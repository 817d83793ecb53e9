//! A database takes closed orders as every such place must.

use std::sync::Arc;

use domain::ids::VenueId;
use projector::batch::Stream;
use projector::conformance::retired::{self, Closed, Subject};
use projector::retired::{RetiredHistory, RetiredStore};
use projector::store::{Outcome, Store as _};
use sim::commands::Profile;
use sim::feed::feed;
use store_mongodb::config::MongoConfig;
use store_mongodb::history::MongoHistory;
use store_mongodb::retired::MongoRetired;
use store_mongodb::store::MongoStore;

use crate::proxy::Failure;
use crate::subject::Databases;

struct Place {
    databases: Arc<Databases>,
    config: MongoConfig,
    reader: MongoHistory,
}

/// With so many documents to a command and to a page.
fn place(databases: &Arc<Databases>, documents_max: usize, reference: &projector::batch::Batch) -> Box<dyn Subject> {
    let mut config = databases.config(&databases.make());
    config.documents_max = documents_max;
    let mut store = MongoStore::open(config.clone(), Stream::Reference).unwrap();
    assert_eq!(store.commit(reference), Outcome::Committed);
    let reader = MongoHistory::open(&config, None).unwrap();
    Box::new(Place { databases: Arc::clone(databases), config, reader })
}

impl Subject for Place {
    fn writer(&mut self, venue: VenueId) -> Box<dyn RetiredStore> {
        Box::new(MongoRetired::open(self.config.clone(), venue))
    }

    fn reader(&self) -> &dyn RetiredHistory {
        &self.reader
    }

    fn interrupt_after(&mut self, writes: Option<u64>) {
        self.databases.proxy.fail_after(writes.map(|writes| (writes, Failure::Refused)));
    }
}

#[test]
fn rows_are_found() {
    let databases = Databases::new();
    for (seed, profile, count, documents_max) in [(1, Profile::Flow, 3_000, 1_000), (2, Profile::Small, 600, 5)] {
        println!("seed {seed}");
        let (blocks, _) = feed(profile, seed, count);
        let closed = Closed::of(&blocks);
        let fresh = |reference: &_| place(&databases, documents_max, reference);
        retired::rows_are_found(&fresh, &blocks, &closed.spread().enlarged(), seed);
    }
}

#[test]
fn another_history_is_refused() {
    let databases = Databases::new();
    let (blocks, _) = feed(Profile::Flow, 3, 400);
    retired::another_history_is_refused(&|reference| place(&databases, 100, reference), &blocks);
}

#[test]
fn interruption_at_every_write_is_made_good() {
    let databases = Databases::new();
    let (blocks, _) = feed(Profile::Small, 4, 150);
    retired::interruption_at_every_write_is_made_good(&|reference| place(&databases, 4, reference), &blocks);
}

#[test]
fn what_is_after_a_fork_is_forgotten() {
    let databases = Databases::new();
    let (blocks, _) = feed(Profile::Flow, 5, 400);
    retired::what_is_after_a_fork_is_forgotten(&|reference| place(&databases, 100, reference), &blocks);
}
