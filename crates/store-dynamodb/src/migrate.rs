//! The tables: how they get there, and whether they are as they were made.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableDescription, TableStatus,
    TimeToLiveSpecification, TimeToLiveStatus,
};
use documents::checkpoint::CHECKPOINTS;
use documents::collection::Collection;

use crate::config::DynamoConfig;
use crate::fault::Fault;
use crate::item::{EXPIRES_AT, Item, Key, PK, SK, long, number};
use crate::link::Link;
use crate::session::{Condition, Put, Session};

/// Version of the items known here.
const VERSION: u64 = 1;
/// Where the version is noted: beside the checkpoints.
const SCHEMA_PK: &str = "schema";
const SCHEMA_ID: &str = "buttonwood";
const VERSION_ATTRIBUTE: &str = "version";
/// How often a table that is being made is looked at.
const GLANCE: Duration = Duration::from_millis(200);
/// How many times.
const GLANCES: u32 = 300;

/// What [`migrate`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// Version before; 0: there were no tables, or they were empty.
    pub from: u64,
    /// Version now.
    pub to: u64,
    /// Tables that were made.
    pub tables: usize,
}

/// Makes the tables that are not there. Harmless where they are. What is there and is otherwise than it should be is reported, not
/// changed: nobody knows here who relies on it.
pub fn migrate(config: &DynamoConfig) -> Result<Migrated, Fault> {
    Link::open(config, "migrate")?.run(async |session| migrate_session(session).await)
}

/// What the names of all tables end with.
pub(crate) fn tables() -> impl Iterator<Item = &'static str> {
    Collection::streamed().map(Collection::name).chain([CHECKPOINTS])
}

/// Checks that the tables are as this program makes them, or makes them so.
pub(crate) async fn check(session: &Session, migrates: bool) -> Result<(), Fault> {
    match check_known(session).await {
        Err(Fault::NoTable(_)) if migrates => {
            let migrated = migrate_session(session).await?;
            tracing::info!(from = migrated.from, to = migrated.to, made = migrated.tables, "tables made");
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
    // Noted when all are there as they should be: until then somebody may be making them.
    let Some(noted) = version(session).await? else {
        return Err(Fault::NoTable(format!("there are no tables {}, or they are being made", session.table("*"))));
    };
    let mut found = Vec::new();
    for table in tables() {
        let name = session.table(table);
        match describe(session, table).await? {
            None => found.push(gone(&name)),
            Some(description) if description.table_status() == Some(&TableStatus::Creating) => {
                return Err(Fault::NoTable(format!("the table {name} is being made")));
            }
            Some(description) => found.extend(differences(session, table, &description).await?),
        }
    }
    if !found.is_empty() {
        return Err(Fault::Drifted(found));
    }
    if noted > VERSION { Err(Fault::NewerSchema { found: noted, known: VERSION }) } else { Ok(()) }
}

async fn migrate_session(session: &Session) -> Result<Migrated, Fault> {
    let from = version(session).await?.unwrap_or(0);
    if from > VERSION {
        return Err(Fault::NewerSchema { found: from, known: VERSION });
    }
    // All are asked for before the first is waited for: each takes some seconds.
    let (mut made, mut found) = (Vec::new(), Vec::new());
    for table in tables() {
        match describe(session, table).await? {
            Some(_) => {}
            // The checkpoint may be past what was in it.
            None if from > 0 => found.push(gone(&session.table(table))),
            None => {
                make(session, table).await?;
                made.push(table);
            }
        }
    }
    if !found.is_empty() {
        return Err(Fault::Drifted(found));
    }
    for table in tables() {
        let description = until_active(session, table).await?;
        // An earlier attempt may have ended between the two.
        if from == 0 && expires(table) && deletes_by(session, table).await?.is_none() {
            let expiry = TimeToLiveSpecification::builder().enabled(true).attribute_name(EXPIRES_AT).build()?;
            let request = session.client.update_time_to_live().table_name(session.table(table));
            match request.time_to_live_specification(expiry).send().await.map_err(Fault::from) {
                // Another one turned it on at the same moment; by what, is looked at below.
                Err(fault) if !fault.is_invalid() || deletes_by(session, table).await?.is_none() => return Err(fault),
                Ok(_) | Err(_) => {}
            }
        }
        found.extend(differences(session, table, &description).await?);
    }
    if !found.is_empty() {
        return Err(Fault::Drifted(found));
    }
    if from == 0 {
        for table in tables() {
            if !is_empty(session, table).await? {
                // Another one may have ended meanwhile, and somebody writes already.
                return match version(session).await? {
                    Some(VERSION) => Ok(Migrated { from, to: VERSION, tables: made.len() }),
                    Some(found) => Err(Fault::NewerSchema { found, known: VERSION }),
                    None => Err(not_ours(session, table)),
                };
            }
        }
        let mut noted: Item = schema().item();
        noted.insert(VERSION_ATTRIBUTE.to_owned(), number(VERSION));
        match session.put(CHECKPOINTS, noted, Condition::absent()).await? {
            // Another one noted the same at the same moment.
            Put::Written | Put::There(_) => {}
        }
    }
    Ok(Migrated { from, to: VERSION, tables: made.len() })
}

fn gone(name: &str) -> String {
    format!(
        "the table {name} is gone: restore it, or use another prefix, where everything is written again from the logs"
    )
}

fn schema() -> Key {
    Key { table: CHECKPOINTS, pk: SCHEMA_PK.to_owned(), sk: SCHEMA_ID.to_owned() }
}

fn expires(table: &str) -> bool {
    Collection::streamed().any(|collection| collection.name() == table && collection.expires())
}

/// The version of the items; absent: none is noted.
async fn version(session: &Session) -> Result<Option<u64>, Fault> {
    match session.get(schema()).await {
        Ok(found) => Ok(found.map(|found| long(&found, VERSION_ATTRIBUTE)).transpose()?),
        Err(fault) if fault.is_no_table() => Ok(None),
        Err(fault) => Err(fault),
    }
}

async fn is_empty(session: &Session, table: &'static str) -> Result<bool, Fault> {
    let request = session.client.scan().table_name(session.table(table));
    Ok(request.limit(1).consistent_read(true).send().await?.items().is_empty())
}

/// A table of somebody else is left alone.
fn not_ours(session: &Session, table: &str) -> Fault {
    Fault::WrongTable(format!("the table {} has items of another program: use another prefix", session.table(table)))
}

async fn describe(session: &Session, table: &'static str) -> Result<Option<TableDescription>, Fault> {
    match session.client.describe_table().table_name(session.table(table)).send().await.map_err(Fault::from) {
        Ok(found) => Ok(found.table),
        Err(fault) if fault.is_no_table() => Ok(None),
        Err(fault) => Err(fault),
    }
}

async fn make(session: &Session, table: &'static str) -> Result<(), Fault> {
    let attribute =
        |name: &str| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let request = session.client.create_table().table_name(session.table(table));
    let request = request.billing_mode(BillingMode::PayPerRequest);
    let request = request.attribute_definitions(attribute(PK)?).attribute_definitions(attribute(SK)?);
    let request = request.key_schema(key(PK, KeyType::Hash)?).key_schema(key(SK, KeyType::Range)?);
    match request.send().await.map_err(Fault::from) {
        // Another one makes it at the same moment.
        Err(fault) if !fault.is_table_there() => Err(fault),
        Ok(_) | Err(_) => Ok(()),
    }
}

async fn until_active(session: &Session, table: &'static str) -> Result<TableDescription, Fault> {
    for _ in 0..GLANCES {
        if let Some(description) = describe(session, table).await?
            && description.table_status() != Some(&TableStatus::Creating)
        {
            return Ok(description);
        }
        tokio::time::sleep(GLANCE).await;
    }
    Err(Fault::NoTable(format!("the table {} takes long to be made", session.table(table))))
}

/// How a table is otherwise than it should be. Whether its room is provisioned or paid by the request, what else is indexed, copied or
/// kept, is the operator's business.
async fn differences(
    session: &Session,
    table: &'static str,
    description: &TableDescription,
) -> Result<Vec<String>, Fault> {
    let name = session.table(table);
    let mut differences = Vec::new();
    let keys: Vec<(&str, &KeyType)> =
        description.key_schema().iter().map(|key| (key.attribute_name(), key.key_type())).collect();
    if keys != [(PK, &KeyType::Hash), (SK, &KeyType::Range)] {
        let keys: Vec<&str> = keys.into_iter().map(|(name, _)| name).collect();
        differences.push(format!("the key of {name} is {}, not {PK} and {SK}: use another prefix", keys.join(" and ")));
    }
    let mut of_key =
        description.attribute_definitions().iter().filter(|known| [PK, SK].contains(&known.attribute_name()));
    if of_key.any(|attribute| attribute.attribute_type() != &ScalarAttributeType::S) {
        differences.push(format!("the key of {name} is not of texts: use another prefix"));
    }
    match deletes_by(session, table).await?.as_deref() {
        Some(EXPIRES_AT) if expires(table) => {}
        None if !expires(table) => {}
        None => differences
            .push(format!("{name} keeps what has expired: turn its time to live on, with the attribute {EXPIRES_AT}")),
        Some(other) if expires(table) => {
            differences.push(format!("{name} deletes items by {other}, not {EXPIRES_AT}: change its time to live"));
        }
        Some(other) => differences.push(format!("{name} deletes items by {other}: turn its time to live off")),
    }
    Ok(differences)
}

/// The attribute by whose time a table's items are deleted; absent: they stay.
async fn deletes_by(session: &Session, table: &'static str) -> Result<Option<String>, Fault> {
    let answer = session.client.describe_time_to_live().table_name(session.table(table)).send().await?;
    let is_on = |status: &TimeToLiveStatus| matches!(status, TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling);
    let expiry = answer.time_to_live_description();
    let expiry = expiry.filter(|expiry| expiry.time_to_live_status().is_some_and(is_on));
    Ok(expiry.map(|expiry| expiry.attribute_name().unwrap_or_default().to_owned()))
}
