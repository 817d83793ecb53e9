//! Back to a fork: what remains is what was true there, and the other branch can be followed from it.

use domain::ids::{Checkpoint, Hash256, VenueId};
use domain::units::{Epoch, Seq, UnixNanos};
use projector::block::CommittedBlock;
use projector::conformance;
use projector::store::{Outcome, Store, StoredRow};
use sim::commands::{Profile, generate, sequenced};
use store_postgres::rewind::rewind;
use store_postgres::store::STREAMS;

use crate::feed::{feed, feed_of};
use crate::subject::{Databases, Stores};

/// A row without what is not known any more of rows that were rewritten: when they were last changed.
fn untimed(mut row: StoredRow) -> StoredRow {
    match &mut row {
        StoredRow::Venue(row) => row.last_seq = Seq::ZERO,
        StoredRow::Symbol(row) => row.last_seq = Seq::ZERO,
        StoredRow::User(row) => row.last_seq = Seq::ZERO,
        StoredRow::Key(row) => row.last_seq = Seq::ZERO,
        StoredRow::Order(row) => (row.last_seq, row.updated_time) = (Seq::ZERO, UnixNanos(0)),
        StoredRow::Position(row) => row.last_seq = Seq::ZERO,
        StoredRow::Balance(row) => row.last_seq = Seq::ZERO,
        StoredRow::CreditLimit(row) => row.last_seq = Seq::ZERO,
        StoredRow::Withdrawal(row) => (row.last_seq, row.updated_time) = (Seq::ZERO, UnixNanos(0)),
        _ => {}
    }
    row
}

/// All rows, but those that say nothing: a state need not have a balance of nothing that the rows have, nor the other way round.
fn rows(stores: &mut Stores) -> Vec<StoredRow> {
    let says_something = |row: &StoredRow| match row {
        StoredRow::Balance(row) => !(row.free.is_zero() && row.locked.is_zero()),
        StoredRow::CreditLimit(row) => !row.limit.is_zero(),
        _ => true,
    };
    stores.everything().into_iter().flat_map(|(_, _, rows)| rows).filter(says_something).map(untimed).collect()
}

fn at(block: &CommittedBlock) -> Checkpoint {
    Checkpoint { epoch: Epoch(1_000), ..block.info().checkpoint() }
}

#[test]
fn what_remains_is_what_was_true_at_the_fork() {
    let databases = Databases::quick();
    for (seed, profile) in [(1, Profile::Small), (2, Profile::Flow), (3, Profile::Small), (4, Profile::Small)] {
        println!("seed {seed} {profile:?}");
        let (blocks, _) = feed(profile, seed, 600);
        for fork in [1, blocks.len() / 3, blocks.len() / 2, blocks.len() - 2] {
            check_fork(&databases, profile, seed, &blocks, fork);
        }
    }
}

fn check_fork(databases: &Databases, profile: Profile, seed: u64, blocks: &[CommittedBlock], fork: usize) {
    let to = at(&blocks[fork - 1]);
    let commands: Vec<_> = sequenced(&generate(profile, seed, 600)).collect();
    let kept = &commands[..usize::try_from(to.seq.0).unwrap()];
    let (_, state) = feed_of(kept);
    let config = databases.config(&databases.make());
    let mut stores = Stores::open(&config);
    stores.fill(blocks);
    assert_eq!(rewind(&config, &to, &state).unwrap(), STREAMS);
    let mut expected = Stores::open(&databases.config(&databases.make()));
    expected.fill(&blocks[..fork]);
    for stream in STREAMS {
        assert_eq!(stores.of(stream).checkpoint(stream), Ok(Some(to)));
    }
    assert_eq!(rows(&mut stores), rows(&mut expected), "fork {fork}");
    assert_eq!(rewind(&config, &to, &state).unwrap(), [], "nothing is past the fork any more");
    // Another branch grows from the fork: the same commands, later.
    let other: Vec<_> = commands
        .iter()
        .map(|command| {
            let late = if command.seq > to.seq { 777 } else { 0 };
            domain::command::Sequenced { time: command.time.plus(late), ..command.clone() }
        })
        .collect();
    let (branch, _) = feed_of(&other);
    // Whoever rewinds does so while the venue is down: what its writers knew of symbols is gone with it.
    let mut stores = Stores::open(&config);
    for stream in STREAMS {
        let batch = conformance::batch(stream, &branch, fork, branch.len());
        assert_eq!(stores.of(stream).commit(&batch), Outcome::Committed, "{stream:?} follows the branch");
        assert_eq!(expected.of(stream).commit(&batch), Outcome::Committed);
    }
    assert_eq!(rows(&mut stores), rows(&mut expected), "the branch from fork {fork}");
}

#[test]
fn streams_before_the_fork_stay() {
    let (blocks, _) = feed(Profile::Flow, 1, 300);
    let half = blocks.len() / 2;
    let databases = Databases::quick();
    let config = databases.config(&databases.make());
    let mut stores = Stores::open(&config);
    stores.fill(&blocks[..half]);
    let users = projector::batch::Stream::Users;
    let batch = conformance::batch(users, &blocks, half, blocks.len());
    assert_eq!(stores.of(users).commit(&batch), Outcome::Committed);
    let before = stores.everything();
    let to = at(&blocks[half + 2]);
    let commands: Vec<_> = sequenced(&generate(Profile::Flow, 1, 300)).collect();
    let (_, state) = feed_of(&commands[..usize::try_from(to.seq.0).unwrap()]);
    assert_eq!(rewind(&config, &to, &state).unwrap(), [users]);
    let after = stores.everything();
    assert_eq!(before[..2], after[..2], "reference and symbols were not past it");
}

#[test]
fn a_state_that_does_not_fit_changes_nothing() {
    let (blocks, state) = feed(Profile::Flow, 1, 300);
    let databases = Databases::quick();
    let config = databases.config(&databases.make());
    let mut stores = Stores::open(&config);
    stores.fill(&blocks);
    let before = stores.everything();
    let to = at(&blocks[blocks.len() / 2]);
    assert!(rewind(&config, &to, &state).is_err(), "the state of another sequence");
    let mut other = state.clone();
    other.seq = to.seq;
    other.orders.clear();
    assert!(rewind(&config, &to, &other).is_err(), "a state without the orders that were open");
    let foreign = Checkpoint { venue: VenueId([1; 16]), hash: Hash256::default(), ..to };
    let mut state = state;
    state.seq = to.seq;
    assert!(rewind(&config, &foreign, &state).is_err(), "another journal");
    assert_eq!(stores.everything(), before);
}
