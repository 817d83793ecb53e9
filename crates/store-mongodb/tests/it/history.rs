//! What is read back, and how far it is complete.

use std::sync::Arc;
use std::time::{Duration, Instant};

use archive_cluster::server::{Kind, Server};
use domain::ids::{Checkpoint, OrderId, SymbolId};
use domain::units::UnixNanos;
use projector::archive::{ArchiveHistory as _, BucketsQuery};
use projector::batch::{Rows, Stream};
use projector::buckets::{Interval, Scope};
use projector::conformance;
use projector::conformance::archive::{
    SlowArchive, an_empty_archive_has_nothing, audit_is_that_of_a_slow_reader, derived_are_those_of_a_slow_reader,
};
use projector::conformance::history::{Slow, an_empty_store_has_no_trades, trades_are_those_of_a_slow_reader};
use projector::history::{Page, ReadError, Selection, TimeRange, TradeHistory as _, TradesQuery};
use projector::lineage::Lineage;
use projector::retired::RetiredHistory;
use projector::rows::TradeRow;
use projector::store::{Outcome, Store as _, StoredRow};
use sim::commands::Profile;
use store_mongodb::config::MongoConfig;
use store_mongodb::history::MongoHistory;

use crate::feed::{feed, slow_feed};
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
    trades_are_those_of_a_slow_reader(&MongoHistory::open(&config, None).unwrap(), &slow, seed);
}

#[test]
fn every_question_about_the_rest_is_answered_as_a_slow_reader_does() {
    let databases = Databases::new();
    let seed = 3;
    println!("seed {seed}");
    let (blocks, _) = feed(Profile::Flow, seed, 400);
    let mut config = databases.config(&databases.make());
    an_empty_archive_has_nothing(&MongoHistory::open(&config, None).unwrap());
    let mut stores = Stores::open(&config);
    stores.fill(&blocks);
    // Several pages to many answers.
    config.documents_max = 20;
    let history = MongoHistory::open(&config, None).unwrap();
    let slow = SlowArchive::of(stores.everything().into_iter().flat_map(|(_, _, rows)| rows));
    let through = blocks[blocks.len() - 1].info().last;
    derived_are_those_of_a_slow_reader(&history, &slow, |_| through, seed);
    audit_is_that_of_a_slow_reader(&history, &slow, through);
}

#[test]
fn a_board_shows_what_a_commit_under_way_has_written_and_says_since_when_it_is_complete() {
    let databases = Databases::new();
    let config = databases.config(&databases.make());
    let (blocks, _) = feed(Profile::Flow, 3, 900);
    let half = blocks.len() / 2;
    let mut stores = Stores::open(&config);
    stores.fill(&blocks[..half]);
    let stream = Stream::Leaderboards;
    let first = conformance::batch(stream, &blocks, 0, half).to.seq;
    let history = MongoHistory::open(&config, None).unwrap();
    let scope = Scope::Symbol(SymbolId(0));
    let board = || history.leaderboard(scope, Interval::Ever.bucket(UnixNanos(0))).unwrap();
    let before = board();
    assert_eq!(before.through, first);
    // All documents of the second half are there, and their checkpoint is not.
    databases.proxy.fail_after(Some((1, Failure::Refused)));
    let rest = conformance::batch(stream, &blocks, half, blocks.len());
    assert!(matches!(stores.of(stream).commit(&rest), Outcome::Retry(_)));
    let between = board();
    assert_eq!(between.through, first, "it is complete through the checkpoint");
    assert!(before.rows.iter().all(|row| between.rows.iter().any(|now| now.user == row.user)), "nobody is left out");
    assert!(between.rows.iter().any(|row| row.last_seq > first), "what is newer is said to be");
    databases.proxy.fail_after(None);
    assert_eq!(stores.of(stream).commit(&rest), Outcome::Committed);
    let after = board();
    assert_eq!((after.through, after.rows), (rest.to.seq, between.rows));
}

/// Readers beside a writer that never rests: whatever they get is a board that there was at the sequence it says, or says what is newer.
#[test]
fn what_is_read_while_it_is_written_is_what_there_was() {
    let databases = Databases::new();
    let config = databases.config(&databases.make());
    let (blocks, _) = feed(Profile::Flow, 4, 900);
    let (stream, bucket) = (Stream::Analytics, Interval::DAY.bucket(blocks[0].commands().next().unwrap().command.time));
    let mut stores = Stores::open(&config);
    stores.fill(&blocks[..1]);
    let history = MongoHistory::open(&config, None).unwrap();
    let query = BucketsQuery {
        key: Scope::Venue,
        interval: bucket.interval,
        time: TimeRange { from: Some(bucket.start), to: Some(bucket.start) },
        limit: 1,
    };
    let found = std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut found: Vec<Page<_>> = Vec::new();
            loop {
                let page = history.analytics(&query).unwrap();
                let is_over = page.through == blocks[blocks.len() - 1].info().last;
                found.push(page);
                if is_over {
                    return found;
                }
            }
        });
        for end in 2..=blocks.len() {
            let batch = conformance::batch(stream, &blocks, end - 1, end);
            assert_eq!(stores.of(stream).commit(&batch), Outcome::Committed);
        }
        reading.join().unwrap()
    });
    // What the row said at the end of each block.
    let mut states = std::collections::BTreeMap::new();
    for end in 1..=blocks.len() {
        let Rows::Analytics(rows) = conformance::batch(stream, &blocks, 0, end).rows else { panic!("other rows") };
        let row = rows.analytics.into_iter().find(|row| (row.scope, row.bucket) == (Scope::Venue, bucket));
        states.insert(blocks[end - 1].info().last, row);
    }
    assert!(found.len() > 2, "it was read meanwhile");
    for page in found {
        let row = page.rows.first().copied();
        let at = row.map_or(page.through, |row| row.last_seq.max(page.through));
        let state = states.range(at..).next().map(|(_, state)| *state).unwrap();
        assert_eq!(row, state, "through {:?}", page.through);
    }
}

#[test]
fn a_server_that_is_gone_is_not_waited_for_each_time() {
    let mut server = Server::temporary(Kind::MongoDb).unwrap();
    let config = MongoConfig::new(&format!("{}/board", server.url()), None).unwrap();
    let history = MongoHistory::open(&config, None).unwrap();
    let board = || history.leaderboard(Scope::Symbol(SymbolId(0)), Interval::Ever.bucket(UnixNanos(0)));
    assert_eq!(board().unwrap().rows, []);
    server.kill().unwrap();
    let begun = Instant::now();
    for _ in 0..100 {
        assert!(matches!(board(), Err(ReadError::Failed(_))));
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    server.restart().unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while board().is_err() {
        assert!(Instant::now() < deadline, "it is not found again");
        std::thread::yield_now();
    }
}

#[test]
fn what_no_checkpoint_covers_yet_is_not_shown() {
    let databases = Databases::new();
    let config = databases.config(&databases.make());
    let history = MongoHistory::open(&config, None).unwrap();
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

/// An index that begins with the time is read from where the page before ended, not from the beginning of the question.
#[test]
fn each_page_begins_where_the_one_before_it_ended() {
    let databases = Databases::new();
    let mut config = databases.config(&databases.make());
    let blocks = slow_feed(Profile::Flow, 1, 500);
    Stores::open(&config).fill(&blocks);
    config.documents_max = 5;
    let history = MongoHistory::open(&config, None).unwrap();
    let all = history.trades(&newest(1_000)).unwrap().rows;
    let (first, last) = (all[0].time, all[all.len() - 1].time);
    for (time, bound) in
        [(TimeRange { from: Some(first), to: None }, "$gte"), (TimeRange { from: None, to: Some(last) }, "$lte")]
    {
        let query = TradesQuery { symbol: SymbolId(0), selection: Selection { first: None, time, limit: all.len() } };
        let heard = databases.proxy.hear(|| assert_eq!(history.trades(&query).unwrap().rows, all));
        let pages: Vec<_> =
            heard.iter().filter(|command| command.get_str("find").is_ok_and(|of| of == "completed_trades")).collect();
        assert!(pages.len() > 5, "{} pages", pages.len());
        for (number, page) in pages.iter().enumerate().skip(1) {
            let read = if bound == "$gte" { 5 * number - 1 } else { all.len() - 5 * number };
            let begins = page.get_document("filter").unwrap().get_document("time").unwrap().get_i64(bound).unwrap();
            assert_eq!(begins.cast_unsigned(), all[read].time.0, "page {number}: {page}");
        }
    }
}

#[test]
fn a_question_that_takes_too_long_is_given_up() {
    let databases = Databases::new();
    let mut config = databases.config(&databases.make());
    Stores::open(&config).fill(&slow_feed(Profile::Flow, 1, 100));
    config.question_timeout = Duration::ZERO;
    let history = MongoHistory::open(&config, None).unwrap();
    let refused = [
        history.trades(&newest(9)).unwrap_err(),
        history.leaderboard(Scope::Symbol(SymbolId(0)), Interval::Ever.bucket(UnixNanos(0))).unwrap_err(),
        RetiredHistory::fills_of_order(&history, OrderId(1)).unwrap_err(),
    ];
    for refused in refused {
        assert!(refused.to_string().contains("ask for a shorter time"), "{refused}");
    }
}

/// It took too long, and the next one may be a smaller one.
#[test]
fn a_question_without_an_answer_fails_alone() {
    let databases = Databases::new();
    let mut config = databases.config(&databases.make());
    Stores::open(&config).fill(&slow_feed(Profile::Flow, 1, 100));
    config.command_timeout = Duration::from_millis(500);
    let history = MongoHistory::open(&config, None).unwrap();
    databases.proxy.hold(Some(("find", "completed_trades")));
    let silent = history.trades(&newest(9)).unwrap_err().to_string();
    assert!(silent.contains("did not answer within 0.5 s"), "{silent}");
    history.leaderboard(Scope::Symbol(SymbolId(0)), Interval::Ever.bucket(UnixNanos(0))).unwrap();
    databases.proxy.hold(None);
    history.trades(&newest(9)).unwrap();
}

/// It takes connections and commands, and that is all: nobody is to wait for it again and again.
#[test]
fn a_server_that_says_nothing_is_away() {
    let databases = Databases::new();
    let config = databases.config(&databases.make());
    Stores::open(&config).fill(&slow_feed(Profile::Flow, 1, 100));
    let history = MongoHistory::open(&config, None).unwrap();
    history.trades(&newest(9)).unwrap();
    databases.proxy.hold(Some(("find", "checkpoints")));
    let asked = Instant::now();
    let mute = history.trades(&newest(9)).unwrap_err().to_string();
    assert!(mute.contains("says nothing") && asked.elapsed() < Duration::from_secs(5), "{mute}: {:?}", asked.elapsed());
    let asked = Instant::now();
    assert_eq!(history.trades(&newest(9)).unwrap_err().to_string(), mute);
    assert!(asked.elapsed() < Duration::from_secs(1), "it was asked again: {:?}", asked.elapsed());
    databases.proxy.hold(None);
    let deadline = Instant::now() + Duration::from_mins(1);
    while let Err(error) = history.trades(&newest(9)) {
        assert!(Instant::now() < deadline, "{error}");
    }
}

#[test]
fn only_the_own_history_is_answered() {
    let databases = Databases::new();
    let config = databases.config(&databases.make());
    let blocks = slow_feed(Profile::Flow, 1, 300);
    Stores::open(&config).fill(&blocks);
    let lineage = Arc::new(Lineage::default());
    let history = MongoHistory::open(&config, Some(Arc::clone(&lineage))).unwrap();
    let checkpoint = conformance::batch(Stream::Trades, &blocks, 0, blocks.len()).to;
    assert!(matches!(history.trades(&newest(9)), Err(ReadError::Failed(_))), "nobody knows yet");
    lineage.admit(Stream::Trades, Checkpoint { seq: checkpoint.seq.previous(), ..checkpoint });
    assert!(matches!(history.trades(&newest(9)), Err(ReadError::Foreign(_))));
    lineage.admit(Stream::Trades, checkpoint);
    assert_eq!(history.trades(&newest(9)).unwrap().through, checkpoint.seq);
}
