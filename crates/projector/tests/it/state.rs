//! Rows against the state of the exchange they came from: what the events said is what is so.

use std::collections::BTreeMap;

use domain::state::State;
use domain::units::{Amount, Lots};
use projector::batch::Stream;
use projector::conformance;
use projector::memory::MemoryStore;
use projector::rows::OrderStatus;
use projector::store::{ReadStream, Store, StoredRow};
use sim::commands::Profile;

use sim::feed::feed;

fn rows(blocks: &[projector::block::CommittedBlock], stream: Stream) -> Vec<StoredRow> {
    let mut store = MemoryStore::default();
    let outcome = store.commit(&conformance::batch(stream, blocks, 0, blocks.len()));
    assert_eq!(outcome, projector::store::Outcome::Committed);
    let mut rows = Vec::new();
    store.read_stream(stream, &mut |row| rows.push(row)).unwrap();
    rows
}

#[test]
fn rows_say_what_the_state_says() {
    for seed in 0..6 {
        for profile in [Profile::Small, Profile::Flow] {
            println!("seed {seed} {profile:?}");
            let (blocks, state) = feed(profile, seed, 700);
            open_orders_and_positions(&state, &rows(&blocks, Stream::Symbols));
            money(&state, &rows(&blocks, Stream::Users));
            reference(&state, &rows(&blocks, Stream::Reference));
        }
    }
}

fn open_orders_and_positions(state: &State, rows: &[StoredRow]) {
    let mut open = Vec::new();
    let (mut marked, mut positions) = (Vec::new(), Vec::new());
    for row in rows {
        match row {
            StoredRow::Order(row) if row.status.is_open() => open.push(*row),
            StoredRow::OpenOrder(order) => marked.push(*order),
            StoredRow::Position(row) => positions.push(*row),
            _ => {}
        }
    }
    assert_eq!(open.iter().map(|row| row.order).collect::<Vec<_>>(), marked);
    let mut orders = state.orders.clone();
    orders.sort_by_key(|order| order.order);
    assert_eq!(open.len(), orders.len());
    for (row, order) in open.iter().zip(&orders) {
        assert_eq!((row.order, row.user, row.symbol, row.side), (order.order, order.user, order.symbol, order.side));
        assert_eq!((row.kind, row.client_order_id, row.fees), (order.kind, order.client_order_id, order.fees));
        assert_eq!((row.quantity, row.executed), (Some(order.quantity), order.executed));
        assert_eq!((row.executed_quote, row.placed), (order.executed_quote, order.placed));
        assert_eq!(row.placed_time, order.placed_time);
        let new = order.executed == Lots::ZERO;
        assert_eq!(row.status, if new { OrderStatus::New } else { OrderStatus::PartiallyFilled });
    }
    assert_eq!(positions.len(), state.positions.len());
    for (row, position) in positions.iter().zip(&state.positions) {
        assert_eq!((row.user, row.symbol, row.quantity), (position.user, position.symbol, position.quantity));
        assert_eq!((row.cost, row.realised), (position.cost, position.realised));
    }
}

fn money(state: &State, rows: &[StoredRow]) {
    let (mut balances, mut limits, mut movements) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for row in rows {
        match row {
            StoredRow::Balance(row) => {
                balances.insert((row.user, row.asset), (row.free, row.locked));
            }
            StoredRow::CreditLimit(row) => {
                limits.insert((row.user, row.asset), row.limit);
            }
            StoredRow::Ledger(row) => {
                if let Some(user) = row.user {
                    *movements.entry((user, row.asset)).or_insert(0) += row.change.0;
                }
            }
            _ => {}
        }
    }
    for balance in &state.balances {
        let key = (balance.user, balance.asset);
        let stored = balances.remove(&key).unwrap_or_default();
        assert_eq!(stored, (balance.free, balance.locked), "{key:?}");
        assert_eq!(limits.remove(&key).unwrap_or(Amount::ZERO), balance.credit_limit, "{key:?}");
        let moved = movements.remove(&key).unwrap_or(0);
        assert_eq!(moved, balance.free.0 + balance.locked.0, "the ledger explains the balance {key:?}");
    }
    assert!(balances.is_empty() && limits.is_empty() && movements.is_empty());
}

fn reference(state: &State, rows: &[StoredRow]) {
    let (mut assets, mut symbols, mut users, mut keys) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        match row {
            StoredRow::Venue(row) => assert_eq!(row.killed, state.killed),
            StoredRow::Asset(row) => assets.push(row.asset),
            StoredRow::Symbol(row) => symbols.push((row.instrument, row.status, row.limits, row.fees)),
            StoredRow::User(row) => users.push((row.fees, row.killed)),
            StoredRow::Key(row) => keys.push((row.key, row.user, row.roles, row.api_key, row.revoked)),
            _ => {}
        }
    }
    assert_eq!(assets, state.assets.iter().map(|asset| asset.asset).collect::<Vec<_>>());
    let of_symbol =
        |symbol: &domain::state::SymbolState| (symbol.instrument, symbol.status, symbol.limits, symbol.fees);
    assert_eq!(symbols, state.symbols.iter().map(of_symbol).collect::<Vec<_>>());
    assert_eq!(users, state.users.iter().map(|user| (user.fees, user.killed)).collect::<Vec<_>>());
    let of_key = |key: &domain::state::KeyState| (key.key, key.user, key.roles, key.api_key, key.revoked);
    assert_eq!(keys, state.keys.iter().map(of_key).collect::<Vec<_>>());
}
