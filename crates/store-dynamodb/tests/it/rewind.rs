//! Back to a fork: what remains is what was true there, and the other branch can be followed from it.

use domain::command::Sequenced;
use domain::ids::{Checkpoint, VenueId};
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
use store_dynamodb::history::DynamoHistory;
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
    let history = DynamoHistory::open(&config, None).unwrap();
    let analytics =
        BucketsQuery { key: Scope::Venue, interval: Interval::Seconds(86_400), time: TimeRange::default(), limit: 9 };
    assert!(!history.analytics(&analytics).unwrap().rows.is_empty(), "there is something to lose");
    let whole = conformance::batch(Stream::Analytics, &blocks, 0, blocks.len());
    let mut interrupted = 0;
    // Each call is interrupted at its second write, and goes on where the one before it was.
    loop {
        tables.proxy.fail_after(Some((1, Failure::Refused)));
        let emptied = rewind(&config, Stream::Analytics, &to, &state);
        tables.proxy.fail_after(None);
        if let Ok(is_elsewhere) = emptied {
            assert!(is_elsewhere);
            break;
        }
        interrupted += 1;
        let store = stores.of(Stream::Analytics);
        assert!(
            matches!(store.checkpoint(Stream::Analytics), Err(StoreError::Retry(_))),
            "what is left is not trusted"
        );
        assert!(matches!(store.commit(&whole), Outcome::Retry(_)), "nor is anything written beside it");
        assert!(store.trouble().unwrap().contains("run `buttonwood follower rewind` again"), "{:?}", store.trouble());
        let refused = history.analytics(&analytics).unwrap_err().to_string();
        assert!(refused.contains("was interrupted"), "{refused}");
    }
    assert!(interrupted > 2, "{interrupted}");
    assert_eq!(stores.of(Stream::Analytics).checkpoint(Stream::Analytics), Ok(None));
    assert_eq!(stores.rows(Stream::Analytics), [], "nothing is left");
    assert!(!rewind(&config, Stream::Analytics, &to, &state).unwrap(), "there is nothing to take back");
    assert_eq!(stores.of(Stream::Analytics).commit(&whole), Outcome::Committed, "it is made again");
}

#[test]
fn what_an_abandoned_branch_began_to_write_goes() {
    let tables = Tables::new();
    let all = commands(Profile::Flow, 1, 300);
    let (blocks, _) = feed_of(&all);
    let (begun, fork) = (blocks.len() / 3, blocks.len() / 2);
    let to = at(&blocks[fork - 1]);
    let (_, state) = feed_of(&all[..usize::try_from(to.seq.0).unwrap()]);
    let later = |command: &Sequenced<_>| {
        let is_later = command.seq > blocks[begun - 1].info().last;
        Sequenced { time: command.time.plus(if is_later { 5 } else { 0 }), ..command.clone() }
    };
    let (branch, _) = feed_of(&all.iter().map(later).collect::<Vec<_>>());
    // Before the first checkpoint, and before a later one that is not past the fork.
    for from in [0, begun] {
        let config = tables.config(&tables.make());
        let mut stores = Stores::open(&config);
        let reference = conformance::batch(Stream::Reference, &blocks, 0, blocks.len());
        assert_eq!(stores.of(Stream::Reference).commit(&reference), Outcome::Committed);
        for stream in [Stream::Audit, Stream::Trades, Stream::Klines, Stream::HistoricalPositions] {
            if from > 0 {
                let first = conformance::batch(stream, &blocks, 0, from);
                assert_eq!(stores.of(stream).commit(&first), Outcome::Committed);
            }
            let before = stores.of(stream).checkpoint(stream).unwrap();
            tables.proxy.fail_after(Some((1, Failure::Refused)));
            let outcome = stores.of(stream).commit(&conformance::batch(stream, &blocks, from, blocks.len()));
            assert!(matches!(outcome, Outcome::Retry(_)), "{stream:?}: {outcome:?}");
            tables.proxy.fail_after(None);
            assert_eq!(rewind(&config, stream, &to, &state).unwrap(), stream.is_derived(), "{stream:?}");
            let kept = before.filter(|_| !stream.is_derived());
            assert_eq!(stores.of(stream).checkpoint(stream), Ok(kept), "{stream:?}");
            assert!(!rewind(&config, stream, &to, &state).unwrap(), "{stream:?}: nothing is left to take back");
            let from = if stream.is_derived() { 0 } else { from };
            let other = conformance::batch(stream, &branch, from, branch.len());
            assert_eq!(stores.of(stream).commit(&other), Outcome::Committed, "{stream:?} follows the branch");
        }
    }
}

#[test]
fn trades_of_a_symbol_that_is_not_listed_are_seen() {
    let tables = Tables::new();
    let (blocks, _) = feed(Profile::Flow, 1, 300);
    let name = tables.make();
    let mut stores = Stores::open(&tables.config(&name));
    stores.fill(&blocks);
    assert!(!stores.rows(Stream::Trades).is_empty(), "there is something to see");
    tables.meddle(async |client| {
        let listed = client.scan().table_name(format!("{name}.symbols")).send().await.unwrap().items.unwrap();
        for item in listed {
            let request = client.delete_item().table_name(format!("{name}.symbols"));
            request.key("pk", item["pk"].clone()).key("sk", item["sk"].clone()).send().await.unwrap();
        }
    });
    let read = stores.of(Stream::Trades).read_stream(Stream::Trades, &mut |_| {});
    assert!(matches!(&read, Err(StoreError::Fatal(what)) if what.contains("is not listed")), "{read:?}");
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
    let late = |command: &Sequenced<_>| UnixNanos(command.time.0 + 5);
    let other: Vec<_> = all.iter().map(|command| Sequenced { time: late(command), ..command.clone() }).collect();
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
