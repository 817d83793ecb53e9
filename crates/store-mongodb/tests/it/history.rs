//! What is read back, and how far it is complete.

use std::sync::Arc;

use domain::ids::SymbolId;
use projector::batch::Stream;
use projector::conformance;
use projector::conformance::history::{Slow, an_empty_store_has_no_trades, trades_are_those_of_a_slow_reader};
use projector::history::{ReadError, Selection, TimeRange, TradeHistory as _, TradesQuery};
use projector::lineage::Lineage;
use projector::rows::TradeRow;
use projector::store::{Outcome, Store as _, StoredRow};
use sim::commands::Profile;
use store_mongodb::history::MongoTrades;

use crate::feed::slow_feed;
use crate::proxy::Failure;
use crate::subject::{Databases, Stores};

fn trades(stores: &mut Stores) -> Vec<TradeRow> {
    let rows = stores.everything().into_iter().flat_map(|(_, _, rows)| rows);
    rows.filter_map(|row| if let StoredRow::Trade(row) = row { Some(row) } else { None }).collect()
}

fn newest(limit: usize) -> TradesQuery {
    TradesQuery { symbol: SymbolId(0), selection: Selection { first: None, time: TimeRange::default(), limit } }
}

#[test]
fn every_query_answers_as_a_slow_reader_does() {
    let databases = Databases::new();
    let seed = 1;
    println!("seed {seed}");
    let blocks = slow_feed(Profile::Flow, seed, 500);
    let mut config = databases.config(&databases.make());
    // Several pages to most answers.
    config.documents_max = 20;
    let mut stores = Stores::open(&config);
    stores.fill(&blocks);
    assert!(trades(&mut stores).len() > 20, "there is something to read");
    let slow = Slow::of(stores.everything().into_iter().flat_map(|(_, _, rows)| rows));
    trades_are_those_of_a_slow_reader(&MongoTrades::open(&config, None).unwrap(), &slow, seed);
}

#[test]
fn what_no_checkpoint_covers_yet_is_not_shown() {
    let databases = Databases::new();
    let config = databases.config(&databases.make());
    let history = MongoTrades::open(&config, None).unwrap();
    an_empty_store_has_no_trades(&history);
    let blocks = slow_feed(Profile::Flow, 1, 600);
    let half = blocks.len() / 2;
    let mut stores = Stores::open(&config);
    stores.fill(&blocks[..half]);
    let before = history.trades(&newest(1_000)).unwrap();
    // All trades of the second half are there, and their checkpoint is not.
    databases.proxy.fail_after(Some((1, Failure::Refused)));
    let rest = conformance::batch(Stream::Trades, &blocks, half, blocks.len());
    assert!(matches!(stores.of(Stream::Trades).commit(&rest), Outcome::Retry(_)));
    assert!(databases.count(config.database(), "completed_trades") > before.rows.len() as u64);
    assert_eq!(history.trades(&newest(1_000)).unwrap(), before);
    assert_eq!(trades(&mut stores).iter().filter(|row| row.symbol == SymbolId(0)).count(), before.rows.len());
    databases.proxy.fail_after(None);
    assert_eq!(stores.of(Stream::Trades).commit(&rest), Outcome::Committed);
    assert!(history.trades(&newest(1_000)).unwrap().rows.len() > before.rows.len());
}

#[test]
fn only_the_own_history_is_answered() {
    let databases = Databases::new();
    let config = databases.config(&databases.make());
    let blocks = slow_feed(Profile::Flow, 1, 300);
    Stores::open(&config).fill(&blocks);
    let lineage = Arc::new(Lineage::default());
    let history = MongoTrades::open(&config, Some(Arc::clone(&lineage))).unwrap();
    assert!(matches!(history.trades(&newest(9)), Err(ReadError::Foreign(_))));
    let checkpoint = conformance::batch(Stream::Trades, &blocks, 0, blocks.len()).to;
    lineage.admit(Stream::Trades, checkpoint);
    assert_eq!(history.trades(&newest(9)).unwrap().through, checkpoint.seq);
}
