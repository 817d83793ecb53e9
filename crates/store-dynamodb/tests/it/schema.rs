//! The table: made once, and looked at ever after.

use std::sync::Barrier;
use std::time::Instant;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TimeToLiveSpecification,
};
use projector::batch::Stream;
use projector::store::{Store as _, StoreError};
use store_dynamodb::config::DynamoConfig;
use store_dynamodb::migrate::migrate;
use store_dynamodb::store::DynamoStore;

use crate::proxy::{Failure, PATIENCE};
use crate::subject::Tables;

#[test]
fn the_tables_are_made_once() {
    let tables = Tables::new();
    let config = tables.config(&tables.make());
    let first = migrate(&config).unwrap();
    assert_eq!((first.from, first.to, first.tables), (0, 1, 11));
    let again = migrate(&config).unwrap();
    assert_eq!((again.from, again.to, again.tables), (1, 1, 0));
}

#[test]
fn many_make_the_tables_at_once() {
    let tables = Tables::new();
    let config = tables.config(&tables.make());
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut store = DynamoStore::open(config.clone(), Stream::Audit).unwrap();
                barrier.wait();
                // A table may be there, and its time to live not yet.
                let deadline = Instant::now() + PATIENCE;
                loop {
                    match store.checkpoint(Stream::Audit) {
                        Ok(None) => break,
                        Err(StoreError::Retry(_)) if Instant::now() < deadline => std::thread::yield_now(),
                        found => panic!("{found:?}: {:?}", store.trouble()),
                    }
                }
            });
        }
    });
}

#[test]
fn a_time_to_live_that_another_one_turned_on_is_ours() {
    let tables = Tables::new();
    let config = tables.config(&tables.make());
    tables.proxy.fail_all("UpdateTimeToLive", Failure::Twice);
    let migrated = migrate(&config).unwrap();
    assert_eq!((migrated.from, migrated.to, migrated.tables), (0, 1, 11));
    assert_eq!(tables.proxy.failed(), 1, "the service was asked for it twice");
}

/// The tables are there, and what makes them dies before one of them deletes what has expired.
#[test]
fn whoever_comes_next_goes_on_making_them() {
    let tables = Tables::new();
    let config = tables.config(&tables.make());
    tables.proxy.fail_all("UpdateTimeToLive", Failure::Refused);
    migrate(&config).unwrap_err();
    tables.proxy.fail_after(None);
    let mut store = DynamoStore::open(config, Stream::Trades).unwrap();
    assert_eq!(store.checkpoint(Stream::Trades), Ok(None), "{:?}", store.trouble());
}

#[test]
fn a_store_that_may_not_migrate_waits_for_it() {
    let tables = Tables::new();
    let mut config = tables.config(&tables.make());
    config.migrates = false;
    let mut store = DynamoStore::open(config.clone(), Stream::Trades).unwrap();
    assert!(matches!(store.checkpoint(Stream::Trades), Err(StoreError::Retry(_))));
    assert!(store.trouble().unwrap().contains("buttonwood migrate"), "{:?}", store.trouble());
    migrate(&config).unwrap();
    assert_eq!(store.checkpoint(Stream::Trades), Ok(None));
    assert_eq!(store.trouble(), None);
}

#[test]
fn a_table_with_another_key_is_said() {
    let tables = Tables::new();
    let name = tables.make();
    tables.meddle(async |client| {
        let attribute = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
        let request =
            client.create_table().table_name(format!("{name}.audit_logs")).billing_mode(BillingMode::PayPerRequest);
        let request = request.attribute_definitions(attribute.build().unwrap()).key_schema(key.build().unwrap());
        request.send().await.unwrap();
    });
    let config = tables.config(&name);
    let mut store = DynamoStore::open(config.clone(), Stream::Trades).unwrap();
    assert!(matches!(store.checkpoint(Stream::Trades), Err(StoreError::Retry(_))));
    assert!(store.trouble().unwrap().contains("not pk and sk"), "{:?}", store.trouble());
    assert!(migrate(&config).is_err(), "what is otherwise stays");
}

#[test]
fn a_time_to_live_that_was_changed_is_said() {
    let tables = Tables::new();
    let set = |name: &str, table: &str, attribute: &str, enabled: bool| {
        tables.meddle(async |client| {
            let wanted = TimeToLiveSpecification::builder().enabled(enabled).attribute_name(attribute).build().unwrap();
            let request = client.update_time_to_live().table_name(format!("{name}.{table}"));
            request.time_to_live_specification(wanted).send().await.unwrap();
        });
    };
    let cases = [
        (vec![("market_snapshots", "expires_at", false)], "market_snapshots keeps what has expired"),
        (vec![("market_snapshots", "expires_at", false), ("market_snapshots", "seq", true)], "deletes items by seq"),
        (vec![("audit_logs", "seq", true)], "audit_logs deletes items by seq: turn its time to live off"),
    ];
    for (changes, expected) in cases {
        let name = tables.make();
        let config = tables.config(&name);
        migrate(&config).unwrap();
        for (table, attribute, enabled) in changes {
            set(&name, table, attribute, enabled);
        }
        let mut store = DynamoStore::open(config.clone(), Stream::Trades).unwrap();
        assert!(matches!(store.checkpoint(Stream::Trades), Err(StoreError::Retry(_))));
        assert!(store.trouble().unwrap().contains(expected), "{:?}", store.trouble());
        let said = migrate(&config).unwrap_err().to_string();
        assert!(said.contains(expected), "what is otherwise is said and stays: {said}");
    }
}

#[test]
fn a_table_that_was_lost_is_missed() {
    let tables = Tables::new();
    let name = tables.make();
    let config = tables.config(&name);
    migrate(&config).unwrap();
    tables.meddle(async |client| {
        client.delete_table().table_name(format!("{name}.market_snapshots")).send().await.unwrap()
    });
    let said = migrate(&config).unwrap_err().to_string();
    assert!(said.contains("market_snapshots is gone"), "an empty one in its place would be a gap: {said}");
    let mut store = DynamoStore::open(config, Stream::MarketSnapshots).unwrap();
    assert!(matches!(store.checkpoint(Stream::MarketSnapshots), Err(StoreError::Retry(_))));
    assert!(store.trouble().unwrap().contains("is gone"), "{:?}", store.trouble());
}

#[test]
fn tables_of_others_and_of_newer_programs_are_left_alone() {
    let tables = Tables::new();
    let put = |name: &str, pk: &str, sk: &str, version: u64| {
        tables.meddle(async |client| {
            let text = |text: &str| AttributeValue::S(text.to_owned());
            let request =
                client.put_item().table_name(format!("{name}.checkpoints")).item("pk", text(pk)).item("sk", text(sk));
            request.item("version", AttributeValue::N(version.to_string())).send().await.unwrap();
        });
    };
    let remove = |name: &str| {
        tables.meddle(async |client| {
            let text = |text: &str| AttributeValue::S(text.to_owned());
            let request = client
                .delete_item()
                .table_name(format!("{name}.checkpoints"))
                .key("pk", text("schema"))
                .key("sk", text("buttonwood"));
            request.send().await.unwrap();
        });
    };
    let name = tables.make();
    migrate(&tables.config(&name)).unwrap();
    put(&name, "schema", "buttonwood", 2);
    let said = migrate(&tables.config(&name)).unwrap_err().to_string();
    assert!(said.contains("use a newer program"), "{said}");
    remove(&name);
    put(&name, "invoices", "1", 1);
    let said = migrate(&tables.config(&name)).unwrap_err().to_string();
    assert!(said.contains("items of another program"), "{said}");
}

#[test]
fn a_url_says_what_is_wrong_with_it() {
    let says = |url: &str| DynamoConfig::new(url).unwrap_err().to_string();
    assert!(says("mongodb://here/x").contains("another scheme"));
    assert!(says("dynamodb://eu-central-1").contains("names no tables"));
    assert!(says("dynamodb://eu-central-1/a b").contains("prefix is not one"));
    assert!(says("dynamodb://eu-central-1/prefix?x=1").contains("only option is endpoint"));
    assert!(says("dynamodb://eu-central-1/prefix?endpoint=http://example.org").contains("under https"));
    let place = DynamoConfig::new("dynamodb://eu-central-1/prefix").unwrap().place();
    assert_eq!(place, "eu-central-1/prefix");
}
