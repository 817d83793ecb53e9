//! A server in trouble: a clear word, another attempt, nothing skipped, nothing twice.

use std::time::{Duration, Instant};

use archive_cluster::server::{Kind, Server};
use mongodb::bson::doc;
use projector::batch::Stream;
use projector::block::CommittedBlock;
use projector::conformance;
use projector::store::{Divergence, Outcome, Store as _};
use sim::commands::{Profile, generate, sequenced};
use store_mongodb::config::MongoConfig;
use store_mongodb::store::MongoStore;

use crate::feed::{feed, feed_of};
use crate::proxy::Failure;
use crate::subject::{Databases, Stores};

const PATIENCE: Duration = Duration::from_mins(1);

fn blocks() -> Vec<CommittedBlock> {
    feed(Profile::Flow, 1, 300).0
}

fn goes(store: &mut MongoStore, blocks: &[CommittedBlock]) {
    let batch = conformance::batch(Stream::Audit, blocks, 0, blocks.len());
    let deadline = Instant::now() + PATIENCE;
    while store.commit(&batch) != Outcome::Committed {
        assert!(Instant::now() < deadline, "{:?}", store.trouble());
    }
    assert_eq!(store.trouble(), None);
}

#[test]
fn a_server_that_is_not_there_yet() {
    let mut server = Server::temporary(Kind::MongoDb).unwrap();
    let config = MongoConfig::new(&format!("{}/archive?serverSelectionTimeoutMS=500", server.url()), None).unwrap();
    server.stop().unwrap();
    let mut store = MongoStore::open(config, Stream::Audit).unwrap();
    assert!(matches!(store.commit(&conformance::batch(Stream::Audit, &blocks(), 0, 9)), Outcome::Retry(_)));
    assert!(store.trouble().unwrap().contains("Connection refused"), "{:?}", store.trouble());
    server.restart().unwrap();
    goes(&mut store, &blocks());
}

#[test]
fn a_write_that_was_done_without_an_answer_is_not_done_twice() {
    let databases = Databases::new();
    let blocks = blocks();
    let rows = blocks.iter().map(CommittedBlock::command_count).sum::<usize>() as u64;
    for failure in [Failure::CutAfterwards, Failure::Silent] {
        // The documents, and the checkpoint.
        for writes in [0, 1, 2] {
            let name = databases.make();
            let mut config = databases.config(&name);
            config.command_timeout = Duration::from_secs(2);
            config.documents_max = usize::try_from(rows / 2).unwrap();
            let mut store = MongoStore::open(config, Stream::Audit).unwrap();
            assert_eq!(store.checkpoint(Stream::Audit), Ok(None));
            databases.proxy.fail_after(Some((writes, failure)));
            let whole = conformance::batch(Stream::Audit, &blocks, 0, blocks.len());
            let outcome = store.commit(&whole);
            assert!(matches!(outcome, Outcome::Retry(_)), "{failure:?} after {writes}: {outcome:?}");
            assert!(store.trouble().is_some());
            databases.proxy.fail_after(None);
            goes(&mut store, &blocks);
            assert_eq!(databases.count(&name, "audit_logs"), rows, "{failure:?} after {writes}");
        }
    }
}

#[test]
fn of_a_batch_that_was_written_in_part_the_rest_follows() {
    let databases = Databases::new();
    let blocks = blocks();
    let rows = blocks.iter().map(CommittedBlock::command_count).sum::<usize>() as u64;
    let name = databases.make();
    let mut config = databases.config(&name);
    config.documents_max = usize::try_from(rows / 2).unwrap();
    let mut store = MongoStore::open(config, Stream::Audit).unwrap();
    assert_eq!(store.checkpoint(Stream::Audit), Ok(None));
    // The first command goes through, the second in part.
    databases.proxy.fail_after(Some((1, Failure::Throttled)));
    let outcome = store.commit(&conformance::batch(Stream::Audit, &blocks, 0, blocks.len()));
    assert!(matches!(outcome, Outcome::Retry(_)), "{outcome:?}");
    assert!(store.trouble().unwrap().contains("request rate is too large"), "{:?}", store.trouble());
    let there = databases.count(&name, "audit_logs");
    assert!(rows / 2 < there && there < rows, "{there} of {rows}");
    assert_eq!(store.checkpoint(Stream::Audit), Ok(None), "the checkpoint is not ahead of the documents");
    goes(&mut store, &blocks);
    assert_eq!(databases.count(&name, "audit_logs"), rows);
}

#[test]
fn another_document_under_the_same_id_stops_the_writer() {
    let databases = Databases::new();
    let blocks = blocks();
    let half = blocks.len() / 2;
    let id = format!("{:020}", blocks[half].info().first.0);
    let name = databases.make();
    let mut stores = Stores::open(&databases.config(&name));
    stores.fill(&blocks[..half]);
    let forged = doc! { "insert": "audit_logs", "documents": [{ "_id": &id, "seq": 0_i64, "action": "nothing" }] };
    databases.command(&name, forged);
    let outcome = stores.of(Stream::Audit).commit(&conformance::batch(Stream::Audit, &blocks, half, blocks.len()));
    assert_eq!(outcome, Outcome::Diverged(Divergence::Row(format!("audit_logs {id}"))));
    // The same trade under the id of another event.
    let later = conformance::batch(Stream::Trades, &blocks, half, blocks.len());
    let projector::batch::Rows::Trades(trades) = &later.rows else { panic!("a batch of trades") };
    let (symbol, trade) = (i64::from(trades[0].symbol.0), trades[0].trade.0.cast_signed());
    let forged = doc! { "_id": "elsewhere", "seq": 0_i64, "symbol_id": symbol, "trade_id": trade };
    databases.command(&name, doc! { "insert": "completed_trades", "documents": [forged] });
    let outcome = stores.of(Stream::Trades).commit(&later);
    assert!(
        matches!(&outcome, Outcome::Diverged(Divergence::Row(what)) if what.contains("unique index")),
        "{outcome:?}"
    );
}

#[test]
fn what_has_expired_goes() {
    let databases = Databases::new();
    let name = databases.make();
    let past: Vec<_> = sequenced(&generate(Profile::Flow, 1, 200)).collect();
    let (blocks, _) = feed_of(&past);
    let mut stores = Stores::open(&databases.config(&name));
    stores.fill(&blocks);
    // A server looks once a minute.
    let deadline = Instant::now() + 2 * PATIENCE;
    while databases.count(&name, "market_snapshots") > 0 {
        assert!(Instant::now() < deadline, "expired snapshots stay");
    }
    assert!(databases.count(&name, "klines") > 0, "nothing else goes");
}

#[test]
fn a_url_says_what_is_wrong_with_it() {
    let says = |url: &str| MongoConfig::new(url, None).unwrap_err().to_string();
    assert!(says("postgres://here/x").contains("not a URL of a MongoDB database"));
    assert!(says("mongodb://127.0.0.1:1").contains("it names no database"));
    assert!(says("mongodb+srv://cluster.example.org/x").contains("list the hosts"));
    let place = MongoConfig::new("mongodb://me:secret@127.0.0.1:1,127.0.0.1:2/x?replicaSet=rs", None).unwrap().place();
    assert_eq!(place, "127.0.0.1:1,127.0.0.1:2/x");
}
