//! Back to a fork: what remains is what was true there, and the other branch can be followed from it.

use domain::command::{Command, Sequenced};
use domain::ids::{Checkpoint, Hash256, VenueId};
use domain::shard_map::ShardMap;
use domain::units::{Epoch, Seq, UnixNanos};
use projector::block::CommittedBlock;
use projector::conformance;
use projector::share::Share;
use projector::store::{Outcome, Store, StoredRow};
use sim::commands::{Profile, generate, sequenced};
use store_postgres::rewind::rewind;
use store_postgres::store::STREAMS;

use crate::feed::{feed, feed_of, without_moves};
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
        let commands: Vec<_> = sequenced(&generate(profile, seed, 600)).collect();
        let forks = feed_of(&commands).0.len();
        for fork in [1, forks / 3, forks / 2, forks - 2] {
            check_fork(&databases, &commands, &Share::whole(), fork);
        }
    }
}

#[test]
fn what_remains_of_a_shard_is_its_part_of_what_was_true() {
    let databases = Databases::quick();
    let commands = without_moves(2, 600);
    let (blocks, state) = feed_of(&commands);
    let map = ShardMap::from_state(&state.shards, state.seq).unwrap();
    assert!(map.shards().len() > 1, "the rows are shared");
    for shard in [0, map.shards().len() - 1] {
        let share = Share::of(map.shards()[shard].id, map.clone());
        // The first is before there was a shard.
        for fork in [1, blocks.len() / 3, blocks.len() - 2] {
            check_fork(&databases, &commands, &share, fork);
        }
    }
}

fn check_fork(databases: &Databases, commands: &[Sequenced<Command>], share: &Share, fork: usize) {
    let (blocks, _) = feed_of(commands);
    let to = at(&blocks[fork - 1]);
    let kept = &commands[..usize::try_from(to.seq.0).unwrap()];
    let (_, state) = feed_of(kept);
    let config = databases.config(&databases.make());
    let mut stores = Stores::open(&config);
    stores.fill_part(&blocks, share);
    assert_eq!(rewind(&config, &to, &state).unwrap(), STREAMS);
    let mut expected = Stores::open(&databases.config(&databases.make()));
    expected.fill_part(&blocks[..fork], share);
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
            Sequenced { time: command.time.plus(late), ..command.clone() }
        })
        .collect();
    let (branch, _) = feed_of(&other);
    // Whoever rewinds does so while the venue is down: what its writers knew of symbols is gone with it.
    let mut stores = Stores::open(&config);
    for stream in STREAMS {
        let batch = conformance::part(stream, &branch, fork, branch.len(), share.clone());
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
