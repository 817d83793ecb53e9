//! A server in trouble: a clear word, another attempt, nothing skipped, nothing twice.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use archive_cluster::server::{Kind, Server};
use domain::ids::Checkpoint;
use domain::units::Seq;
use mongodb::bson::{Document, doc};
use projector::archive::{ArchiveHistory as _, AuditQuery};
use projector::batch::{Rows, Stream};
use projector::block::CommittedBlock;
use projector::conformance;
use projector::history::{Selection, TimeRange};
use projector::store::{Divergence, Outcome, ReadStream as _, Store as _, StoreError, StoredRow};
use sim::commands::{Profile, generate, sequenced};
use store_mongodb::config::MongoConfig;
use store_mongodb::history::MongoHistory;
use store_mongodb::migrate::migrate;
use store_mongodb::store::MongoStore;

use crate::feed::{feed, feed_of};
use crate::proxy::Failure;
use crate::subject::{Databases, STREAMS, Stores};

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
    let said = store.trouble().unwrap();
    assert!(said.contains("no server answers: 127.0.0.1:") && said.contains("Connection refused"), "{said}");
    assert!(!said.contains("labels"), "{said}");
    server.restart().unwrap();
    goes(&mut store, &blocks());
}

/// As a port that expects TLS and is spoken to in clear, or the other way round.
#[test]
fn a_port_that_says_nothing_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("mongodb://{address}/archive?serverSelectionTimeoutMS=500");
    let said = migrate(&MongoConfig::new(&url, None).unwrap()).unwrap_err().to_string();
    assert!(said.contains(&format!("no server answers: {address}: says nothing")), "{said}");
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
            // In words for an operator, not as the driver prints it for its authors.
            let said = store.trouble().unwrap();
            assert!(!said.is_empty() && !said.contains("labels"), "{said}");
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
    // Whoever can put itself between would be sent the password.
    for option in ["tlsInsecure=true", "tlsAllowInvalidCertificates=true", "tlsAllowInvalidHostnames=true"] {
        let words = says(&format!("mongodb://127.0.0.1:1,db.example.org/x?tls=true&{option}"));
        assert!(words.contains("certificates are always checked") || words.contains("invalid option"), "{words}");
    }
    for url in [
        "mongodb://127.0.0.1:1,localhost:2/x?tls=true&tlsInsecure=true",
        "mongodb://db.example.org/x?tls=true&tlsInsecure=false",
    ] {
        assert!(MongoConfig::new(url, None).is_ok(), "{url}");
    }
    let place = MongoConfig::new("mongodb://me:secret@127.0.0.1:1,127.0.0.1:2/x?replicaSet=rs", None).unwrap().place();
    assert_eq!(place, "127.0.0.1:1,127.0.0.1:2/x");
}

/// What the server goes on with after the client has given up would be done to rows that others have written since.
#[test]
fn every_command_says_how_long_it_may_take() {
    let databases = Databases::new();
    let config = databases.config(&databases.make());
    let (blocks, state) = feed(Profile::Flow, 1, 100);
    let end = blocks.len();
    let to = conformance::batch(Stream::Audit, &blocks, 0, end).to;
    let mut earlier = state;
    earlier.seq = Seq(0);
    let origin = Checkpoint { seq: Seq(0), ..to };
    let heard = databases.proxy.hear(|| {
        let mut stores = Stores::open(&config);
        stores.fill(&blocks);
        stores.everything();
        let history = MongoHistory::open(&config, None).unwrap();
        let audit = AuditQuery {
            user: None,
            action: None,
            selection: Selection { first: None, time: TimeRange::default(), limit: 10 },
        };
        history.audit(&audit).unwrap();
        for stream in STREAMS {
            store_mongodb::rewind::rewind(&config, stream, &origin, &earlier).unwrap();
        }
    });
    let of_the_driver = ["hello", "isMaster", "ismaster", "ping", "saslStart", "saslContinue", "endSessions"];
    let ours = heard.iter().filter(|command| !of_the_driver.contains(&command.keys().next().unwrap().as_str()));
    let limit =
        |document: &Document, name: &str| document.get_i64(name).map_err(|error| format!("{error}: {document}"));
    let mut names = BTreeSet::new();
    for command in ours {
        let name = command.keys().next().unwrap();
        let replicated = command.get_document("writeConcern").map_or(0, |concern| limit(concern, "wtimeout").unwrap());
        let all = Duration::from_millis((limit(command, "maxTimeMS").unwrap() + replicated).cast_unsigned());
        assert!(all < config.command_timeout || name == "createIndexes", "{command}");
        names.insert(name.as_str());
    }
    for name in ["find", "insert", "update", "delete", "create", "createIndexes", "listIndexes"] {
        assert!(names.contains(name), "{name} was not sent: {names:?}");
    }
}

#[test]
fn an_index_that_takes_long_is_waited_for() {
    let databases = Databases::new();
    let mut config = databases.config(&databases.make());
    config.command_timeout = Duration::from_secs(1);
    databases.proxy.hold(Some(("createIndexes", "completed_trades")));
    let mut store = MongoStore::open(config.clone(), Stream::Trades).unwrap();
    std::thread::scope(|scope| {
        let migrating = scope.spawn(|| migrate(&config));
        databases.proxy.until_held();
        // Twice as long as any other command may take.
        for _ in 0..2 {
            assert!(matches!(store.checkpoint(Stream::Trades), Err(StoreError::Retry(_))));
            let trouble = store.trouble().unwrap();
            let says = "being built, which takes long on a large collection: index (symbol_id, trade_id) of completed_trades, index";
            assert!(trouble.contains(says), "{trouble}");
        }
        databases.proxy.hold(None);
        migrating.join().unwrap().unwrap();
    });
    let deadline = Instant::now() + PATIENCE;
    while store.checkpoint(Stream::Trades) != Ok(None) {
        assert!(Instant::now() < deadline, "{:?}", store.trouble());
    }
}

/// The server deletes what has expired while a batch is written again.
#[test]
fn what_has_expired_meanwhile_is_written_again() {
    let databases = Databases::new();
    let name = databases.make();
    let blocks = blocks();
    let mut stores = Stores::open(&databases.config(&name));
    let reference = conformance::batch(Stream::Reference, &blocks, 0, blocks.len());
    assert_eq!(stores.of(Stream::Reference).commit(&reference), Outcome::Committed);
    let stream = Stream::MarketSnapshots;
    databases.proxy.fail_after(Some((0, Failure::Vanished)));
    let batch = conformance::batch(stream, &blocks, 0, blocks.len());
    let outcome = stores.of(stream).commit(&batch);
    assert!(matches!(outcome, Outcome::Retry(_)), "{outcome:?}");
    assert_eq!(stores.of(stream).trouble(), None, "nobody needs to mend this");
    assert_eq!(stores.of(stream).commit(&batch), Outcome::Committed);
}

/// A start with other settings after a commit that was interrupted.
#[test]
fn what_was_cut_by_other_settings_is_written_over() {
    let databases = Databases::new();
    let name = databases.make();
    let blocks = blocks();
    let config = databases.config(&name);
    let mut stores = Stores::open(&config);
    let half = blocks.len() / 2;
    stores.fill(&blocks[..half]);
    let stream = Stream::MarketSnapshots;
    databases.proxy.fail_after(Some((1, Failure::Refused)));
    let before = conformance::batch(stream, &blocks, half, blocks.len());
    assert!(matches!(stores.of(stream).commit(&before), Outcome::Retry(_)));
    databases.proxy.fail_after(None);
    let mut after = before.clone();
    let Rows::MarketSnapshots(rows) = &mut after.rows else { panic!("other rows") };
    for row in rows.iter_mut() {
        row.bids.truncate(1);
        row.asks.truncate(1);
    }
    let expected = rows.clone();
    assert_ne!(after, before, "some have more levels");
    assert_eq!(stores.of(stream).commit(&after), Outcome::Committed);
    let mut found = Vec::new();
    stores.of(stream).read_stream(stream, &mut |row| found.push(row)).unwrap();
    for row in expected {
        assert!(found.contains(&StoredRow::MarketSnapshot(row.clone())), "{row:?}");
    }
    // What the numbers of an archive mean is no setting.
    let stream = Stream::Reference;
    let reference = conformance::batch(stream, &blocks, 0, half);
    let Rows::Reference(rows) = &reference.rows else { panic!("other rows") };
    let (asset, seq) = (rows.assets[0].asset.id, rows.assets[0].last_seq.0.cast_signed());
    let forged = doc! { "q": { "asset_id": i64::from(asset.0), "seq": seq }, "u": { "$set": { "scale": 17_i64 } } };
    databases.command(&name, doc! { "update": "assets", "updates": [forged] });
    databases
        .command(&name, doc! { "delete": "checkpoints", "deletes": [{ "q": { "_id": "reference" }, "limit": 1 }] });
    let outcome = stores.of(stream).commit(&reference);
    assert!(matches!(&outcome, Outcome::Diverged(Divergence::Row(id)) if id.starts_with("assets")), "{outcome:?}");
}

/// Rows of a commit that was interrupted are there, and say that they are later.
#[test]
fn a_stream_is_read_as_it_is() {
    let databases = Databases::new();
    let name = databases.make();
    let blocks = blocks();
    let mut stores = Stores::open(&databases.config(&name));
    let (half, end) = (blocks.len() / 2, blocks.len());
    stores.fill(&blocks[..half]);
    let at_half = conformance::batch(Stream::Audit, &blocks, 0, half).to;
    for stream in [Stream::Klines, Stream::Audit] {
        databases.proxy.fail_after(Some((1, Failure::Refused)));
        let rest = conformance::batch(stream, &blocks, half, end);
        assert!(matches!(stores.of(stream).commit(&rest), Outcome::Retry(_)));
        databases.proxy.fail_after(None);
        let (mut later, mut count) = (0, 0);
        let checkpoint = stores.of(stream).read_stream(stream, &mut |row| {
            count += 1;
            let seq = match row {
                StoredRow::Kline(row) => row.last_seq,
                StoredRow::Audit(row) => row.seq,
                other => panic!("{other:?}"),
            };
            later += u32::from(seq > at_half.seq);
        });
        assert_eq!(checkpoint, Ok(Some(at_half)), "from before the rows");
        assert!(count > 0);
        assert_eq!(later > 0, stream == Stream::Klines, "what is only added is complete through the checkpoint");
    }
}
