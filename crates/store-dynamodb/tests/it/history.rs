//! What is read back, and how far it is complete.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::ids::{Checkpoint, SymbolId, TradeId};
use domain::units::{Seq, UnixNanos};
use projector::archive::{ArchiveHistory as _, AuditQuery};
use projector::batch::Stream;
use projector::conformance;
use projector::conformance::archive::{
    SlowArchive, an_empty_archive_has_nothing, audit_is_that_of_a_slow_reader, derived_are_those_of_a_slow_reader,
};
use projector::conformance::history::{Slow, an_empty_store_has_no_trades, trades_are_those_of_a_slow_reader};
use projector::history::{ReadError, Selection, TimeRange, TradeHistory as _, TradesQuery};
use projector::lineage::Lineage;
use projector::rows::TradeRow;
use projector::store::{Outcome, ReadStream as _, Store as _, StoreError, StoredRow};
use sim::commands::Profile;
use store_dynamodb::history::DynamoHistory;

use crate::feed::{feed, slow_feed};
use crate::proxy::{Failure, PATIENCE};
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
    let checkpoint = conformance::batch(Stream::Trades, &blocks, 0, blocks.len()).to;
    assert!(matches!(history.trades(&newest(9)), Err(ReadError::Failed(_))), "nobody knows yet");
    lineage.admit(Stream::Trades, Checkpoint { seq: checkpoint.seq.previous(), ..checkpoint });
    assert!(matches!(history.trades(&newest(9)), Err(ReadError::Foreign(_))));
    lineage.admit(Stream::Trades, checkpoint);
    assert_eq!(history.trades(&newest(9)).unwrap().through, checkpoint.seq);
}

#[test]
fn a_lost_item_is_no_short_answer() {
    let tables = Tables::new();
    let name = tables.make();
    let config = tables.config(&name);
    let (blocks, _) = feed(Profile::Flow, 1, 3_000);
    let mut stores = Stores::open(&config);
    stores.fill(&blocks);
    let history = DynamoHistory::open(&config, None).unwrap();
    let rows = trades(&mut stores);
    let of = |symbol: SymbolId| rows.iter().filter(move |row| row.symbol == symbol);
    let symbol = rows.iter().map(|row| row.symbol).max_by_key(|symbol| of(*symbol).count()).unwrap();
    let (begin, end) = (of(symbol).next().unwrap().time, of(symbol).next_back().unwrap().time);
    assert!(of(symbol).count() > 192, "four items: {}", of(symbol).count());
    let all = |first: Option<u64>, time| Selection { first: first.map(TradeId), time, limit: 10_000 };
    let from = |time| TimeRange { from: Some(time), to: None };
    let to = |time| TimeRange { from: None, to: Some(time) };
    let whole = TimeRange::default();
    let read_trades = || {
        // From the first, from the last, from a time, before a time.
        [all(Some(0), whole), all(None, whole), all(None, from(begin)), all(None, to(end))]
            .map(|selection| history.trades(&TradesQuery { symbol, selection }).map(|_| ()))
    };
    let read_audit = || {
        // Commands are earlier than the first trade.
        [(Some(0), whole), (None, whole), (None, from(UnixNanos(1))), (None, to(end))].map(|(first, time)| {
            let selection = Selection { first: first.map(Seq), time, limit: 10_000 };
            history.audit(&AuditQuery { user: None, action: None, selection }).map(|_| ())
        })
    };
    let is_missed =
        |read: &Result<(), ReadError>| matches!(read, Err(error) if error.to_string().contains("is not there"));
    assert!(read_trades().iter().chain(&read_audit()).all(Result::is_ok), "everything is there");
    let commands = blocks[blocks.len() - 1].info().last.0;
    // The first, one between, and of commands the last: nobody knows of a trade that the last item of its symbol had.
    for (table, partition, item) in [
        ("completed_trades", symbol.0, 0),
        ("completed_trades", symbol.0, 1),
        ("audit_logs", 0, 0),
        ("audit_logs", 0, 20),
        ("audit_logs", 0, commands / 64),
    ] {
        let lost = tables.take(&name, table, partition, item);
        let (read, stream) =
            if table == "audit_logs" { (read_audit(), Stream::Audit) } else { (read_trades(), Stream::Trades) };
        assert!(read.iter().all(is_missed), "{table} {item}: {read:?}");
        let whole = stores.of(stream).read_stream(stream, &mut |_| {});
        assert!(
            matches!(&whole, Err(StoreError::Fatal(what)) if what.contains("is not there")),
            "{table} {item}: {whole:?}"
        );
        tables.give_back(&name, table, lost);
        assert!(read_trades().iter().chain(&read_audit()).all(Result::is_ok), "{table} {item} is there again");
    }
}

#[test]
fn a_question_that_is_put_off_fails_alone() {
    let tables = Tables::new();
    let mut config = tables.config(&tables.make());
    config.patience = Duration::from_millis(200);
    config.request_timeout = Duration::from_millis(500);
    let blocks = slow_feed(Profile::Flow, 1, 300);
    Stores::open(&config).fill(&blocks);
    let history = DynamoHistory::open(&config, None).unwrap();
    let expected = history.trades(&newest(9)).unwrap();
    for (failure, words) in [(Failure::Throttled, "put everything off"), (Failure::Silent, "does not answer in time")] {
        tables.proxy.fail_all("BatchGetItem", failure);
        let refused = history.trades(&newest(9)).unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}");
        tables.proxy.fail_after(None);
        assert_eq!(history.trades(&newest(9)).as_ref(), Ok(&expected), "the next one is asked");
    }
    // Whoever has no answer to the smallest question is away: nobody waits for the next one.
    tables.proxy.fail_all("GetItem", Failure::Silent);
    let away = history.trades(&newest(9)).unwrap_err();
    let asked = tables.proxy.failed();
    assert_eq!(history.trades(&newest(9)).unwrap_err(), away);
    assert_eq!(tables.proxy.failed(), asked);
    tables.proxy.fail_after(None);
    let deadline = Instant::now() + PATIENCE;
    while history.trades(&newest(9)).as_ref() != Ok(&expected) {
        assert!(Instant::now() < deadline, "it is asked again when it is back");
        std::thread::sleep(Duration::from_millis(10));
    }
}
