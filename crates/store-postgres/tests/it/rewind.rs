//! Back to a fork: what remains is what was true there, and the other branch can be followed from it.

use domain::shard_map::ShardMap;
use projector::conformance::rewind::{
    Fresh, Rewinds, a_state_that_does_not_fit_changes_nothing, streams_before_the_fork_stay,
    what_remains_is_what_was_true_at_the_fork, what_remains_of_a_share,
};
use projector::share::Share;
use sim::commands::{Profile, generate, sequenced};
use sim::feed::{feed_of, without_moves};

use crate::subject::{Databases, PostgresSubject};

fn with_databases(check: impl Fn(Fresh<'_>)) {
    let databases = Databases::quick();
    check(&|| Box::new(PostgresSubject::new(&databases)) as Box<dyn Rewinds>);
}

#[test]
fn what_remains_in_a_database_is_what_was_true_at_the_fork() {
    with_databases(|fresh| {
        for (seed, profile) in [(1, Profile::Small), (2, Profile::Flow), (3, Profile::Small), (4, Profile::Small)] {
            println!("seed {seed} {profile:?}");
            let commands: Vec<_> = sequenced(&generate(profile, seed, 600)).collect();
            what_remains_is_what_was_true_at_the_fork(fresh, &feed_of, &commands);
        }
    });
}

#[test]
fn what_remains_of_a_shard_is_its_part_of_what_was_true() {
    let commands = without_moves(2, 600);
    let (blocks, state) = feed_of(&commands);
    let map = ShardMap::from_state(&state.shards, state.seq).unwrap();
    assert!(map.shards().len() > 1, "the rows are shared");
    with_databases(|fresh| {
        for shard in [0, map.shards().len() - 1] {
            let share = Share::of(map.shards()[shard].id, map.clone());
            // The first is before there was a shard.
            for fork in [1, blocks.len() / 3, blocks.len() - 2] {
                what_remains_of_a_share(fresh, &feed_of, &commands, &share, fork);
            }
        }
    });
}

#[test]
fn streams_of_a_database_before_the_fork_stay() {
    let commands: Vec<_> = sequenced(&generate(Profile::Flow, 1, 300)).collect();
    with_databases(|fresh| streams_before_the_fork_stay(fresh, &feed_of, &commands));
}

#[test]
fn a_state_that_does_not_fit_changes_nothing_in_a_database() {
    let commands: Vec<_> = sequenced(&generate(Profile::Flow, 1, 300)).collect();
    with_databases(|fresh| a_state_that_does_not_fit_changes_nothing(fresh, &feed_of, &commands));
}
