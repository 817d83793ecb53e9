//! Collections and indexes: made once, and looked at ever after.

use mongodb::bson::doc;
use projector::batch::Stream;
use projector::store::{Store as _, StoreError};
use sim::commands::Profile;
use store_mongodb::fault::Fault;
use store_mongodb::migrate::migrate;
use store_mongodb::store::MongoStore;

use crate::feed::slow_feed;
use crate::subject::{Databases, Stores};

#[test]
fn indexes_are_made_once() {
    let databases = Databases::new();
    let config = databases.config(&databases.make());
    let first = migrate(&config).unwrap();
    assert_eq!((first.from, first.to, first.indexes), (0, 3, 13));
    let again = migrate(&config).unwrap();
    assert_eq!((again.from, again.to, again.indexes), (3, 3, 0));
}

#[test]
fn a_store_that_may_not_migrate_waits_for_it() {
    let databases = Databases::new();
    let mut config = databases.config(&databases.make());
    config.migrates = false;
    let mut store = MongoStore::open(config.clone(), Stream::Trades).unwrap();
    assert!(matches!(store.checkpoint(Stream::Trades), Err(StoreError::Retry(_))));
    assert!(store.trouble().unwrap().contains("buttonwood migrate"), "{:?}", store.trouble());
    migrate(&config).unwrap();
    assert_eq!(store.checkpoint(Stream::Trades), Ok(None));
    assert_eq!(store.trouble(), None);
}

#[test]
fn what_was_changed_by_hand_is_said() {
    let databases = Databases::new();
    let trades = "completed_trades";
    let drop_trade_index = doc! { "dropIndexes": trades, "index": { "symbol_id": 1, "trade_id": 1 } };
    let make = |index: mongodb::bson::Document| doc! { "createIndexes": trades, "indexes": [index] };
    let by_trade = doc! { "symbol_id": 1, "trade_id": 1 };
    let cases = [
        (vec![drop_trade_index.clone()], "index (symbol_id, trade_id) of completed_trades is missing"),
        (
            vec![drop_trade_index, make(doc! { "key": by_trade, "name": "other" })],
            "index (symbol_id, trade_id) of completed_trades",
        ),
        (vec![make(doc! { "key": { "time": 1 }, "name": "gone", "expireAfterSeconds": 60 })], "deletes documents"),
        (vec![make(doc! { "key": { "price": 1, "quote": 1 }, "name": "one", "unique": true })], "refuses documents"),
    ];
    for (commands, says) in cases {
        let name = databases.make();
        let config = databases.config(&name);
        migrate(&config).unwrap();
        for command in commands {
            databases.command(&name, command);
        }
        let mut store = MongoStore::open(config.clone(), Stream::Trades).unwrap();
        assert!(matches!(store.checkpoint(Stream::Trades), Err(StoreError::Retry(_))), "{says}");
        let words = store.trouble().unwrap().to_owned();
        assert!(words.contains(says), "{words}");
        if words.contains("is missing") {
            assert_eq!(migrate(&config).unwrap().indexes, 1, "what is missing is made");
            assert_eq!(store.checkpoint(Stream::Trades), Ok(None));
        } else {
            assert!(matches!(migrate(&config), Err(Fault::Drifted(_))), "what is otherwise stays: {words}");
        }
    }
}

/// An empty one in its place would be read as if there had never been more.
#[test]
fn a_collection_that_is_lost_is_not_made_anew() {
    let databases = Databases::new();
    let name = databases.make();
    let config = databases.config(&name);
    let blocks = slow_feed(Profile::Flow, 1, 200);
    Stores::open(&config).fill(&blocks);
    databases.command(&name, doc! { "drop": "audit_logs" });
    let said = migrate(&config).unwrap_err().to_string();
    assert!(said.contains("collection audit_logs had documents and is gone"), "{said}");
    let mut store = MongoStore::open(config.clone(), Stream::Audit).unwrap();
    assert!(matches!(store.checkpoint(Stream::Audit), Err(StoreError::Retry(_))));
    assert_eq!(store.trouble(), Some(&said[..]));

    // What it says to do helps.
    databases.command(&name, doc! { "delete": "checkpoints", "deletes": [{ "q": { "_id": "audit" }, "limit": 1 }] });
    migrate(&config).unwrap();
    assert_eq!(store.checkpoint(Stream::Audit), Ok(None));
}

#[test]
fn an_index_that_harms_nobody_stays() {
    let databases = Databases::new();
    let name = databases.make();
    let config = databases.config(&name);
    migrate(&config).unwrap();
    let index = doc! { "key": { "taker_user_id": 1, "time": 1 }, "name": "by_user" };
    databases.command(&name, doc! { "createIndexes": "completed_trades", "indexes": [index] });
    let mut store = MongoStore::open(config, Stream::Trades).unwrap();
    assert_eq!(store.checkpoint(Stream::Trades), Ok(None));
}

#[test]
fn databases_of_others_and_of_newer_programs_are_left_alone() {
    let databases = Databases::new();
    let name = databases.make();
    databases.command(&name, doc! { "insert": "invoices", "documents": [{ "_id": "1" }] });
    let said = migrate(&databases.config(&name)).unwrap_err();
    assert!(said.to_string().contains("another program (invoices)"), "{said}");

    let name = databases.make();
    migrate(&databases.config(&name)).unwrap();
    let newer = doc! { "update": "schema", "updates": [{ "q": { "_id": "buttonwood" }, "u": { "_id": "buttonwood", "version": 4_i64 } }] };
    databases.command(&name, newer);
    let said = migrate(&databases.config(&name)).unwrap_err();
    assert!(said.to_string().contains("use a newer program"), "{said}");
}
