//! Folding: one batch of everything says the same as one batch for each block; and what each event becomes.

use std::collections::BTreeMap;

use projector::batch::{Batch, Rows, Stream};
use projector::conformance;
use projector::memory::MemoryStore;
use projector::store::{Outcome, ReadStream, Store, StoredRow};
use proptest::prelude::*;
use sim::commands::Profile;

use sim::feed::feed;

fn rows(store: &mut MemoryStore, stream: Stream) -> Vec<StoredRow> {
    let mut rows = Vec::new();
    store.read_stream(stream, &mut |row| rows.push(row)).unwrap();
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn one_large_batch_equals_many_small_ones(seed in 0_u64..1_000, flow in any::<bool>(), count in 1_usize..300) {
        let profile = if flow { Profile::Flow } else { Profile::Small };
        let (blocks, _) = feed(profile, seed, count);
        for stream in Stream::ALL {
            let (mut large, mut small) = (MemoryStore::default(), MemoryStore::default());
            prop_assert_eq!(large.commit(&conformance::batch(stream, &blocks, 0, blocks.len())), Outcome::Committed);
            for at in 0..blocks.len() {
                prop_assert_eq!(small.commit(&conformance::batch(stream, &blocks, at, at + 1)), Outcome::Committed);
            }
            prop_assert_eq!(rows(&mut large, stream), rows(&mut small, stream));
        }
    }
}

/// What is folded away is not written: each state key occurs once, and an order placed in the batch is not also changed.
#[test]
fn each_key_occurs_once_in_a_batch() {
    for profile in [Profile::Small, Profile::Flow] {
        let (blocks, _) = feed(profile, 1, 600);
        let Batch { rows: Rows::Symbols(symbols), .. } =
            conformance::batch(Stream::Symbols, &blocks, blocks.len() / 3, blocks.len())
        else {
            panic!("another stream")
        };
        let mut orders: Vec<_> = symbols.placed.iter().map(|row| row.order).collect();
        orders.extend(symbols.changed.iter().map(|change| change.order));
        assert!(orders.len() > 10);
        assert_once(orders);
        assert_once(symbols.positions.iter().map(|row| (row.user, row.symbol)).collect());
        assert_once(symbols.fills.iter().map(|row| row.id).collect());
        let Batch { rows: Rows::Users(users), .. } = conformance::batch(Stream::Users, &blocks, 0, blocks.len()) else {
            panic!("another stream")
        };
        assert_once(users.balances.iter().map(|row| (row.user, row.asset)).collect());
        assert_once(users.credit_limits.iter().map(|row| (row.user, row.asset)).collect());
        assert_once(users.withdrawals.iter().map(|row| row.withdrawal).collect());
        assert_once(users.ledger.iter().map(|row| (row.id, row.leg)).collect());
    }
}

fn assert_once<K: Ord>(mut keys: Vec<K>) {
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count, "a key occurs twice");
}

#[test]
fn the_ledger_rows_of_one_event_and_asset_sum_to_zero() {
    for seed in 0..6 {
        let (blocks, _) = feed(Profile::Small, seed, 500);
        let Batch { rows: Rows::Users(users), .. } = conformance::batch(Stream::Users, &blocks, 0, blocks.len()) else {
            panic!("another stream")
        };
        let mut sums = BTreeMap::new();
        for row in &users.ledger {
            *sums.entry((row.id, row.asset)).or_insert(0) += row.change.0;
        }
        assert!(sums.len() > 10);
        assert!(sums.values().all(|sum| *sum == 0), "seed {seed}");
    }
}
