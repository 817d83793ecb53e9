//! A service in trouble: a clear word, another attempt, nothing skipped, nothing twice.

use std::time::{Duration, Instant};

use archive_cluster::server::{Kind, Server};
use aws_sdk_dynamodb::types::AttributeValue;
use projector::batch::Stream;
use projector::block::CommittedBlock;
use projector::conformance;
use projector::memory::MemoryStore;
use projector::store::{Divergence, Outcome, ReadStream, Store as _, StoredRow};
use sim::commands::Profile;
use store_dynamodb::config::DynamoConfig;
use store_dynamodb::store::DynamoStore;

use crate::feed::feed;
use crate::proxy::Failure;
use crate::subject::{Stores, Tables};

const PATIENCE: Duration = Duration::from_mins(1);

fn goes(store: &mut DynamoStore, blocks: &[CommittedBlock]) {
    let batch = conformance::batch(Stream::Audit, blocks, 0, blocks.len());
    let deadline = Instant::now() + PATIENCE;
    while store.commit(&batch) != Outcome::Committed {
        assert!(Instant::now() < deadline, "{:?}", store.trouble());
    }
    assert_eq!(store.trouble(), None);
}

fn rows(store: &mut dyn ReadStream) -> Vec<StoredRow> {
    let mut rows = Vec::new();
    store.read_stream(Stream::Audit, &mut |row| rows.push(row)).unwrap();
    rows
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
    for failure in [Failure::Throttled, Failure::Partial] {
        let mut store = DynamoStore::open(tables.config(&tables.make()), Stream::Audit).unwrap();
        assert_eq!(store.checkpoint(Stream::Audit), Ok(None));
        // Every second write, and nobody outside notices.
        tables.proxy.fail_every(1, failure);
        for (begin, end) in [(0, 10), (10, blocks.len() / 2), (blocks.len() / 2, blocks.len())] {
            assert_eq!(store.commit(&conformance::batch(Stream::Audit, &blocks, begin, end)), Outcome::Committed);
        }
        assert!(tables.proxy.failed() > 2, "{failure:?}");
        tables.proxy.fail_after(None);
        assert_all(&mut store, &blocks);
    }
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
        let pk = ("pk".to_owned(), text(format!("audit_logs#0#{}", item % 8)));
        std::collections::HashMap::from([pk, ("sk".to_owned(), text(format!("{item:020}")))])
    };
    tables.meddle(async |client| {
        let found = client.get_item().table_name(&elsewhere).set_key(Some(key(item))).send().await.unwrap();
        client.put_item().table_name(&name).set_item(found.item).send().await.unwrap();
    });
    // Another process, which has not written anything itself.
    let mut stores = Stores::open(&tables.config(&name));
    let rest = conformance::batch(Stream::Audit, &blocks, half, blocks.len());
    let outcome = stores.of(Stream::Audit).commit(&rest);
    let expected = format!("audit_logs#0#{} {item:020}", item % 8);
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
    tables.meddle(async |client| {
        let text = |text: String| AttributeValue::S(text);
        let request = client.delete_item().table_name(&name).key("pk", text(format!("audit_logs#0#{}", item % 8)));
        request.key("sk", text(format!("{item:020}"))).send().await.unwrap();
    });
    let mut stores = Stores::open(&tables.config(&name));
    let outcome = stores.of(Stream::Audit).commit(&conformance::batch(Stream::Audit, &blocks, half, blocks.len()));
    assert!(matches!(&outcome, Outcome::Fatal(what) if what.contains("is not there")), "{outcome:?}");
}
