//! Back to a fork: what remains is what was true there, and the other branch can be followed from it.

use domain::ids::{Checkpoint, Hash256, VenueId};
use domain::units::{Epoch, Seq, UnixNanos};
use projector::block::CommittedBlock;
use projector::conformance;
use projector::store::{Outcome, Store, StoredRow};
use sim::commands::{Profile, generate, sequenced};
use store_sqlite::store::{Role, SqliteStore};

use crate::feed::{feed, feed_of};
use crate::subject::{everything, fill};

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
fn rows(store: &mut SqliteStore) -> Vec<StoredRow> {
    let says_something = |row: &StoredRow| match row {
        StoredRow::Balance(row) => !(row.free.is_zero() && row.locked.is_zero()),
        StoredRow::CreditLimit(row) => !row.limit.is_zero(),
        _ => true,
    };
    everything(store).into_iter().flat_map(|(_, _, rows)| rows).filter(says_something).map(untimed).collect()
}

fn at(block: &CommittedBlock) -> Checkpoint {
    Checkpoint { epoch: Epoch(1_000), ..block.info().checkpoint() }
}

#[test]
fn what_remains_is_what_was_true_at_the_fork() {
    for role in [Role::Hot, Role::Archive] {
        for (seed, profile) in [(1, Profile::Small), (2, Profile::Flow), (3, Profile::Small), (4, Profile::Small)] {
            println!("seed {seed} {profile:?}");
            let (blocks, _) = feed(profile, seed, 600);
            for fork in [1, blocks.len() / 3, blocks.len() / 2, blocks.len() - 2] {
                check_fork(role, profile, seed, &blocks, fork);
            }
        }
    }
}

fn check_fork(role: Role, profile: Profile, seed: u64, blocks: &[CommittedBlock], fork: usize) {
    let to = at(&blocks[fork - 1]);
    let commands: Vec<_> = sequenced(&generate(profile, seed, 600)).collect();
    let kept = &commands[..usize::try_from(to.seq.0).unwrap()];
    let (_, state) = feed_of(kept);
    let directory = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&directory.path().join("forked.db"), role).unwrap();
    fill(&mut store, blocks);
    let moved = store.rewind(&to, &state).unwrap();
    assert_eq!(moved, role.streams());
    let mut expected = SqliteStore::open(&directory.path().join("expected.db"), role).unwrap();
    fill(&mut expected, &blocks[..fork]);
    for stream in role.streams() {
        assert_eq!(store.checkpoint(*stream), Ok(Some(to)));
    }
    assert_eq!(rows(&mut store), rows(&mut expected), "fork {fork}");
    assert_eq!(store.rewind(&to, &state).unwrap(), [], "nothing is past the fork any more");
    // Another branch grows from the fork: the same commands, later.
    let other: Vec<_> = commands
        .iter()
        .map(|command| {
            let late = if command.seq > to.seq { 777 } else { 0 };
            domain::command::Sequenced { time: command.time.plus(late), ..command.clone() }
        })
        .collect();
    let (branch, _) = feed_of(&other);
    for stream in role.streams() {
        let batch = conformance::batch(*stream, &branch, fork, branch.len());
        assert_eq!(store.commit(&batch), Outcome::Committed, "{stream:?} follows the branch");
        assert_eq!(expected.commit(&batch), Outcome::Committed);
    }
    assert_eq!(rows(&mut store), rows(&mut expected), "the branch from fork {fork}");
}

#[test]
fn streams_before_the_fork_stay() {
    let (blocks, _) = feed(Profile::Flow, 1, 300);
    let half = blocks.len() / 2;
    let directory = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&directory.path().join("hot.db"), Role::Hot).unwrap();
    fill(&mut store, &blocks[..half]);
    let users = projector::batch::Stream::Users;
    assert_eq!(store.commit(&conformance::batch(users, &blocks, half, blocks.len())), Outcome::Committed);
    let before = everything(&mut store);
    let to = at(&blocks[half + 2]);
    let commands: Vec<_> = sequenced(&generate(Profile::Flow, 1, 300)).collect();
    let (_, state) = feed_of(&commands[..usize::try_from(to.seq.0).unwrap()]);
    assert_eq!(store.rewind(&to, &state).unwrap(), [users]);
    let after = everything(&mut store);
    assert_eq!(before[..2], after[..2], "reference and symbols were not past it");
}

#[test]
fn a_state_that_does_not_fit_changes_nothing() {
    let (blocks, state) = feed(Profile::Flow, 1, 300);
    let directory = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&directory.path().join("hot.db"), Role::Hot).unwrap();
    fill(&mut store, &blocks);
    let before = everything(&mut store);
    let to = at(&blocks[blocks.len() / 2]);
    assert!(store.rewind(&to, &state).is_err(), "the state of another sequence");
    let mut other = state.clone();
    other.seq = to.seq;
    other.orders.clear();
    assert!(store.rewind(&to, &other).is_err(), "a state without the orders that were open");
    let foreign = Checkpoint { venue: VenueId([1; 16]), hash: Hash256::default(), ..to };
    let mut state = state;
    state.seq = to.seq;
    assert!(store.rewind(&foreign, &state).is_err(), "another journal");
    assert_eq!(everything(&mut store), before);
}
