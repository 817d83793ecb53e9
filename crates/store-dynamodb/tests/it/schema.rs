//! The table: made once, and looked at ever after.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use projector::batch::Stream;
use projector::store::{Store as _, StoreError};
use store_dynamodb::config::DynamoConfig;
use store_dynamodb::migrate::migrate;
use store_dynamodb::store::DynamoStore;

use crate::subject::Tables;

#[test]
fn a_table_is_made_once() {
    let tables = Tables::new();
    let config = tables.config(&tables.make());
    let first = migrate(&config).unwrap();
    assert_eq!((first.from, first.to), (0, 1));
    let again = migrate(&config).unwrap();
    assert_eq!((again.from, again.to), (1, 1));
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
        let request = client.create_table().table_name(&name).billing_mode(BillingMode::PayPerRequest);
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
fn tables_of_others_and_of_newer_programs_are_left_alone() {
    let tables = Tables::new();
    let put = |name: &str, pk: &str, sk: &str, version: u64| {
        tables.meddle(async |client| {
            let text = |text: &str| AttributeValue::S(text.to_owned());
            let request = client.put_item().table_name(name).item("pk", text(pk)).item("sk", text(sk));
            request.item("version", AttributeValue::N(version.to_string())).send().await.unwrap();
        });
    };
    let remove = |name: &str| {
        tables.meddle(async |client| {
            let text = |text: &str| AttributeValue::S(text.to_owned());
            let request = client.delete_item().table_name(name).key("pk", text("schema")).key("sk", text("buttonwood"));
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
    assert!(says("dynamodb://eu-central-1").contains("names no table"));
    assert!(says("dynamodb://eu-central-1/a b").contains("name is not one"));
    assert!(says("dynamodb://eu-central-1/table?x=1").contains("only option is endpoint"));
    assert!(says("dynamodb://eu-central-1/table?endpoint=http://example.org").contains("under https"));
    let place = DynamoConfig::new("dynamodb://eu-central-1/table").unwrap().place();
    assert_eq!(place, "eu-central-1/table");
}
