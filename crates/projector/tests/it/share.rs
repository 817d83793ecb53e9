//! What several stores share: each row is written by the shard that owns its subject then, and by no other.

use std::collections::BTreeSet;

use domain::event::{Event, ShardMapEvent};
use domain::ids::{Checkpoint, ShardId, SymbolId, UserId};
use domain::shard_map::ShardMap;
use domain::shards::Subject;
use domain::state::{MovedState, State};
use domain::units::Seq;
use projector::batch::{Rows, Stream, SymbolsRows, UsersRows};
use projector::block::CommittedBlock;
use projector::fold::Projector;
use projector::rows::{LedgerRow, SymbolTenureRow, UserTenureRow};
use projector::share::{HoldChange, Incoming, Share, stream_of};
use sim::commands::Profile;
use sim::feed::feed;

fn map(state: &State) -> ShardMap {
    ShardMap::from_state(&state.shards, state.seq).unwrap()
}

/// The rows of each block. Where the shard lacks a subject's rows, they are copied as they are before the block.
fn fold(stream: Stream, blocks: &[CommittedBlock], mut share: Share) -> Vec<Rows> {
    let Some(first) = blocks.first() else { return Vec::new() };
    let start = Checkpoint { seq: first.info().first.previous(), ..first.info().checkpoint() };
    let mut projector = Projector::new(stream, start, first.info().epoch, &projector::conformance::SETTINGS);
    let rows = blocks.iter().map(|block| {
        while let Some(subject) = share.missing(stream, block) {
            let mut incoming = share.incoming().cloned().unwrap_or_default();
            incoming.insert(subject, block.info().first.previous());
            share.set_incoming(incoming);
        }
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

/// Through which sequence a shard that begins with nothing and knows the map has the rows of a subject.
fn whole_through(map: &ShardMap, shard: ShardId, subject: Subject) -> Seq {
    let comes = map.owner(subject) == Some(shard) || map.move_of(subject).is_some_and(|open| open.to == shard);
    let tenures = map.tenures(subject);
    let is_first = tenures.first().is_some_and(|first| first.shard == shard);
    match tenures.get(1) {
        _ if map.owner(subject) == Some(shard) || (is_first && comes) => Seq(u64::MAX),
        Some(second) if is_first => second.from,
        Some(_) | None => Seq::ZERO,
    }
}

#[test]
fn a_shard_that_begins_with_nothing_gets_what_it_owns_whole() {
    let mut moved = 0;
    for seed in 0..8 {
        println!("seed {seed}");
        let (blocks, state) = feed(Profile::Shards, seed, 900);
        let map = map(&state);
        moved += state.shards.moved.len();
        let (all_symbols, all_users) =
            (of_symbols(&symbols(&blocks, Share::whole())), of_users(&users(&blocks, Share::whole())));
        for shard in map.shards().iter().map(|shard| shard.id) {
            let share = Share::of(shard, map.clone());
            let has = |row: &&(SymbolId, Seq, String)| row.1 <= whole_through(&map, shard, Subject::Symbol(row.0));
            let expected: BTreeSet<_> = all_symbols.iter().filter(has).cloned().collect();
            assert_eq!(of_symbols(&symbols(&blocks, share.clone())), expected);
            let has = |row: &&(UserId, Seq, String)| row.1 <= whole_through(&map, shard, Subject::User(row.0));
            let expected: BTreeSet<_> = all_users.iter().filter(has).cloned().collect();
            assert_eq!(of_users(&users(&blocks, share)), expected);
        }
    }
    assert!(moved > 20, "the histories have moves");
}

/// A shard that follows as things happen, and is given a copy where it comes to own something: it writes what it owns, and of what
/// comes to it the rest of the block before.
#[test]
fn each_row_is_written_by_the_owner_of_its_subject() {
    let is_early = |map: &ShardMap, shard, subject, seq: Seq| {
        let next = map.tenures(subject).into_iter().find(|tenure| tenure.from >= seq);
        next.is_some_and(|next| next.shard == shard && next.from.0 - seq.0 < 16)
    };
    for seed in 0..8 {
        println!("seed {seed}");
        let (blocks, state) = feed(Profile::Shards, seed, 900);
        let map = map(&state);
        let (all_symbols, all_users) =
            (of_symbols(&symbols(&blocks, Share::whole())), of_users(&users(&blocks, Share::whole())));
        for shard in map.shards().iter().map(|shard| shard.id) {
            let owns = |subject, seq| map.owner_at(subject, seq) == Some(shard);
            let share =
                Share::of(shard, map_before(&blocks[..if shard == ShardId(0) { 0 } else { added(&blocks, shard) }]));
            let owned = all_symbols.iter().filter(|row| owns(Subject::Symbol(row.0), row.1)).cloned().collect();
            let written = of_symbols(&symbols(&blocks, share.clone()));
            assert!(written.is_superset(&owned), "{:?}", owned.difference(&written).next());
            for row in written.difference(&owned) {
                assert!(is_early(&map, shard, Subject::Symbol(row.0), row.1), "{row:?}");
            }
            let owned = all_users.iter().filter(|row| owns(Subject::User(row.0), row.1)).cloned().collect();
            let written = of_users(&users(&blocks, share));
            assert!(written.is_superset(&owned), "{:?}", owned.difference(&written).next());
            for row in written.difference(&owned) {
                assert!(is_early(&map, shard, Subject::User(row.0), row.1), "{row:?}");
            }
        }
    }
}

#[test]
fn every_shard_has_the_tenures_of_all() {
    for seed in 0..4 {
        let (blocks, state) = feed(Profile::Shards, seed, 900);
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
    let (blocks, _) = feed(Profile::Shards, 0, 900);
    assert!(symbols(&blocks, Share::whole()).iter().all(|rows| rows.tenures.is_empty()), "one store has no shards");
}

/// A follower that began long ago learns the map from what it reads. One that knows what comes later does not go on with what has
/// left again, and goes on with what comes back.
#[test]
fn an_earlier_map_does_as_well() {
    for seed in 0..8 {
        println!("seed {seed}");
        let (blocks, state) = feed(Profile::Shards, seed, 900);
        let (begun, earlier) = feed(Profile::Shards, seed, 450);
        // Blocks are cut from the beginning, all but the last alike.
        let Some(last) = begun.len().checked_sub(2) else { continue };
        let rest = &blocks[last + 1..];
        let (early, late) = (map(&earlier), map(&state));
        for shard in early.shards().iter().map(|shard| shard.id) {
            let stays =
                |subject, seq| late.tenures(subject).last().is_some_and(|last| last.shard == shard && last.from < seq);
            // What it had before it began to read: what moved to it by then.
            let held = early.subjects_on(shard).filter(|subject| early.tenure_count(*subject) > 1);
            let held: Incoming = held.map(|subject| (subject, rest[0].info().first.previous())).collect();
            let shares = [&early, &late].map(|map| {
                let mut share = Share::of(shard, map.clone());
                share.set_incoming(held.clone());
                share
            });
            let [one, other] = shares.clone().map(|share| {
                let rows = of_symbols(&symbols(rest, share)).into_iter();
                rows.filter(|row| stays(Subject::Symbol(row.0), row.1)).collect::<Vec<_>>()
            });
            assert_eq!(one, other);
            let [one, other] = shares.map(|share| {
                let rows = of_users(&users(rest, share)).into_iter();
                rows.filter(|row| stays(Subject::User(row.0), row.1)).collect::<Vec<_>>()
            });
            assert_eq!(one, other);
        }
    }
}

/// What is let go and what is kept, of one stream.
fn holds(rows: Vec<Rows>) -> Vec<HoldChange> {
    let holds = |rows| match rows {
        Rows::Symbols(rows) => rows.holds,
        Rows::Users(rows) => rows.holds,
        _ => Vec::new(),
    };
    rows.into_iter().flat_map(holds).collect()
}

/// What comes after a copy was made is added to it, up to where the subject leaves again.
#[test]
fn what_was_copied_is_followed_until_it_leaves() {
    let (mut added, mut left, mut aborted) = (0, 0, 0);
    for seed in 0..8 {
        println!("seed {seed}");
        let (blocks, state) = feed(Profile::Shards, seed, 900);
        let map = map(&state);
        for MovedState { subject, to, seq: committed } in &state.shards.moved {
            let tenures = map.tenures(*subject);
            let before = tenures.iter().rfind(|tenure| tenure.from < *committed).unwrap().from;
            // A copy is of one move: an earlier one of the same subject that was given up had a copy of its own.
            let given_up = last_abort(&blocks, *subject, *committed);
            let early = committed.0.saturating_sub(60).max(before.0).max(given_up.0);
            let at = blocks.partition_point(|block| block.info().last.0 < early);
            let copied = blocks[at].info().last;
            if copied >= *committed {
                continue;
            }
            let mut share = Share::of(*to, ShardMap::from_state(&state.shards, state.seq).unwrap());
            share.set_incoming(Incoming::from([(*subject, copied)]));
            let comes = map.owner(*subject) == Some(*to) || map.move_of(*subject).is_some_and(|open| open.to == *to);
            let next = tenures.iter().find(|tenure| tenure.from > *committed);
            let end = next.filter(|_| !comes).map_or(Seq(u64::MAX), |next| next.from);
            let (rest, stream) = (&blocks[at + 1..], stream_of(*subject));
            let follows = |seq: Seq| copied < seq && seq <= end;
            if let Subject::Symbol(symbol) = subject {
                let its = |rows| of_symbols(rows).into_iter().filter(|row| row.0 == *symbol && follows(row.1));
                let (here, all) = (symbols(rest, share.clone()), symbols(rest, Share::whole()));
                added += its(&here).count();
                assert!(its(&here).eq(its(&all)));
                assert!(of_symbols(&here).iter().all(|row| row.0 != *symbol || follows(row.1)));
            } else if let Subject::User(user) = subject {
                let its = |rows| of_users(rows).into_iter().filter(|row| row.0 == *user && follows(row.1));
                let (here, all) = (users(rest, share.clone()), users(rest, Share::whole()));
                added += its(&here).count();
                assert!(its(&here).eq(its(&all)));
                assert!(of_users(&here).iter().all(|row| row.0 != *user || follows(row.1)));
            }
            let let_go = HoldChange::Left { subject: *subject, at: end };
            let lets_go = holds(fold(stream, rest, share)).contains(&let_go);
            assert_eq!(lets_go, end != Seq(u64::MAX));
            left += usize::from(lets_go);
        }
        aborted += aborted_copies_are_let_go(&blocks);
    }
    assert!(added > 20 && left > 0 && aborted > 0, "{added} rows, {left} left, {aborted} aborted");
}

/// The last move of the subject that was given up before this sequence; zero if none was.
fn last_abort(blocks: &[CommittedBlock], subject: Subject, before: Seq) -> Seq {
    let commands = blocks.iter().flat_map(CommittedBlock::commands);
    let earlier = commands.take_while(|committed| committed.command.seq < before);
    let aborts =
        |event: &Event| matches!(event, Event::ShardMap(ShardMapEvent::MoveAborted(of)) if of.subject == subject);
    let given_up = earlier.filter(|committed| committed.events.iter().any(aborts));
    given_up.last().map_or(Seq::ZERO, |committed| committed.command.seq)
}

/// Copies for moves that are given up, made by a follower that learns of it as it happens: how many.
fn aborted_copies_are_let_go(blocks: &[CommittedBlock]) -> usize {
    let mut count = 0;
    for committed in blocks.iter().flat_map(CommittedBlock::commands) {
        for event in committed.events {
            let Event::ShardMap(ShardMapEvent::MoveAborted(moving)) = event else { continue };
            let (subject, at) = (moving.subject, committed.command.seq);
            let place = blocks.partition_point(|block| block.info().last < at);
            let known = map_before(&blocks[..place]);
            let mut share = Share::of(moving.to, known);
            share.set_incoming(Incoming::from([(subject, blocks[place].info().first.previous())]));
            let holds = holds(fold(stream_of(subject), &blocks[place..=place], share));
            assert_eq!(holds.first(), Some(&HoldChange::Left { subject, at }));
            count += 1;
        }
    }
    count
}

/// The block in which a shard was added.
fn added(blocks: &[CommittedBlock], shard: ShardId) -> usize {
    let is_it =
        |event: &Event| matches!(event, Event::ShardMap(ShardMapEvent::ShardAdded(added)) if added.shard.id == shard);
    let adds = |block: &CommittedBlock| block.commands().any(|committed| committed.events.iter().any(is_it));
    blocks.iter().position(adds).unwrap()
}

/// As it is behind these blocks.
fn map_before(blocks: &[CommittedBlock]) -> ShardMap {
    let mut map = ShardMap::default();
    for committed in blocks.iter().flat_map(CommittedBlock::commands) {
        for event in committed.events {
            if let Event::ShardMap(event) = event {
                map.apply(committed.command.seq, event);
            }
        }
    }
    map
}

/// A follower that begins before there is a shard.
#[test]
fn before_there_are_shards_the_first_has_everything() {
    for seed in 0..8 {
        let (blocks, _) = feed(Profile::Shards, seed, 900);
        let has_shard = |block: &CommittedBlock| {
            let mut events = block.commands().flat_map(|committed| committed.events);
            events.any(|event| matches!(event, Event::ShardMap(ShardMapEvent::ShardAdded(_))))
        };
        let before = &blocks[..blocks.iter().position(has_shard).unwrap_or(blocks.len())];
        let share = |shard| Share::of(ShardId(shard), ShardMap::default());
        assert_eq!(symbols(before, share(0)), symbols(before, Share::whole()));
        assert_eq!(users(before, share(0)), users(before, Share::whole()));
        assert_eq!(of_symbols(&symbols(before, share(1))).len() + of_users(&users(before, share(1))).len(), 0);
    }
}
