//! Back to a fork: what remains is what was true there, and the other branch can be followed from it.

use projector::conformance::rewind::{
    Fresh, Rewinds, a_state_that_does_not_fit_changes_nothing, streams_before_the_fork_stay,
    what_remains_is_what_was_true_at_the_fork,
};
use sim::commands::{Profile, generate, sequenced};
use sim::feed::feed_of;
use store_sqlite::store::Role;

use crate::subject::SqliteSubject;

fn both(check: impl Fn(Fresh<'_>)) {
    for role in [Role::Hot, Role::Archive] {
        println!("{role:?}");
        check(&|| Box::new(SqliteSubject::new(role)) as Box<dyn Rewinds>);
    }
}

#[test]
fn what_remains_is_what_was_true_at_the_fork_of_either_file() {
    for (seed, profile) in [(1, Profile::Small), (2, Profile::Flow), (3, Profile::Small), (4, Profile::Small)] {
        println!("seed {seed} {profile:?}");
        let commands: Vec<_> = sequenced(&generate(profile, seed, 600)).collect();
        both(|fresh| what_remains_is_what_was_true_at_the_fork(fresh, &feed_of, &commands));
    }
}

#[test]
fn streams_before_the_fork_stay_in_either_file() {
    let commands: Vec<_> = sequenced(&generate(Profile::Flow, 1, 300)).collect();
    both(|fresh| streams_before_the_fork_stay(fresh, &feed_of, &commands));
}

#[test]
fn a_state_that_does_not_fit_changes_nothing_in_the_hot_file() {
    let commands: Vec<_> = sequenced(&generate(Profile::Flow, 1, 300)).collect();
    let fresh = || Box::new(SqliteSubject::new(Role::Hot)) as Box<dyn Rewinds>;
    a_state_that_does_not_fit_changes_nothing(&fresh, &feed_of, &commands);
}
