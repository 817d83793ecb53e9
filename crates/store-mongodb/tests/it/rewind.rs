//! Back to a fork: what remains is what was true there, and the other branch can be followed from it.

use domain::ids::{Checkpoint, SymbolId, VenueId};
use domain::units::{Epoch, UnixNanos};
use projector::archive::{ArchiveHistory as _, BucketsQuery};
use projector::batch::Stream;
use projector::block::CommittedBlock;
use projector::buckets::{Interval, Scope};
use projector::conformance;
use projector::conformance::rewind::{self as conformance_rewind, Rewinds};
use projector::history::TimeRange;
use projector::store::{Divergence, Outcome, ReadStream as _, Store as _, StoreError};
use sim::commands::Profile;
use store_mongodb::history::MongoHistory;
use store_mongodb::rewind::rewind;

use crate::feed::{commands, feed, feed_of};
use crate::proxy::Failure;
use crate::subject::{Databases, MongoSubject, Stores};

fn at(block: &CommittedBlock) -> Checkpoint {
    Checkpoint { epoch: Epoch(1_000), ..block.info().checkpoint() }
}

#[test]
fn what_remains_is_what_was_true_at_the_fork() {
    let databases = Databases::new();
    let fresh = || Box::new(MongoSubject::new(&databases, 1_000).without_derived()) as Box<dyn Rewinds>;
    for (seed, profile) in [(1, Profile::Small), (2, Profile::Flow)] {
        println!("seed {seed}");
        let commands = commands(profile, seed, 300);
        conformance_rewind::what_remains_is_what_was_true_at_the_fork(&fresh, &feed_of, &commands);
    }
    conformance_rewind::streams_before_the_fork_stay(&fresh, &feed_of, &commands(Profile::Flow, 1, 200));
}

/// Wherever it is interrupted: until it is completed nobody reads what is left, and nobody adds to it.
#[test]
fn a_derived_stream_is_emptied() {
    let databases = Databases::new();
    let all = commands(Profile::Flow, 1, 300);
    let (blocks, _) = feed_of(&all);
    let to = at(&blocks[blocks.len() / 2]);
    let (_, state) = feed_of(&all[..usize::try_from(to.seq.0).unwrap()]);
    let name = databases.make();
    let mut config = databases.config(&name);
    config.documents_max = 10;
    let mut stores = Stores::open(&config);
    stores.fill(&blocks);
    let stream = Stream::Analytics;
    let count = || databases.count(&name, "analytics") + databases.count(&name, "active_users");
    let whole = conformance::batch(stream, &blocks, 0, blocks.len());
    let history = MongoHistory::open(&config, None).unwrap();
    let query = BucketsQuery { key: Scope::Venue, interval: Interval::DAY, time: TimeRange::default(), limit: 10 };
    let of_symbol = BucketsQuery { key: SymbolId(0), interval: Interval::DAY, time: TimeRange::default(), limit: 10 };
    let (before, mut left) = (count(), count());
    databases.proxy.fail_after(Some((0, Failure::Refused)));
    assert!(rewind(&config, stream, &to, &state).is_err());
    assert_eq!((stores.of(stream).checkpoint(stream), count()), (Ok(Some(whole.to)), before));
    // One write further each time.
    loop {
        databases.proxy.fail_after(Some((1, Failure::Refused)));
        let rewound = rewind(&config, stream, &to, &state);
        databases.proxy.fail_after(None);
        if let Ok(emptied) = rewound {
            assert!(emptied);
            break;
        }
        assert!(left - count() <= 10, "so many with a command");
        left = count();
        assert!(matches!(stores.of(stream).checkpoint(stream), Err(StoreError::Retry(_))));
        assert!(matches!(stores.of(stream).commit(&whole), Outcome::Retry(_)));
        let trouble = stores.of(stream).trouble().unwrap();
        assert!(trouble.contains("run `buttonwood follower rewind` again"), "{trouble}");
        assert!(matches!(stores.of(stream).read_stream(stream, &mut |_| {}), Err(StoreError::Retry(_))));
        let refused = history.analytics(&query).unwrap_err().to_string();
        assert!(refused.contains("`buttonwood follower rewind`"), "{refused}");
        // That one stream is emptied does not keep anybody from another.
        assert_eq!(history.klines(&of_symbol).map(|page| page.through), Ok(whole.to.seq));
    }
    assert!(before > 20, "several commands are needed: {before}");
    assert_eq!((count(), stores.of(stream).checkpoint(stream)), (0, Ok(None)));
    assert_eq!(stores.of(stream).commit(&whole), Outcome::Committed, "it is made again");
    assert_eq!(count(), before);
}

/// An interrupted commit may have been of the branch that is abandoned, whatever the checkpoint says.
#[test]
fn what_an_interrupted_commit_left_of_a_derived_stream_goes() {
    let databases = Databases::new();
    let all = commands(Profile::Flow, 1, 300);
    let (blocks, state) = feed_of(&all);
    let end = blocks.len();
    let to = at(&blocks[end - 1]);
    for stored in [0, end / 3] {
        let name = databases.make();
        let config = databases.config(&name);
        let mut stores = Stores::open(&config);
        assert_eq!(
            stores.of(Stream::Reference).commit(&conformance::batch(Stream::Reference, &blocks, 0, end)),
            Outcome::Committed
        );
        let stream = Stream::Klines;
        if stored > 0 {
            assert_eq!(stores.of(stream).commit(&conformance::batch(stream, &blocks, 0, stored)), Outcome::Committed);
        }
        let rewind = || rewind(&config, stream, &to, &state).unwrap();
        assert!(!rewind(), "nothing is later than its checkpoint");
        let rest = conformance::batch(stream, &blocks, stored, end);
        // The documents are written, the checkpoint is not.
        assert_eq!(stores.of(stream).checkpoint(stream).unwrap().is_some(), stored > 0);
        databases.proxy.fail_after(Some((1, Failure::Refused)));
        assert!(matches!(stores.of(stream).commit(&rest), Outcome::Retry(_)));
        databases.proxy.fail_after(None);
        assert!(databases.count(&name, "klines") > 0);
        assert!(rewind(), "it is not past the fork, and something of it is later");
        assert_eq!(databases.count(&name, "klines"), 0);
        assert_eq!(stores.of(stream).checkpoint(stream), Ok(None));
        assert!(!rewind());
    }
}

#[test]
fn what_an_interrupted_first_commit_left_goes() {
    let databases = Databases::new();
    let (blocks, state) = feed_of(&commands(Profile::Flow, 1, 300));
    let (end, name) = (blocks.len(), databases.make());
    let config = databases.config(&name);
    let mut stores = Stores::open(&config);
    let of = |stream| conformance::batch(stream, &blocks, 0, end);
    assert_eq!(stores.of(Stream::Reference).commit(&of(Stream::Reference)), Outcome::Committed);
    assert_eq!(stores.of(Stream::Trades).checkpoint(Stream::Trades), Ok(None));
    databases.proxy.fail_after(Some((1, Failure::Refused)));
    assert!(matches!(stores.of(Stream::Trades).commit(&of(Stream::Trades)), Outcome::Retry(_)));
    databases.proxy.fail_after(None);
    assert!(databases.count(&name, "completed_trades") > 0);
    assert!(!rewind(&config, Stream::Trades, &at(&blocks[end - 1]), &state).unwrap(), "it is nowhere");
    assert_eq!(databases.count(&name, "completed_trades"), 0);
}

#[test]
fn a_rewind_that_was_interrupted_is_completed() {
    let databases = Databases::new();
    let all = commands(Profile::Flow, 1, 300);
    let (blocks, _) = feed_of(&all);
    let fork = blocks.len() / 2;
    let to = at(&blocks[fork - 1]);
    let name = databases.make();
    let mut config = databases.config(&name);
    config.documents_max = 20;
    let mut stores = Stores::open(&config);
    stores.fill(&blocks);
    let (_, state) = feed_of(&all[..usize::try_from(to.seq.0).unwrap()]);
    // Only the checkpoint goes back; what is behind it stays.
    databases.proxy.fail_after(Some((1, Failure::Refused)));
    assert!(rewind(&config, Stream::Audit, &to, &state).is_err());
    databases.proxy.fail_after(None);
    // Or a part of what is behind it goes.
    databases.proxy.fail_after(Some((2, Failure::Refused)));
    assert!(rewind(&config, Stream::Audit, &to, &state).is_err());
    databases.proxy.fail_after(None);
    let whole = blocks[blocks.len() - 1].info().last.0;
    assert_eq!(databases.count(&name, "audit_logs"), whole - 2 * 20, "so many with a command");
    // Another branch does not grow over it.
    let late = |command: &domain::command::Sequenced<_>| UnixNanos(command.time.0 + 5);
    let other: Vec<_> =
        all.iter().map(|command| domain::command::Sequenced { time: late(command), ..command.clone() }).collect();
    let (branch, _) = feed_of(&other);
    let later = conformance::batch(Stream::Audit, &branch, fork, branch.len());
    let outcome = stores.of(Stream::Audit).commit(&later);
    assert!(
        matches!(&outcome, Outcome::Diverged(Divergence::Row(id)) if id.starts_with("audit_logs 0")),
        "{outcome:?}"
    );
    assert!(!rewind(&config, Stream::Audit, &to, &state).unwrap(), "the checkpoint has moved already");
    assert_eq!(databases.count(&name, "audit_logs"), to.seq.0);
    assert_eq!(stores.of(Stream::Audit).commit(&later), Outcome::Committed);
}

#[test]
fn a_state_that_does_not_fit_changes_nothing() {
    let (blocks, state) = feed(Profile::Flow, 1, 200);
    let databases = Databases::new();
    let config = databases.config(&databases.make());
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
