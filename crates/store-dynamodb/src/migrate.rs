//! The table: how it gets there, and whether it is as it was made.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableDescription, TableStatus,
    TimeToLiveSpecification, TimeToLiveStatus,
};
use documents::collection::Collection;

use crate::config::DynamoConfig;
use crate::fault::Fault;
use crate::item::{EXPIRES_AT, Item, Key, PK, SK, long, number};
use crate::session::{Condition, Put, Session};
use crate::store::Link;

/// Version of the items known here.
const VERSION: u64 = 1;
const SCHEMA: &str = "schema";
const SCHEMA_ID: &str = "buttonwood";
const VERSION_ATTRIBUTE: &str = "version";
/// How often a table that is being made is looked at.
const GLANCE: Duration = Duration::from_millis(200);
/// How many times.
const GLANCES: u32 = 150;

/// What [`migrate`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// Version before; 0: there was no table, or it was empty.
    pub from: u64,
    /// Version now.
    pub to: u64,
}

/// Makes the table where there is none. Harmless where it is. What is there and is otherwise than it should be is reported, not changed:
/// nobody knows here who relies on it.
pub fn migrate(config: &DynamoConfig) -> Result<Migrated, Fault> {
    Link::open(config, "migrate")?.run(async |session| migrate_session(session).await)
}

/// Checks that the table is as this program makes it, or makes it so.
pub(crate) async fn check(session: &Session, migrates: bool) -> Result<(), Fault> {
    match check_known(session).await {
        Err(Fault::NoTable(_)) if migrates => {
            let migrated = migrate_session(session).await?;
            tracing::info!(from = migrated.from, to = migrated.to, table = session.table, "table made");
            Ok(())
        }
        checked => checked,
    }
}

/// Checks that this program knows what is there; there may be nothing.
pub(crate) async fn check_not_newer(session: &Session) -> Result<(), Fault> {
    let found = version(session).await?.unwrap_or(0);
    if found > VERSION { Err(Fault::NewerSchema { found, known: VERSION }) } else { Ok(()) }
}

async fn check_known(session: &Session) -> Result<(), Fault> {
    let Some(table) = describe(session).await? else { return Err(no_table(session)) };
    if table.table_status() == Some(&TableStatus::Creating) {
        return Err(Fault::NoTable(format!("the table {} is being made", session.table)));
    }
    let differences = differences(session, &table).await?;
    if !differences.is_empty() {
        return Err(Fault::Drifted(differences));
    }
    match version(session).await? {
        None => Err(Fault::NoTable(format!("the table {} is empty", session.table))),
        Some(found) if found > VERSION => Err(Fault::NewerSchema { found, known: VERSION }),
        Some(_) => Ok(()),
    }
}

async fn migrate_session(session: &Session) -> Result<Migrated, Fault> {
    if describe(session).await?.is_none() {
        make(session).await?;
    }
    let table = until_active(session).await?;
    let differences = differences(session, &table).await?;
    if !differences.is_empty() {
        return Err(Fault::Drifted(differences));
    }
    let from = version(session).await?.unwrap_or(0);
    if from > VERSION {
        return Err(Fault::NewerSchema { found: from, known: VERSION });
    }
    if from == 0 {
        check_empty(session).await?;
        let mut noted: Item = Key::plain(SCHEMA, SCHEMA_ID).item();
        noted.insert(VERSION_ATTRIBUTE.to_owned(), number(VERSION));
        match session.put(noted, Condition::absent()).await? {
            // Another one noted the same at the same moment.
            Put::Written | Put::There(_) => {}
        }
    }
    Ok(Migrated { from, to: VERSION })
}

/// The version of the items; absent: none is noted.
async fn version(session: &Session) -> Result<Option<u64>, Fault> {
    match session.get(Key::plain(SCHEMA, SCHEMA_ID)).await {
        Ok(found) => Ok(found.map(|found| long(&found, VERSION_ATTRIBUTE)).transpose()?),
        Err(fault) if fault.is_no_table() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// A table of somebody else is left alone.
async fn check_empty(session: &Session) -> Result<(), Fault> {
    let some = session.client.scan().table_name(&session.table).limit(1).consistent_read(true).send().await?;
    match some.items().first() {
        None => Ok(()),
        Some(_) => Err(Fault::WrongTable(format!("the table {} has items of another program", session.table))),
    }
}

async fn describe(session: &Session) -> Result<Option<TableDescription>, Fault> {
    match session.client.describe_table().table_name(&session.table).send().await.map_err(Fault::from) {
        Ok(found) => Ok(found.table),
        Err(fault) if fault.is_no_table() => Ok(None),
        Err(fault) => Err(fault),
    }
}

async fn make(session: &Session) -> Result<(), Fault> {
    let attribute = |name: &str| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
    };
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let request = session.client.create_table().table_name(&session.table).billing_mode(BillingMode::PayPerRequest);
    let request = request.attribute_definitions(attribute(PK)?).attribute_definitions(attribute(SK)?);
    let request = request.key_schema(key(PK, KeyType::Hash)?).key_schema(key(SK, KeyType::Range)?);
    match request.send().await.map_err(Fault::from) {
        Ok(_) => {}
        // Another one makes it at the same moment.
        Err(Fault::Service { code, .. }) if code == "ResourceInUseException" => {}
        Err(fault) => return Err(fault),
    }
    until_active(session).await?;
    let expiry = TimeToLiveSpecification::builder().enabled(true).attribute_name(EXPIRES_AT).build()?;
    session.client.update_time_to_live().table_name(&session.table).time_to_live_specification(expiry).send().await?;
    Ok(())
}

async fn until_active(session: &Session) -> Result<TableDescription, Fault> {
    for _ in 0..GLANCES {
        if let Some(table) = describe(session).await?
            && table.table_status() != Some(&TableStatus::Creating)
        {
            return Ok(table);
        }
        tokio::time::sleep(GLANCE).await;
    }
    Err(Fault::NoTable(format!("the table {} takes long to be made", session.table)))
}

/// How the table is otherwise than it should be.
async fn differences(session: &Session, table: &TableDescription) -> Result<Vec<String>, Fault> {
    let mut differences = Vec::new();
    let keys: Vec<(&str, &KeyType)> =
        table.key_schema().iter().map(|key| (key.attribute_name(), key.key_type())).collect();
    if keys != [(PK, &KeyType::Hash), (SK, &KeyType::Range)] {
        differences.push(format!("the key of {} is {keys:?}, not {PK} and {SK}: use another table", session.table));
    }
    let texts = table.attribute_definitions().iter().filter(|attribute| [PK, SK].contains(&attribute.attribute_name()));
    if texts.clone().any(|attribute| attribute.attribute_type() != &ScalarAttributeType::S) {
        differences.push(format!("the key of {} is not of texts: use another table", session.table));
    }
    let answer = session.client.describe_time_to_live().table_name(&session.table).send().await?;
    let expiry = answer.time_to_live_description();
    let enabled = expiry.and_then(|expiry| expiry.time_to_live_status()).is_some_and(|status| {
        matches!(status, TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
    });
    let attribute = expiry.and_then(|expiry| expiry.attribute_name()).unwrap_or_default();
    match (enabled, attribute) {
        (true, EXPIRES_AT) => {}
        (true, other) => differences.push(format!(
            "{} deletes items by {other:?}, not {EXPIRES_AT:?}: change its time to live",
            session.table
        )),
        // Nothing expires in collections that are there for ever.
        (false, _) if !Collection::ALL.iter().any(|collection| collection.expires()) => {}
        (false, _) => differences.push(format!("{} keeps items that have expired: set its time to live to {EXPIRES_AT:?}", session.table)),
    }
    Ok(differences)
}

fn no_table(session: &Session) -> Fault {
    Fault::NoTable(format!("there is no table {}", session.table))
}
