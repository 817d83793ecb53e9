//! A database does what every store must do.

use projector::batch::Stream;
use projector::conformance::{self, Subject};
use projector::store::{Outcome, Store, StoreError};
use sim::commands::Profile;
use store_postgres::store::PostgresStore;

use crate::subject::{Databases, PostgresSubject, Stores};
use sim::feed::feed;

fn with_databases(check: impl Fn(conformance::Fresh<'_>)) {
    let databases = Databases::quick();
    check(&|| Box::new(PostgresSubject::new(&databases)) as Box<dyn Subject>);
}

#[test]
fn rows_do_not_depend_on_the_cut() {
    with_databases(|fresh| {
        for (seed, profile) in [(0, Profile::Small), (1, Profile::Flow), (2, Profile::Small)] {
            println!("seed {seed}");
            let (blocks, _) = feed(profile, seed, 500);
            conformance::rows_do_not_depend_on_the_cut(fresh, &blocks, seed);
        }
    });
}

#[test]
fn interruption_at_every_write_is_made_good() {
    let (blocks, _) = feed(Profile::Small, 100, 45);
    with_databases(|fresh| conformance::interruption_at_every_write_is_made_good(fresh, &blocks, 100));
}

#[test]
fn what_does_not_fit_is_refused() {
    let (blocks, _) = feed(Profile::Flow, 200, 300);
    with_databases(|fresh| conformance::what_does_not_fit_is_refused(fresh, &blocks));
}

#[test]
fn followers_survive_deaths() {
    let (blocks, _) = feed(Profile::Flow, 300, 300);
    with_databases(|fresh| conformance::followers_survive_deaths(fresh, &blocks, 300));
}

#[test]
fn a_stream_ahead_of_the_reference_data_waits_for_it() {
    let (blocks, _) = feed(Profile::Flow, 1, 300);
    let databases = Databases::quick();
    for stream in [Stream::Symbols, Stream::Users] {
        let mut stores = Stores::open(&databases.config(&databases.make()));
        let batch = conformance::batch(stream, &blocks, 0, blocks.len());
        assert!(matches!(stores.of(stream).commit(&batch), Outcome::Retry(_)), "{stream:?}");
        assert_eq!(stores.of(stream).trouble(), None, "nobody needs to mend this");
        assert_eq!(stores.of(stream).checkpoint(stream), Ok(None), "nothing was written");
        let reference = conformance::batch(Stream::Reference, &blocks, 0, blocks.len());
        assert_eq!(stores.of(Stream::Reference).commit(&reference), Outcome::Committed);
        assert_eq!(stores.of(stream).commit(&batch), Outcome::Committed);
    }
}

#[test]
fn another_stream_is_not_taken() {
    let (blocks, _) = feed(Profile::Flow, 1, 100);
    let databases = Databases::quick();
    let config = databases.config(&databases.make());
    assert!(PostgresStore::open(config.clone(), Stream::Audit).is_err());
    let mut users = PostgresStore::open(config, Stream::Users).unwrap();
    let outcome = users.commit(&conformance::batch(Stream::Symbols, &blocks, 0, blocks.len()));
    assert!(matches!(outcome, Outcome::Fatal(_)), "{outcome:?}");
    assert!(matches!(users.checkpoint(Stream::Symbols), Err(StoreError::Fatal(_))));
}
