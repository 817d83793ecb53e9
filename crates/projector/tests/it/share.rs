//! What several stores share: each row is written by the shard that owns its subject then, and by no other.

use std::collections::BTreeSet;

use domain::ids::{Checkpoint, ShardId, SymbolId, UserId};
use domain::shard_map::ShardMap;
use domain::shards::Subject;
use domain::state::{MovedState, State};
use domain::units::Seq;
use projector::batch::{Rows, Stream, SymbolsRows, UsersRows};
use projector::block::CommittedBlock;
use projector::fold::Projector;
use projector::rows::{LedgerRow, SymbolTenureRow, UserTenureRow};
use projector::share::{Incoming, Share};
use sim::commands::Profile;

use crate::history::history;

fn map(state: &State) -> ShardMap {
    ShardMap::from_state(&state.shards, state.seq).unwrap()
}

/// The rows of each block.
fn fold(stream: Stream, blocks: &[CommittedBlock], mut share: Share) -> Vec<Rows> {
    let Some(first) = blocks.first() else { return Vec::new() };
    let start = Checkpoint { seq: first.info().first.previous(), ..first.info().checkpoint() };
    let mut projector = Projector::new(stream, start, first.info().epoch);
    let rows = blocks.iter().map(|block| {
        projector.push(block, &mut share).unwrap();
        projector.take().unwrap().rows
    });
    rows.collect()
}

fn symbols(blocks: &[CommittedBlock], share: Share) -> Vec<SymbolsRows> {
    let rows = fold(Stream::Symbols, blocks, share).into_iter();
    rows.map(|rows| if let Rows::Symbols(rows) = rows { rows } else { panic!("another stream") }).collect()
}

fn users(blocks: &[CommittedBlock], share: Share) -> Vec<UsersRows> {
    let rows = fold(Stream::Users, blocks, share).into_iter();
    rows.map(|rows| if let Rows::Users(rows) = rows { rows } else { panic!("another stream") }).collect()
}

/// Symbol, sequence and key of everything that is written once.
fn of_symbols(rows: &[SymbolsRows]) -> BTreeSet<(SymbolId, Seq, String)> {
    let fills = rows.iter().flat_map(|rows| &rows.fills).map(|row| (row.symbol, row.id.seq, format!("{row:?}")));
    let orders = rows.iter().flat_map(|rows| &rows.placed).map(|row| (row.symbol, row.placed, row.order.0.to_string()));
    fills.chain(orders).collect()
}

/// User, sequence and key of every movement. A side of the world outside is of the user of its pair.
fn of_users(rows: &[UsersRows]) -> BTreeSet<(UserId, Seq, String)> {
    let ledger: Vec<&LedgerRow> = rows.iter().flat_map(|rows| &rows.ledger).collect();
    let user = |row: &LedgerRow| {
        let paired = || ledger.iter().find(|other| other.id == row.id && other.leg == row.leg ^ 1).unwrap();
        row.user.or_else(|| paired().user).unwrap()
    };
    ledger.iter().map(|row| (user(row), row.id.seq, format!("{row:?}"))).collect()
}

#[test]
fn each_row_is_written_by_the_owner_of_its_subject() {
    let mut moved = 0;
    for seed in 0..8 {
        println!("seed {seed}");
        let (blocks, state) = history(Profile::Shards, seed, 900);
        let map = map(&state);
        moved += state.shards.moved.len();
        let (all_symbols, all_users) =
            (of_symbols(&symbols(&blocks, Share::whole())), of_users(&users(&blocks, Share::whole())));
        for shard in map.shards().iter().map(|shard| shard.id) {
            let share = Share::of(shard, map.clone());
            let owned = all_symbols.iter().filter(|row| map.owner_at(Subject::Symbol(row.0), row.1) == Some(shard));
            assert_eq!(of_symbols(&symbols(&blocks, share.clone())), owned.cloned().collect());
            let owned = all_users.iter().filter(|row| map.owner_at(Subject::User(row.0), row.1) == Some(shard));
            assert_eq!(of_users(&users(&blocks, share.clone())), owned.cloned().collect());
            state_rows_are_owned(&blocks, &map, shard);
        }
    }
    assert!(moved > 20, "the histories have moves");
}

/// Rows that say where something stands now.
fn state_rows_are_owned(blocks: &[CommittedBlock], map: &ShardMap, shard: ShardId) {
    let share = Share::of(shard, map.clone());
    let owns = |subject, seq| assert_eq!(map.owner_at(subject, seq), Some(shard), "{subject:?} at {seq:?}");
    for rows in symbols(blocks, share.clone()) {
        rows.changed.iter().for_each(|row| owns(Subject::Symbol(row.symbol), row.last_seq));
        rows.positions.iter().for_each(|row| owns(Subject::Symbol(row.symbol), row.last_seq));
    }
    for rows in users(blocks, share) {
        rows.balances.iter().for_each(|row| owns(Subject::User(row.user), row.last_seq));
        rows.credit_limits.iter().for_each(|row| owns(Subject::User(row.user), row.last_seq));
        rows.withdrawals.iter().for_each(|row| owns(Subject::User(row.user), row.last_seq));
    }
}

#[test]
fn every_shard_has_the_tenures_of_all() {
    for seed in 0..4 {
        let (blocks, state) = history(Profile::Shards, seed, 900);
        let map = map(&state);
        let Some(shard) = map.shards().last().map(|shard| shard.id) else { continue };
        let share = Share::of(shard, map.clone());
        let mut of_symbols: Vec<SymbolTenureRow> =
            symbols(&blocks, share.clone()).into_iter().flat_map(|rows| rows.tenures).collect();
        let mut of_users: Vec<UserTenureRow> =
            users(&blocks, share).into_iter().flat_map(|rows| rows.tenures).collect();
        of_symbols.sort_by_key(|row| (row.symbol, row.from));
        of_users.sort_by_key(|row| (row.user, row.from));
        let ids = |count: usize| 0..u32::try_from(count).unwrap();
        let tenures = |subject| map.tenures(subject);
        let expected = ids(state.symbols.len()).map(SymbolId).flat_map(|symbol| {
            let row = move |tenure: domain::shards::Tenure| {
                let (from, shard) = (tenure.from, tenure.shard);
                SymbolTenureRow { symbol, from, shard }
            };
            tenures(Subject::Symbol(symbol)).into_iter().map(row)
        });
        assert_eq!(of_symbols, expected.collect::<Vec<_>>());
        let expected = ids(state.users.len()).map(UserId).flat_map(|user| {
            let row = move |tenure: domain::shards::Tenure| {
                let (from, shard) = (tenure.from, tenure.shard);
                UserTenureRow { user, from, shard }
            };
            tenures(Subject::User(user)).into_iter().map(row)
        });
        assert_eq!(of_users, expected.collect::<Vec<_>>());
    }
    let (blocks, _) = history(Profile::Shards, 0, 900);
    assert!(symbols(&blocks, Share::whole()).iter().all(|rows| rows.tenures.is_empty()), "one store has no shards");
}

/// A follower that began long ago learns the map from what it reads.
#[test]
fn an_earlier_map_does_as_well() {
    for seed in 0..8 {
        println!("seed {seed}");
        let (blocks, state) = history(Profile::Shards, seed, 900);
        let (begun, earlier) = history(Profile::Shards, seed, 450);
        // Blocks are cut from the beginning, all but the last alike.
        let Some(last) = begun.len().checked_sub(2) else { continue };
        let rest = &blocks[last + 1..];
        let (early, late) = (map(&earlier), map(&state));
        for shard in early.shards().iter().map(|shard| shard.id) {
            let shares = [early.clone(), late.clone()].map(|map| Share::of(shard, map));
            let [one, other] = shares.clone().map(|share| symbols(rest, share));
            assert_eq!(one, other);
            let [one, other] = shares.map(|share| users(rest, share));
            assert_eq!(one, other);
        }
    }
}

/// What comes after a copy was made is added to it, up to the move's commitment; then the tenure says the same.
#[test]
fn what_is_incoming_is_written_before_it_is_owned() {
    let mut added = 0;
    for seed in 0..8 {
        println!("seed {seed}");
        let (blocks, state) = history(Profile::Shards, seed, 900);
        let map = map(&state);
        for MovedState { subject, to, seq: committed } in &state.shards.moved {
            let before = map.tenures(*subject).into_iter().rfind(|tenure| tenure.from < *committed).unwrap();
            let copied = Seq(before.from.0.max(committed.0.saturating_sub(60)));
            let mut share = Share::of(*to, map.clone());
            share.set_incoming(Incoming::from([(*subject, copied)]));
            let between = |seq: Seq| copied < seq && seq <= *committed;
            if let Subject::Symbol(symbol) = subject {
                let mut expected = of_symbols(&symbols(&blocks, Share::of(*to, map.clone())));
                let all = of_symbols(&symbols(&blocks, Share::whole()));
                let count = expected.len();
                expected.extend(all.into_iter().filter(|row| row.0 == *symbol && between(row.1)));
                added += expected.len() - count;
                assert_eq!(of_symbols(&symbols(&blocks, share)), expected);
            } else if let Subject::User(user) = subject {
                let mut expected = of_users(&users(&blocks, Share::of(*to, map.clone())));
                let all = of_users(&users(&blocks, Share::whole()));
                let count = expected.len();
                expected.extend(all.into_iter().filter(|row| row.0 == *user && between(row.1)));
                added += expected.len() - count;
                assert_eq!(of_users(&users(&blocks, share)), expected);
            }
        }
    }
    assert!(added > 20, "something happened during the moves");
}
