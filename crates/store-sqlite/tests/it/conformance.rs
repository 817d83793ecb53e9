//! Both files do what every store must do.

use projector::batch::Stream;
use projector::conformance::{self, Subject};
use projector::store::{Outcome, Store, StoreError};
use sim::commands::Profile;
use store_sqlite::store::Role;

use crate::subject::SqliteSubject;
use sim::feed::feed;

fn both(check: impl Fn(conformance::Fresh<'_>)) {
    for role in [Role::Hot, Role::Archive] {
        println!("{role:?}");
        check(&|| Box::new(SqliteSubject::new(role)) as Box<dyn Subject>);
    }
}

#[test]
fn rows_do_not_depend_on_the_cut() {
    for (seed, profile) in [(0, Profile::Small), (1, Profile::Flow), (2, Profile::Small)] {
        println!("seed {seed}");
        let (blocks, _) = feed(profile, seed, 500);
        both(|fresh| conformance::rows_do_not_depend_on_the_cut(fresh, &blocks, seed));
    }
}

#[test]
fn interruption_at_every_write_is_made_good() {
    let (blocks, _) = feed(Profile::Small, 100, 90);
    both(|fresh| conformance::interruption_at_every_write_is_made_good(fresh, &blocks, 100));
}

#[test]
fn what_does_not_fit_is_refused() {
    let (blocks, _) = feed(Profile::Flow, 200, 300);
    both(|fresh| conformance::what_does_not_fit_is_refused(fresh, &blocks));
}

#[test]
fn followers_survive_deaths() {
    let (blocks, _) = feed(Profile::Flow, 300, 300);
    both(|fresh| conformance::followers_survive_deaths(fresh, &blocks, 300));
}

#[test]
fn a_stream_ahead_of_the_reference_data_waits_for_it() {
    let (blocks, _) = feed(Profile::Flow, 1, 300);
    for (role, stream) in [(Role::Hot, Stream::Symbols), (Role::Hot, Stream::Users), (Role::Archive, Stream::Trades)] {
        let mut subject = SqliteSubject::new(role);
        let batch = conformance::batch(stream, &blocks, 0, blocks.len());
        assert!(matches!(subject.commit(&batch), Outcome::Retry(_)), "{stream:?}");
        assert_eq!(subject.checkpoint(stream), Ok(None), "nothing was written");
        let reference = conformance::batch(Stream::Reference, &blocks, 0, blocks.len());
        assert_eq!(subject.commit(&reference), Outcome::Committed);
        assert_eq!(subject.commit(&batch), Outcome::Committed);
    }
}

#[test]
fn a_stream_of_the_other_file_is_not_taken() {
    let (blocks, _) = feed(Profile::Flow, 1, 100);
    let mut hot = SqliteSubject::new(Role::Hot);
    let outcome = hot.commit(&conformance::batch(Stream::Audit, &blocks, 0, blocks.len()));
    assert!(matches!(outcome, Outcome::Fatal(_)), "{outcome:?}");
    assert!(matches!(hot.checkpoint(Stream::Trades), Err(StoreError::Fatal(_))));
}
