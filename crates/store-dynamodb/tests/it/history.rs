//! What is read back, and how far it is complete.

use std::sync::Arc;

use domain::ids::SymbolId;
use projector::batch::Stream;
use projector::conformance;
use projector::conformance::archive::{
    SlowArchive, an_empty_archive_has_nothing, audit_is_that_of_a_slow_reader, derived_are_those_of_a_slow_reader,
};
use projector::conformance::history::{Slow, an_empty_store_has_no_trades, trades_are_those_of_a_slow_reader};
use projector::history::{ReadError, Selection, TimeRange, TradeHistory as _, TradesQuery};
use projector::lineage::Lineage;
use projector::rows::TradeRow;
use projector::store::{Outcome, Store as _, StoredRow};
use sim::commands::Profile;
use store_dynamodb::history::DynamoHistory;

use crate::feed::{feed, slow_feed};
use crate::proxy::Failure;
use crate::subject::{Stores, Tables};

fn trades(stores: &mut Stores) -> Vec<TradeRow> {
    let rows = stores.everything().into_iter().flat_map(|(_, _, rows)| rows);
    rows.filter_map(|row| if let StoredRow::Trade(row) = row { Some(row) } else { None }).collect()
}

fn newest(limit: usize) -> TradesQuery {
    TradesQuery { symbol: SymbolId(0), selection: Selection { first: None, time: TimeRange::default(), limit } }
}

#[test]
fn every_query_answers_as_a_slow_reader_does() {
    let tables = Tables::new();
    for (seed, profile) in [(1, Profile::Flow), (2, Profile::Small)] {
        println!("seed {seed}");
        let blocks = slow_feed(profile, seed, 1_200);
        let config = tables.config(&tables.make());
        let mut stores = Stores::open(&config);
        stores.fill(&blocks);
        assert!(trades(&mut stores).len() > 20, "there is something to read");
        let slow = Slow::of(stores.everything().into_iter().flat_map(|(_, _, rows)| rows));
        trades_are_those_of_a_slow_reader(&DynamoHistory::open(&config, None).unwrap(), &slow, seed);
    }
}

#[test]
fn every_question_about_the_rest_is_answered_as_a_slow_reader_does() {
    let tables = Tables::new();
    let seed = 3;
    println!("seed {seed}");
    let (blocks, _) = feed(Profile::Flow, seed, 400);
    let config = tables.config(&tables.make());
    let history = DynamoHistory::open(&config, None).unwrap();
    an_empty_archive_has_nothing(&history);
    let mut stores = Stores::open(&config);
    stores.fill(&blocks);
    let slow = SlowArchive::of(stores.everything().into_iter().flat_map(|(_, _, rows)| rows));
    let through = blocks[blocks.len() - 1].info().last;
    derived_are_those_of_a_slow_reader(&history, &slow, |_| through, seed);
    audit_is_that_of_a_slow_reader(&history, &slow, through);
}

#[test]
fn what_no_checkpoint_covers_yet_is_not_shown() {
    let tables = Tables::new();
    let config = tables.config(&tables.make());
    let history = DynamoHistory::open(&config, None).unwrap();
    an_empty_store_has_no_trades(&history);
    let blocks = slow_feed(Profile::Flow, 1, 600);
    let half = blocks.len() / 2;
    let mut stores = Stores::open(&config);
    stores.fill(&blocks[..half]);
    let before = history.trades(&newest(1_000)).unwrap();
    // Some trades of the second half are there, and their checkpoint is not.
    let rest = conformance::batch(Stream::Trades, &blocks, half, blocks.len());
    tables.proxy.fail_after(Some((1, Failure::Refused)));
    assert!(matches!(stores.of(Stream::Trades).commit(&rest), Outcome::Retry(_)));
    assert_eq!(history.trades(&newest(1_000)).unwrap(), before);
    assert_eq!(trades(&mut stores).iter().filter(|row| row.symbol == SymbolId(0)).count(), before.rows.len());
    tables.proxy.fail_after(None);
    assert_eq!(stores.of(Stream::Trades).commit(&rest), Outcome::Committed);
    assert!(history.trades(&newest(1_000)).unwrap().rows.len() > before.rows.len());
}

#[test]
fn only_the_own_history_is_answered() {
    let tables = Tables::new();
    let config = tables.config(&tables.make());
    let blocks = slow_feed(Profile::Flow, 1, 300);
    Stores::open(&config).fill(&blocks);
    let lineage = Arc::new(Lineage::default());
    let history = DynamoHistory::open(&config, Some(Arc::clone(&lineage))).unwrap();
    assert!(matches!(history.trades(&newest(9)), Err(ReadError::Foreign(_))));
    let checkpoint = conformance::batch(Stream::Trades, &blocks, 0, blocks.len()).to;
    lineage.admit(Stream::Trades, checkpoint);
    assert_eq!(history.trades(&newest(9)).unwrap().through, checkpoint.seq);
}
