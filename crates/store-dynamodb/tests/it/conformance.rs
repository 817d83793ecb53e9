//! A table does what every store must do.

use projector::batch::Stream;
use projector::conformance::{self, Subject};
use projector::store::{Outcome, Store, StoreError};
use sim::commands::Profile;
use store_dynamodb::store::DynamoStore;

use crate::feed::feed;
use crate::subject::{DynamoSubject, Stores, Tables};

fn with_tables(check: impl Fn(conformance::Fresh<'_>)) {
    let tables = Tables::new();
    check(&|| Box::new(DynamoSubject::new(&tables)) as Box<dyn Subject>);
}

#[test]
fn rows_do_not_depend_on_the_cut() {
    with_tables(|fresh| {
        for (seed, profile) in [(0, Profile::Small), (1, Profile::Flow)] {
            println!("seed {seed}");
            let (blocks, _) = feed(profile, seed, 250);
            conformance::rows_do_not_depend_on_the_cut(fresh, &blocks, seed);
        }
    });
}

#[test]
fn interruption_at_every_write_is_made_good() {
    let (blocks, _) = feed(Profile::Small, 100, 45);
    with_tables(|fresh| conformance::interruption_at_every_write_is_made_good(fresh, &blocks, 100));
}

#[test]
fn what_does_not_fit_is_refused() {
    let (blocks, _) = feed(Profile::Flow, 200, 200);
    with_tables(|fresh| conformance::what_does_not_fit_is_refused(fresh, &blocks));
}

#[test]
fn followers_survive_deaths() {
    let (blocks, _) = feed(Profile::Flow, 300, 150);
    with_tables(|fresh| conformance::followers_survive_deaths(fresh, &blocks, 300));
}

#[test]
fn trades_ahead_of_the_reference_data_wait_for_it() {
    let (blocks, _) = feed(Profile::Flow, 1, 300);
    let tables = Tables::new();
    let mut stores = Stores::open(&tables.config(&tables.make()));
    let batch = conformance::batch(Stream::Trades, &blocks, 0, blocks.len());
    assert!(matches!(stores.of(Stream::Trades).commit(&batch), Outcome::Retry(_)));
    assert_eq!(stores.of(Stream::Trades).trouble(), None, "nobody needs to mend this");
    assert_eq!(stores.of(Stream::Trades).checkpoint(Stream::Trades), Ok(None), "nothing was written");
    let reference = conformance::batch(Stream::Reference, &blocks, 0, blocks.len());
    assert_eq!(stores.of(Stream::Reference).commit(&reference), Outcome::Committed);
    assert_eq!(stores.of(Stream::Trades).commit(&batch), Outcome::Committed);
}

#[test]
fn another_stream_is_not_taken() {
    let (blocks, _) = feed(Profile::Flow, 1, 100);
    let tables = Tables::new();
    let config = tables.config(&tables.make());
    assert!(DynamoStore::open(config.clone(), Stream::Users).is_err());
    let mut audit = DynamoStore::open(config, Stream::Audit).unwrap();
    let outcome = audit.commit(&conformance::batch(Stream::Trades, &blocks, 0, blocks.len()));
    assert!(matches!(outcome, Outcome::Fatal(_)), "{outcome:?}");
    assert!(matches!(audit.checkpoint(Stream::Trades), Err(StoreError::Fatal(_))));
}
