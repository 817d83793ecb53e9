//! Items. Each is in the table of its collection, and has the key `pk`, `sk`, both texts.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use documents::collection::Collection;
use documents::document::{Document, Malformed, Value};
use documents::rows::derived::BUCKET_PREFIX_LEN;
use domain::units::{Seq, UnixNanos};

pub(crate) const PK: &str = "pk";
pub(crate) const SK: &str = "sk";
pub(crate) const SEQ: &str = "seq";
/// When the service may delete an item, in seconds since 1970.
pub(crate) const EXPIRES_AT: &str = "expires_at";

/// Partitions that what belongs together is spread over: the service takes 1,000 write units a second into each.
pub(crate) const SPREAD: u64 = 8;
/// Letters of the length of a bucket, at the beginning of its prefix.
const INTERVAL_LEN: usize = 10;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Attributes by name.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Which item of which table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// What the table's name ends with.
    pub(crate) table: &'static str,
    pub(crate) pk: String,
    pub(crate) sk: String,
}

/// How the documents of a collection are spread over partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Many to an item: [`crate::pack`].
    Packed,
    /// There are few: one partition.
    Few,
    /// A partition for each subject and length of bucket, in the order of time.
    Series,
    /// Several partitions for each bucket.
    Crowd,
}

/// Of a collection.
pub(crate) const fn layout(collection: Collection) -> Layout {
    match collection {
        Collection::CompletedTrades | Collection::AuditLogs => Layout::Packed,
        Collection::Assets | Collection::Symbols => Layout::Few,
        Collection::Klines | Collection::MarketSnapshots | Collection::Analytics => Layout::Series,
        // Closed orders are not written here.
        Collection::HistoricalPositions
        | Collection::Leaderboards
        | Collection::ActiveUsers
        | Collection::ClosedOrders
        | Collection::ClosedOrderFills => Layout::Crowd,
    }
}

impl Key {
    /// An item of a table with few items.
    pub(crate) fn plain(table: &'static str, id: &str) -> Self {
        Self { table, pk: table.to_owned(), sk: id.to_owned() }
    }

    /// A document that is an item of its own.
    pub(crate) fn of_document(collection: Collection, id: &str) -> Self {
        let table = collection.name();
        let (bucket, subject) = id.split_at_checked(BUCKET_PREFIX_LEN).unwrap_or((id, ""));
        let pk = match layout(collection) {
            Layout::Series => {
                let interval = bucket.split_at_checked(INTERVAL_LEN).map_or(bucket, |(interval, _)| interval);
                format!("{interval}#{subject}")
            }
            Layout::Crowd => {
                let hash = subject.bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
                format!("{bucket}#{}", hash % SPREAD)
            }
            Layout::Few | Layout::Packed => table.to_owned(),
        };
        Self { table, pk, sk: id.to_owned() }
    }

    /// The partitions that the documents of a bucket are spread over, where that is how they are kept.
    pub(crate) fn partitions_of_bucket(bucket: &str) -> impl Iterator<Item = String> {
        (0..SPREAD).map(move |shard| format!("{bucket}#{shard}"))
    }

    pub(crate) fn of_item(table: &'static str, item: &Item) -> Result<Self, Malformed> {
        Ok(Self { table, pk: text(item, PK)?.to_owned(), sk: text(item, SK)?.to_owned() })
    }

    pub(crate) fn item(&self) -> Item {
        Item::from([(PK.to_owned(), string(&self.pk)), (SK.to_owned(), string(&self.sk))])
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.table, self.pk, self.sk)
    }
}

/// A document as an item of its own.
pub(crate) fn encode(key: &Key, document: &Document) -> Item {
    let mut item = key.item();
    item.insert(SEQ.to_owned(), number(document.seq.0));
    if let Some(expires) = document.expires {
        item.insert(EXPIRES_AT.to_owned(), number(expires.0.div_ceil(NANOS_PER_SECOND)));
    }
    for (name, value) in &document.fields {
        let value = match value {
            Value::Int(number) => AttributeValue::N(number.to_string()),
            Value::Text(text) => AttributeValue::S(text.clone().into_owned()),
            Value::Flag(flag) => AttributeValue::Bool(*flag),
            Value::Absent => AttributeValue::Null(true),
        };
        item.insert(name.clone().into_owned(), value);
    }
    item
}

/// The document that an item is.
pub(crate) fn decode(item: Item) -> Result<Document, Malformed> {
    let id = text(&item, SK)?.to_owned();
    let strange = |name: &str| Malformed(format!("{id}: {name} is nothing that was ever written"));
    let mut document =
        Document { id: Cow::Owned(id.clone()), seq: Seq(long(&item, SEQ)?), expires: None, fields: Vec::new() };
    for (name, value) in item {
        let value = match (name.as_str(), value) {
            (PK | SK | SEQ, _) => continue,
            (EXPIRES_AT, AttributeValue::N(seconds)) => {
                let seconds: u64 = seconds.parse().map_err(|_no_number| strange(&name))?;
                document.expires = Some(UnixNanos(seconds.saturating_mul(NANOS_PER_SECOND)));
                continue;
            }
            (_, AttributeValue::N(number)) => Value::Int(number.parse().map_err(|_no_number| strange(&name))?),
            (_, AttributeValue::S(text)) => Value::Text(Cow::Owned(text)),
            (_, AttributeValue::Bool(flag)) => Value::Flag(flag),
            (_, AttributeValue::Null(true)) => Value::Absent,
            (_, _) => return Err(strange(&name)),
        };
        document.fields.push((Cow::Owned(name), value));
    }
    Ok(document)
}

pub(crate) fn string(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(crate) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn text<'a>(item: &'a Item, name: &str) -> Result<&'a str, Malformed> {
    let Some(AttributeValue::S(text)) = item.get(name) else { return Err(Malformed(format!("{name} is no text"))) };
    Ok(text)
}

pub(crate) fn long(item: &Item, name: &str) -> Result<u64, Malformed> {
    let Some(AttributeValue::N(number)) = item.get(name) else {
        return Err(Malformed(format!("{name} is no number")));
    };
    number.parse().map_err(|_no_number| Malformed(format!("{name} is {number}")))
}
