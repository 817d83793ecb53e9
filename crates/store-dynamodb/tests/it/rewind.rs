//! Back to a fork: what remains is what was true there, and the other branch can be followed from it.

use domain::ids::{Checkpoint, VenueId};
use domain::units::{Epoch, UnixNanos};
use projector::batch::Stream;
use projector::block::CommittedBlock;
use projector::conformance;
use projector::conformance::rewind::{self as conformance_rewind, Rewinds};
use projector::store::{Divergence, Outcome, Store as _};
use sim::commands::Profile;
use store_dynamodb::rewind::rewind;

use crate::feed::{commands, feed, feed_of};
use crate::proxy::Failure;
use crate::subject::{DynamoSubject, Stores, Tables};

fn at(block: &CommittedBlock) -> Checkpoint {
    Checkpoint { epoch: Epoch(1_000), ..block.info().checkpoint() }
}

#[test]
fn what_remains_is_what_was_true_at_the_fork() {
    let tables = Tables::new();
    let fresh = || Box::new(DynamoSubject::new(&tables).without_derived()) as Box<dyn Rewinds>;
    for (seed, profile) in [(1, Profile::Small), (2, Profile::Flow)] {
        println!("seed {seed}");
        let commands = commands(profile, seed, 300);
        conformance_rewind::what_remains_is_what_was_true_at_the_fork(&fresh, &feed_of, &commands);
    }
    conformance_rewind::streams_before_the_fork_stay(&fresh, &feed_of, &commands(Profile::Flow, 1, 200));
}

#[test]
fn a_derived_stream_is_emptied() {
    let tables = Tables::new();
    let all = commands(Profile::Flow, 1, 300);
    let (blocks, _) = feed_of(&all);
    let to = at(&blocks[blocks.len() / 2]);
    let (_, state) = feed_of(&all[..usize::try_from(to.seq.0).unwrap()]);
    let config = tables.config(&tables.make());
    let mut stores = Stores::open(&config);
    stores.fill(&blocks);
    // Interrupted between the checkpoint and the documents, and completed.
    tables.proxy.fail_after(Some((1, Failure::Refused)));
    assert!(rewind(&config, Stream::Klines, &to, &state).is_err());
    tables.proxy.fail_after(None);
    assert_eq!(stores.of(Stream::Klines).checkpoint(Stream::Klines), Ok(None));
    rewind(&config, Stream::Klines, &to, &state).unwrap();
    assert_eq!(stores.everything()[3].2, [], "no kline is left");
    let whole = conformance::batch(Stream::Klines, &blocks, 0, blocks.len());
    assert_eq!(stores.of(Stream::Klines).commit(&whole), Outcome::Committed, "it is made again");
}

#[test]
fn a_rewind_that_was_interrupted_is_completed() {
    let tables = Tables::new();
    let all = commands(Profile::Flow, 1, 300);
    let (blocks, _) = feed_of(&all);
    let fork = blocks.len() / 2;
    let to = at(&blocks[fork - 1]);
    let config = tables.config(&tables.make());
    let mut stores = Stores::open(&config);
    stores.fill(&blocks);
    let (_, state) = feed_of(&all[..usize::try_from(to.seq.0).unwrap()]);
    // Only the checkpoint goes back; what is behind it stays.
    tables.proxy.fail_after(Some((1, Failure::Refused)));
    assert!(rewind(&config, Stream::Audit, &to, &state).is_err());
    tables.proxy.fail_after(None);
    // Another branch does not grow over it.
    let late = |command: &domain::command::Sequenced<_>| UnixNanos(command.time.0 + 5);
    let other: Vec<_> =
        all.iter().map(|command| domain::command::Sequenced { time: late(command), ..command.clone() }).collect();
    let (branch, _) = feed_of(&other);
    let later = conformance::batch(Stream::Audit, &branch, fork, branch.len());
    let outcome = stores.of(Stream::Audit).commit(&later);
    assert!(
        matches!(&outcome, Outcome::Diverged(Divergence::Row(id)) if id.starts_with("audit_logs 0#")),
        "{outcome:?}"
    );
    assert!(!rewind(&config, Stream::Audit, &to, &state).unwrap(), "the checkpoint has moved already");
    assert_eq!(stores.everything()[2].2.len() as u64, to.seq.0);
    assert_eq!(stores.of(Stream::Audit).commit(&later), Outcome::Committed);
}

#[test]
fn a_state_that_does_not_fit_changes_nothing() {
    let (blocks, state) = feed(Profile::Flow, 1, 200);
    let tables = Tables::new();
    let config = tables.config(&tables.make());
    let mut stores = Stores::open(&config);
    stores.fill(&blocks);
    let before = stores.everything();
    let to = at(&blocks[blocks.len() / 2]);
    assert!(rewind(&config, Stream::Audit, &to, &state).is_err(), "the state of another sequence");
    let foreign = Checkpoint { venue: VenueId([1; 16]), ..to };
    let mut earlier = state;
    earlier.seq = to.seq;
    assert!(rewind(&config, Stream::Audit, &foreign, &earlier).is_err(), "another journal");
    assert_eq!(stores.everything(), before);
}
