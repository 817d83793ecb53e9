//! After any commands, what the read model shows is what the engine's state says.

use std::collections::BTreeMap;

use domain::ids::{OrderId, SymbolId, UserId};
use domain::order::Side;
use domain::state::State;
use domain::units::{Seq, Ticks};
use projector::history::OrderKey;
use projector::rows::OrderRow;
use readmodel::limits::Limits;
use readmodel::model::{ReadModel, Stream};
use sim::commands::Profile;

use crate::history::compare;
use crate::stores::{Recorded, Store, recordings};

#[test]
fn shows_what_the_state_says() {
    for (seed, venue) in recordings(1_500) {
        let model = ReadModel::new(&venue.empty, Limits::default());
        for (command, events) in &venue.commands {
            model.apply(command, events);
            if command.seq.0 % 97 == 0 {
                // What stores have may go at any time without a trace in what is shown.
                model.store_reached(Stream::Orders, Seq(command.seq.0 - 50));
                model.store_reached(Stream::Trades, Seq(command.seq.0 - 50));
            }
            if command.seq.0 % 250 == 0 {
                check(&model, &venue.state_at(command.seq), seed);
            }
        }
    }
}

#[test]
fn a_model_made_of_a_state_goes_on_like_one_that_saw_it_all() {
    for (seed, venue) in recordings(1_000) {
        let middle = Seq(venue.last().0 / 2);
        let model = ReadModel::new(&venue.state_at(middle), Limits::default());
        for (command, events) in venue.after(middle) {
            model.apply(command, events);
        }
        check(&model, &venue.state_at(venue.last()), seed);
    }
}

#[test]
fn the_shard_map_is_that_of_the_state() {
    for seed in 200..208 {
        let venue = Recorded::new(Profile::Shards, seed, 800);
        let middle = Seq(venue.last().0 / 2);
        let [whole, later] = [venue.empty.clone(), venue.state_at(middle)]
            .map(|state| (state.seq, ReadModel::new(&state, Limits::default())));
        for (after, model) in [&whole, &later] {
            let before = model.shard_map();
            let kept = before.state();
            venue.after(*after).iter().for_each(|(command, events)| model.apply(command, events));
            let last = venue.state_at(venue.last()).shards;
            assert!(!last.moved.is_empty(), "seed {seed}");
            assert_eq!(model.shard_map().state(), last, "seed {seed}");
            assert_eq!(before.state(), kept, "what was handed out stays as it is");
        }
    }
}

#[test]
fn a_block_is_its_commands_one_by_one() {
    for (seed, venue) in recordings(500) {
        let one_by_one = Store::at(&venue, venue.last());
        for len in [7, 400] {
            let limits = Limits { closed_orders_max: 40, fills_max: 40, ledger_rows_max: 40, trades_max: 40 };
            let [model, small] = [Limits::default(), limits].map(|limits| ReadModel::new(&venue.empty, limits));
            for block in venue.commands.chunks(len) {
                let commands: Vec<_> = block.iter().map(|(command, _)| command.clone()).collect();
                let (mut events, mut ends) = (Vec::new(), Vec::new());
                for (_, of_command) in block {
                    events.extend_from_slice(of_command);
                    ends.push(u32::try_from(events.len()).unwrap());
                }
                for model in [&model, &small] {
                    model.apply_block(&commands, &events, &ends);
                }
            }
            for model in [&model, &small] {
                check(model, &venue.state_at(venue.last()), seed);
            }
            // Nothing is stored, so all rows come from memory.
            compare(&model, &Store::at(&venue, Seq::ZERO), &one_by_one, seed);
        }
    }
}

/// Whatever the writer is at, a book is that of the sequence that is told with it.
#[test]
fn a_book_is_never_older_or_newer_than_its_sequence() {
    let symbol = SymbolId(0);
    for (seed, venue) in recordings(4_000).filter(|(seed, _)| *seed >= 100) {
        let model = ReadModel::new(&venue.empty, Limits::default());
        let blocks: Vec<_> = venue
            .commands
            .chunks(500)
            .map(|block| {
                let commands: Vec<_> = block.iter().map(|(command, _)| command.clone()).collect();
                let events: Vec<_> = block.iter().flat_map(|(_, events)| events).cloned().collect();
                let mut end = 0;
                let ends: Vec<u32> = block
                    .iter()
                    .map(|(_, events)| {
                        end += u32::try_from(events.len()).unwrap();
                        end
                    })
                    .collect();
                (commands, events, ends)
            })
            .collect();
        let mut seen = BTreeMap::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for (commands, events, ends) in &blocks {
                    model.apply_block(commands, events, ends);
                }
            });
            while model.seq() < venue.last() {
                let Some(depth) = model.depth(symbol, usize::MAX) else { continue };
                let first = seen.entry(depth.seq).or_insert_with(|| depth.clone());
                assert_eq!(*first, depth, "one book at one sequence");
            }
        });
        let one_by_one = ReadModel::new(&venue.empty, Limits::default());
        for (command, events) in &venue.commands {
            one_by_one.apply(command, events);
            if let Some(depth) = seen.remove(&command.seq) {
                assert_eq!(Some(depth), one_by_one.depth(symbol, usize::MAX), "seed {seed}");
            }
        }
        assert!(seen.is_empty(), "seed {seed}: {:?}", seen.keys());
    }
}

/// Compares everything that a state has too.
fn check(model: &ReadModel, state: &State, seed: u64) {
    assert_eq!((model.seq(), model.time()), (state.seq, state.time), "seed {seed}");
    for (index, user) in state.users.iter().enumerate() {
        let id = UserId(u32::try_from(index).unwrap());
        let shown = model.user(id).unwrap();
        assert_eq!((shown.fees, shown.killed), (user.fees, user.killed), "seed {seed}");
        check_user(model, state, id, seed);
    }
    for symbol in &state.symbols {
        check_symbol(model, state, symbol.instrument.id(), seed);
        let reference = model.reference();
        let shown = reference.symbol_by_code(symbol.instrument.code().as_str()).unwrap();
        assert_eq!(
            (shown.status, shown.limits, shown.fees),
            (symbol.status, symbol.limits, symbol.fees),
            "seed {seed}"
        );
        assert_eq!(
            model.ticker(symbol.instrument.id(), state.time).unwrap().last_price,
            symbol.last_price,
            "seed {seed}"
        );
    }
    for key in &state.keys {
        let shown = model.key(&key.api_key).unwrap();
        assert_eq!((shown.id, shown.user, shown.revoked), (key.key, key.user, key.revoked), "seed {seed}");
        assert_eq!(model.key_by_id(key.key), Some(shown), "seed {seed}");
    }
    assert_eq!(model.reference().is_killed(), state.killed, "seed {seed}");
}

fn check_user(model: &ReadModel, state: &State, user: UserId, seed: u64) {
    let balances: Vec<_> = state
        .balances
        .iter()
        .filter(|balance| balance.user == user)
        .map(|balance| (balance.asset, balance.free, balance.locked, balance.credit_limit))
        .collect();
    let shown: Vec<_> = model
        .balances(user)
        .into_iter()
        .map(|balance| (balance.asset, balance.free, balance.locked, balance.credit_limit))
        .collect();
    assert_eq!(shown, balances, "seed {seed}");

    let positions = state.positions.iter().filter(|position| position.user == user);
    let positions: Vec<_> = positions.map(|at| (at.symbol, at.quantity, at.cost, at.realised)).collect();
    let shown = model.positions(user).into_iter();
    assert_eq!(
        shown.map(|at| (at.symbol, at.quantity, at.cost, at.realised)).collect::<Vec<_>>(),
        positions,
        "seed {seed}"
    );

    let orders: BTreeMap<OrderId, _> =
        state.orders.iter().filter(|order| order.user == user).map(|order| (order.order, order)).collect();
    let shown = model.open_orders(user, None);
    assert_eq!(shown.iter().map(|row| row.order).collect::<Vec<_>>(), orders.keys().copied().collect::<Vec<_>>());
    for row in &shown {
        let order = orders[&row.order];
        assert_eq!(
            (row.kind, row.client_order_id, row.quantity, row.executed, row.executed_quote, row.fees, row.placed),
            (
                order.kind,
                order.client_order_id,
                Some(order.quantity),
                order.executed,
                order.executed_quote,
                order.fees,
                order.placed
            ),
            "seed {seed}"
        );
        let found = |key| model.recent_order(user, key).map(|row: OrderRow| row.order);
        assert_eq!(found(OrderKey::Id(row.order)), Some(row.order), "seed {seed}");
        assert_eq!(found(OrderKey::Client(user, row.client_order_id)), Some(row.order), "seed {seed}");
        assert!(row.status.is_open(), "seed {seed}");
    }
}

fn check_symbol(model: &ReadModel, state: &State, symbol: SymbolId, seed: u64) {
    let levels = |side| {
        let mut levels: BTreeMap<Ticks, u128> = BTreeMap::new();
        for order in state.orders.iter().filter(|order| order.symbol == symbol && order.side == side) {
            *levels.entry(order.price).or_default() += u128::from(order.quantity.0 - order.executed.0);
        }
        levels
    };
    let depth = model.depth(symbol, usize::MAX).unwrap();
    let bids: Vec<_> = depth.bids.iter().map(|level| (level.price, level.lots)).collect();
    let asks: Vec<_> = depth.asks.iter().map(|level| (level.price, level.lots)).collect();
    assert_eq!(bids, levels(Side::Buy).into_iter().rev().collect::<Vec<_>>(), "seed {seed}");
    assert_eq!(asks, levels(Side::Sell).into_iter().collect::<Vec<_>>(), "seed {seed}");
}
