//! A map says of a sequence what it always said, and is the same however it came to be.

use super::ShardMap;
use crate::event::{Moving, ShardAdded, ShardMapEvent, SymbolPlaced, UserPlaced};
use crate::ids::{ShardId, SymbolId, UserId};
use crate::shards::{Shard, ShardStatus, Subject, Tenure};
use crate::state::ShardMapState;
use crate::text::ShardName;
use crate::units::{Seq, Weight};

const BTC: Subject = Subject::Symbol(SymbolId(0));
const ALICE: Subject = Subject::User(UserId(1));

fn shard(id: u16) -> Shard {
    let name = ShardName::new(&format!("s{id}")).unwrap();
    Shard { id: ShardId(id), name, weight: Weight(1), status: ShardStatus::Active }
}

fn moving(subject: Subject, from: u16, to: u16) -> Moving {
    Moving { subject, from: ShardId(from), to: ShardId(to) }
}

/// Sequence and event: shards are added, a symbol moves there and back, a user's move is aborted and tried again.
fn history() -> Vec<(u64, ShardMapEvent)> {
    let added = |id, symbols_placed, users_placed| {
        ShardMapEvent::ShardAdded(ShardAdded { shard: shard(id), symbols_placed, users_placed })
    };
    let (symbol, user) = (SymbolId(1), UserId(2));
    vec![
        (5, added(0, 1, 2)),
        (6, added(1, 0, 0)),
        (8, ShardMapEvent::SymbolPlaced(SymbolPlaced { symbol, shard: ShardId(1) })),
        (9, ShardMapEvent::UserPlaced(UserPlaced { user, shard: ShardId(1) })),
        (10, ShardMapEvent::MoveBegun(moving(BTC, 0, 1))),
        (12, ShardMapEvent::MoveBegun(moving(ALICE, 0, 1))),
        (14, ShardMapEvent::MoveCommitted(moving(BTC, 0, 1))),
        (15, ShardMapEvent::MoveAborted(moving(ALICE, 0, 1))),
        (17, ShardMapEvent::MoveBegun(moving(BTC, 1, 0))),
        (18, ShardMapEvent::MoveCommitted(moving(BTC, 1, 0))),
        (20, ShardMapEvent::MoveBegun(moving(ALICE, 0, 1))),
        (21, ShardMapEvent::ShardChanged(Shard { status: ShardStatus::Draining, ..shard(0) })),
        (22, ShardMapEvent::MoveCommitted(moving(ALICE, 0, 1))),
    ]
}

fn map_of(history: &[(u64, ShardMapEvent)]) -> ShardMap {
    let mut map = ShardMap::default();
    for (seq, event) in history {
        assert!(map.apply(Seq(*seq), event));
    }
    map
}

#[test]
fn a_tenure_begins_after_its_commitment() {
    let map = map_of(&history());
    let tenure = |shard, from| Tenure { shard: ShardId(shard), from: Seq(from) };
    assert_eq!(map.tenures(BTC), [tenure(0, 0), tenure(1, 14), tenure(0, 18)]);
    assert_eq!(map.tenures(ALICE), [tenure(0, 0), tenure(1, 22)]);
    for (seq, owner) in [(1, 0), (14, 0), (15, 1), (18, 1), (19, 0), (u64::MAX, 0)] {
        assert_eq!(map.owner_at(BTC, Seq(seq)), Some(ShardId(owner)), "{seq}");
    }
    assert_eq!(map.owner_at(Subject::Symbol(SymbolId(2)), Seq(9)), None, "it does not exist");
    assert_eq!(ShardMap::default().owner_at(BTC, Seq(9)), None, "there is no shard");
    assert_eq!((map.load(ShardId(0)).symbols, map.load(ShardId(0)).users), (1, 1));
    assert_eq!((map.load(ShardId(1)).symbols, map.load(ShardId(1)).users), (1, 2));
    let on_second: Vec<Subject> = map.subjects_on(ShardId(1)).collect();
    assert_eq!(on_second, [Subject::Symbol(SymbolId(1)), ALICE, Subject::User(UserId(2))]);
}

#[test]
fn no_later_map_says_anything_else() {
    let history = history();
    let last = map_of(&history);
    for done in 1..=history.len() {
        let (map, now) = (map_of(&history[..done]), history[done - 1].0);
        for subject in [BTC, ALICE, Subject::Symbol(SymbolId(1)), Subject::User(UserId(2))] {
            for seq in 1..=now {
                let then = map.owner_at(subject, Seq(seq));
                assert!(then.is_none() || then == last.owner_at(subject, Seq(seq)), "{subject:?} at {seq} as of {now}");
            }
        }
    }
}

#[test]
fn events_known_are_passed_over() {
    let history = history();
    for known in 0..=history.len() {
        let mut map = map_of(&history[..known]);
        for (place, (seq, event)) in history.iter().enumerate() {
            assert_eq!(map.apply(Seq(*seq), event), place >= known);
        }
        assert_eq!(map.state(), map_of(&history).state());
    }
}

#[test]
fn a_copy_stays_as_it_was() {
    let history = history();
    let mut map = map_of(&history[..8]);
    let (copy, before) = (map.clone(), map.state());
    for (seq, event) in &history {
        map.apply(Seq(*seq), event);
    }
    assert_eq!(copy.state(), before);
    assert_ne!(map.state(), before);
}

/// Makes a state contradict itself.
type Break = fn(&mut ShardMapState);

#[test]
fn a_state_is_the_map_again_unless_it_contradicts_itself() {
    let history = history();
    for done in 0..=history.len() {
        let state = map_of(&history[..done]).state();
        assert_eq!(ShardMap::from_state(&state, Seq(22)).map(|map| map.state()), Ok(state));
    }
    let good = map_of(&history[..10]).state();
    let rows: [(&str, Break); 6] = [
        ("dense", |state| state.shards.swap(0, 1)),
        ("active", |state| state.shards.iter_mut().for_each(|shard| shard.status = ShardStatus::Draining)),
        ("missing", |state| state.users[0] = ShardId(2)),
        ("in order", |state| state.moved.swap(0, 1)),
        ("future", |state| state.moved[1].seq = Seq(23)),
        ("nowhere", |state| state.moved[0].to = ShardId(0)),
    ];
    for (what, break_it) in rows {
        let mut state = good.clone();
        break_it(&mut state);
        let error = ShardMap::from_state(&state, Seq(22)).map(|map| map.state()).unwrap_err();
        assert!(error.contains(what), "{what}: {error}");
    }
}

/// Ids beyond one chunk.
#[test]
fn many_users_are_placed_and_found() {
    let count = 10_000;
    let mut map = ShardMap::default();
    map.apply(
        Seq(1),
        &ShardMapEvent::ShardAdded(ShardAdded { shard: shard(0), symbols_placed: 0, users_placed: count }),
    );
    map.apply(Seq(2), &ShardMapEvent::ShardAdded(ShardAdded { shard: shard(1), symbols_placed: 0, users_placed: 0 }));
    for (seq, user) in (3..).zip([0, 4_095, 4_096, 9_999]) {
        let subject = Subject::User(UserId(user));
        map.apply(Seq(seq * 2), &ShardMapEvent::MoveBegun(moving(subject, 0, 1)));
        map.apply(Seq(seq * 2 + 1), &ShardMapEvent::MoveCommitted(moving(subject, 0, 1)));
    }
    let moved: Vec<Subject> = map.subjects_on(ShardId(1)).collect();
    assert_eq!(moved, [0, 4_095, 4_096, 9_999].map(|user| Subject::User(UserId(user))));
    assert_eq!(map.owner(Subject::User(UserId(count))), None);
    assert_eq!(ShardMap::from_state(&map.state(), Seq(99)).unwrap().state(), map.state());
}
