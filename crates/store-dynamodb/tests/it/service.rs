//! A service in trouble: a clear word, another attempt, nothing skipped, nothing twice.

use std::time::{Duration, Instant};

use archive_cluster::server::{Kind, Server};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::command::Sequenced;
use domain::ids::Checkpoint;
use domain::units::Epoch;
use projector::batch::{Batch, Rows, Stream};
use projector::block::CommittedBlock;
use projector::conformance;
use projector::fold::Projector;
use projector::memory::MemoryStore;
use projector::settings::Settings;
use projector::share::Share;
use projector::store::{Divergence, Outcome, ReadStream, Store as _, StoredRow};
use sim::commands::{Profile, generate, sequenced};
use store_dynamodb::config::DynamoConfig;
use store_dynamodb::rewind::rewind;
use store_dynamodb::store::DynamoStore;

use crate::feed::{commands, feed, feed_of};
use crate::proxy::{Failure, PATIENCE};
use crate::subject::{Stores, Tables};

fn goes(store: &mut DynamoStore, blocks: &[CommittedBlock]) {
    let batch = conformance::batch(Stream::Audit, blocks, 0, blocks.len());
    let deadline = Instant::now() + PATIENCE;
    while store.commit(&batch) != Outcome::Committed {
        assert!(Instant::now() < deadline, "{:?}", store.trouble());
    }
    assert_eq!(store.trouble(), None);
}

fn rows_of(store: &mut dyn ReadStream, stream: Stream) -> Vec<StoredRow> {
    let mut rows = Vec::new();
    store.read_stream(stream, &mut |row| rows.push(row)).unwrap();
    rows
}

fn rows(store: &mut dyn ReadStream) -> Vec<StoredRow> {
    rows_of(store, Stream::Audit)
}

/// The audit rows of all blocks, each once.
fn assert_all(store: &mut DynamoStore, blocks: &[CommittedBlock]) {
    let mut memory = MemoryStore::default();
    assert_eq!(memory.commit(&conformance::batch(Stream::Audit, blocks, 0, blocks.len())), Outcome::Committed);
    assert_eq!(rows(store), rows(&mut memory));
}

#[test]
fn a_service_that_is_not_there_yet() {
    let (blocks, _) = feed(Profile::Flow, 1, 300);
    let mut server = Server::temporary(Kind::DynamoDb).unwrap();
    let config = DynamoConfig::new(&format!("dynamodb://eu-central-1/later?endpoint={}", server.url())).unwrap();
    server.stop().unwrap();
    let mut store = DynamoStore::open(config, Stream::Audit).unwrap();
    assert!(matches!(store.commit(&conformance::batch(Stream::Audit, &blocks, 0, 9)), Outcome::Retry(_)));
    assert!(store.trouble().unwrap().contains("does not answer"), "{:?}", store.trouble());
    server.restart().unwrap();
    goes(&mut store, &blocks);
}

#[test]
fn what_is_put_off_is_written_again() {
    let tables = Tables::new();
    let (blocks, _) = feed(Profile::Flow, 1, 3_000);
    let mut store = DynamoStore::open(tables.config(&tables.make()), Stream::Audit).unwrap();
    assert_eq!(store.checkpoint(Stream::Audit), Ok(None));
    // Every second write, and nobody outside notices.
    tables.proxy.fail_every(1, Failure::Throttled);
    for (begin, end) in [(0, 10), (10, blocks.len() / 2), (blocks.len() / 2, blocks.len())] {
        assert_eq!(store.commit(&conformance::batch(Stream::Audit, &blocks, begin, end)), Outcome::Committed);
    }
    assert!(tables.proxy.failed() > 40, "{}", tables.proxy.failed());
    tables.proxy.fail_after(None);
    assert_all(&mut store, &blocks);
}

#[test]
fn what_is_given_back_of_a_batch_is_sent_again() {
    let tables = Tables::new();
    let all = commands(Profile::Flow, 1, 300);
    let (blocks, _) = feed_of(&all);
    let config = tables.config(&tables.make());
    let mut stores = Stores::open(&config);
    stores.fill(&blocks);
    let to = Checkpoint { epoch: Epoch(1_000), ..blocks[9].info().checkpoint() };
    let (_, state) = feed_of(&all[..usize::try_from(to.seq.0).unwrap()]);
    let items = |stores: &mut Stores| rows_of(stores.of(Stream::Analytics), Stream::Analytics).len();
    let before = u64::try_from(items(&mut stores)).unwrap();
    assert!(before > 25, "more than one batch: {before}");
    // Of each batch one item is deleted, and the others are given back.
    tables.proxy.fail_every(0, Failure::Partial);
    assert!(rewind(&config, Stream::Analytics, &to, &state).unwrap());
    assert!(tables.proxy.failed() > before / 2, "{} of {before}", tables.proxy.failed());
    tables.proxy.fail_after(None);
    assert_eq!(items(&mut stores), 0);
}

#[test]
fn a_writer_takes_nothing_from_one_with_another_history() {
    let tables = Tables::new();
    let all = commands(Profile::Flow, 1, 900);
    let (blocks, _) = feed_of(&all);
    let third = blocks.len() / 3;
    let through = blocks[third - 1].info().last;
    // The same up to there, and then everything later.
    let late = all.iter().map(|command| {
        let time = if command.seq > through { command.time.plus(5) } else { command.time };
        Sequenced { time, ..command.clone() }
    });
    let (branch, _) = feed_of(&late.collect::<Vec<_>>());
    let name = tables.make();
    let config = tables.config(&name);
    let mut one = DynamoStore::open(config.clone(), Stream::Audit).unwrap();
    assert_eq!(one.commit(&conformance::batch(Stream::Audit, &blocks, 0, third)), Outcome::Committed);
    // The other has written some whole items, and has no checkpoint of them yet.
    let mut other = DynamoStore::open(config, Stream::Audit).unwrap();
    tables.proxy.fail_after(Some((6, Failure::Refused)));
    let outcome = other.commit(&conformance::batch(Stream::Audit, &branch, third, branch.len()));
    assert!(matches!(outcome, Outcome::Retry(_)), "{outcome:?}");
    tables.proxy.fail_after(None);
    let items = || tables.items(&name, "audit_logs");
    let before = items();
    // The first knows the table: it does not look before it writes.
    let outcome = one.commit(&conformance::batch(Stream::Audit, &blocks, third, blocks.len()));
    assert!(matches!(outcome, Outcome::Diverged(Divergence::Row(_))), "{outcome:?}");
    let after = items();
    for item in &before {
        assert!(after.contains(item), "what the other has written stays");
    }
}

#[test]
fn what_has_expired_goes() {
    let tables = Tables::new();
    let name = tables.make();
    let past: Vec<_> = sequenced(&generate(Profile::Flow, 1, 200)).collect();
    let (blocks, _) = feed_of(&past);
    Stores::open(&tables.config(&name)).fill(&blocks);
    let count = |table: &str| {
        let scanned = tables.meddle(async |client| client.scan().table_name(format!("{name}.{table}")).send().await);
        scanned.unwrap().count()
    };
    // DynamoDB itself takes days.
    let deadline = Instant::now() + PATIENCE;
    while count("market_snapshots") > 0 {
        assert!(Instant::now() < deadline, "expired snapshots stay");
    }
    assert!(count("klines") > 0, "nothing else goes");
}

#[test]
fn a_service_that_puts_everything_off_is_said_to() {
    let tables = Tables::new();
    let (blocks, _) = feed(Profile::Flow, 1, 300);
    let mut config = tables.config(&tables.make());
    config.patience = Duration::from_secs(1);
    let mut store = DynamoStore::open(config, Stream::Audit).unwrap();
    assert_eq!(store.checkpoint(Stream::Audit), Ok(None));
    tables.proxy.fail_every(0, Failure::Throttled);
    let outcome = store.commit(&conformance::batch(Stream::Audit, &blocks, 0, blocks.len()));
    assert!(matches!(outcome, Outcome::Retry(_)), "{outcome:?}");
    assert!(store.trouble().unwrap().contains("give the table room"), "{:?}", store.trouble());
    tables.proxy.fail_after(None);
    goes(&mut store, &blocks);
    assert_all(&mut store, &blocks);
}

#[test]
fn a_write_that_was_done_without_an_answer_is_not_done_twice() {
    let tables = Tables::new();
    let (blocks, _) = feed(Profile::Flow, 1, 300);
    for failure in [Failure::CutAfterwards, Failure::Silent] {
        // Whole items, the last one, the checkpoint.
        for writes in [0, 1, 2] {
            let mut config = tables.config(&tables.make());
            config.request_timeout = Duration::from_secs(2);
            let mut store = DynamoStore::open(config, Stream::Audit).unwrap();
            assert_eq!(store.checkpoint(Stream::Audit), Ok(None));
            tables.proxy.fail_after(Some((writes, failure)));
            let outcome = store.commit(&conformance::batch(Stream::Audit, &blocks, 0, blocks.len()));
            assert!(matches!(outcome, Outcome::Retry(_)), "{failure:?} after {writes}: {outcome:?}");
            assert!(store.trouble().is_some());
            tables.proxy.fail_after(None);
            goes(&mut store, &blocks);
            assert_all(&mut store, &blocks);
        }
    }
}

#[test]
fn other_content_under_the_same_key_stops_the_writer() {
    let tables = Tables::new();
    let (blocks, _) = feed(Profile::Flow, 1, 600);
    let (other, _) = feed(Profile::Flow, 2, 600);
    let half = blocks.len() / 2;
    // A whole item further on, of another history.
    let (name, elsewhere) = (tables.make(), tables.make());
    Stores::open(&tables.config(&elsewhere)).fill(&other);
    let mut stores = Stores::open(&tables.config(&name));
    stores.fill(&blocks[..half]);
    let item = blocks[half].info().last.0 / 64 + 2;
    let key = |item: u64| {
        let text = |text: String| AttributeValue::S(text);
        let pk = ("pk".to_owned(), text(format!("0#{}", item % 8)));
        std::collections::HashMap::from([pk, ("sk".to_owned(), text(format!("{item:020}")))])
    };
    tables.meddle(async |client| {
        let found = client
            .get_item()
            .table_name(format!("{elsewhere}.audit_logs"))
            .set_key(Some(key(item)))
            .send()
            .await
            .unwrap();
        client.put_item().table_name(format!("{name}.audit_logs")).set_item(found.item).send().await.unwrap();
    });
    // Another process, which has not written anything itself.
    let mut stores = Stores::open(&tables.config(&name));
    let rest = conformance::batch(Stream::Audit, &blocks, half, blocks.len());
    let outcome = stores.of(Stream::Audit).commit(&rest);
    let expected = format!("audit_logs 0#{} {item:020}", item % 8);
    assert_eq!(outcome, Outcome::Diverged(Divergence::Row(expected)));
}

#[test]
fn an_item_that_was_lost_is_missed() {
    let tables = Tables::new();
    let (blocks, _) = feed(Profile::Flow, 1, 600);
    let half = blocks.len() / 2;
    let name = tables.make();
    Stores::open(&tables.config(&name)).fill(&blocks[..half]);
    let item = blocks[half].info().first.0 / 64;
    tables.take(&name, "audit_logs", 0, item);
    let mut stores = Stores::open(&tables.config(&name));
    let outcome = stores.of(Stream::Audit).commit(&conformance::batch(Stream::Audit, &blocks, half, blocks.len()));
    assert!(matches!(&outcome, Outcome::Fatal(what) if what.contains("is not there")), "{outcome:?}");
}

/// The batch of a derived stream under other settings than usual.
fn batch_under(settings: &Settings, stream: Stream, blocks: &[CommittedBlock]) -> Batch {
    let usual = conformance::batch(stream, blocks, 0, blocks.len());
    let mut projector = Projector::new(stream, usual.from, usual.to.epoch, settings);
    for block in blocks {
        projector.push(block, &mut Share::whole()).unwrap();
    }
    projector.take().unwrap()
}

#[test]
fn settings_that_changed_do_not_stop_what_was_interrupted() {
    let tables = Tables::new();
    let (blocks, _) = feed(Profile::Flow, 1, 300);
    let mut stores = Stores::open(&tables.config(&tables.make()));
    let reference = conformance::batch(Stream::Reference, &blocks, 0, blocks.len());
    assert_eq!(stores.of(Stream::Reference).commit(&reference), Outcome::Committed);
    let stream = Stream::MarketSnapshots;
    let usual = conformance::batch(stream, &blocks, 0, blocks.len());
    let Rows::MarketSnapshots(rows) = &usual.rows else { panic!("other rows") };
    // All but the checkpoint.
    tables.proxy.fail_after(Some((u64::try_from(rows.len()).unwrap(), Failure::Refused)));
    let outcome = stores.of(stream).commit(&usual);
    assert!(matches!(outcome, Outcome::Retry(_)), "{outcome:?}");
    tables.proxy.fail_after(None);
    let settings = Settings { snapshot_levels: conformance::SETTINGS.snapshot_levels - 2, ..conformance::SETTINGS };
    let changed = batch_under(&settings, stream, &blocks);
    assert_ne!(changed.rows, usual.rows, "some have more levels");
    assert_eq!(stores.of(stream).commit(&changed), Outcome::Committed);
    let mut memory = MemoryStore::default();
    assert_eq!(memory.commit(&changed), Outcome::Committed);
    let sorted = |mut rows: Vec<StoredRow>| {
        rows.sort_by_cached_key(|row| format!("{row:?}"));
        rows
    };
    assert_eq!(sorted(stores.rows(stream)), sorted(rows_of(&mut memory, stream)), "all are as they are now");
}

#[test]
fn what_a_writer_did_not_complete_is_read() {
    let tables = Tables::new();
    let (blocks, _) = feed(Profile::Flow, 1, 300);
    let half = blocks.len() / 2;
    let mut stores = Stores::open(&tables.config(&tables.make()));
    stores.fill(&blocks[..half]);
    let stream = Stream::Leaderboards;
    let before = stores.of(stream).checkpoint(stream).unwrap();
    tables.proxy.fail_after(Some((5, Failure::Refused)));
    let outcome = stores.of(stream).commit(&conformance::batch(stream, &blocks, half, blocks.len()));
    assert!(matches!(outcome, Outcome::Retry(_)), "{outcome:?}");
    tables.proxy.fail_after(None);
    let mut later = 0;
    let through = before.unwrap().seq;
    let checkpoint = stores.of(stream).read_stream(stream, &mut |row| {
        if let StoredRow::Leaderboard(row) = row {
            later += u32::from(row.last_seq > through);
        }
    });
    assert_eq!(checkpoint, Ok(before), "that of before the rows");
    assert!(later > 0, "what is later than it is told as it is");
}

#[test]
fn a_service_that_is_busy_is_not_asked_about_its_tables() {
    let tables = Tables::new();
    let (blocks, _) = feed(Profile::Flow, 1, 300);
    let mut config = tables.config(&tables.make());
    (config.patience, config.request_timeout) = (Duration::from_millis(200), Duration::from_secs(1));
    let mut store = DynamoStore::open(config, Stream::Audit).unwrap();
    assert_eq!(store.checkpoint(Stream::Audit), Ok(None));
    let looked = ["DescribeTable", "DescribeTimeToLive"].map(|name| tables.proxy.asked(name));
    for failure in [Failure::Throttled, Failure::Silent] {
        tables.proxy.fail_every(0, failure);
        for _ in 0..2 {
            let outcome = store.commit(&conformance::batch(Stream::Audit, &blocks, 0, blocks.len()));
            assert!(matches!(outcome, Outcome::Retry(_)), "{outcome:?}");
        }
        tables.proxy.fail_after(None);
    }
    goes(&mut store, &blocks);
    assert_all(&mut store, &blocks);
    assert_eq!(["DescribeTable", "DescribeTimeToLive"].map(|name| tables.proxy.asked(name)), looked);
}
