//! Items of the table. Each has the key `pk`, `sk`, both texts.

use std::borrow::Cow;
use std::collections::HashMap;

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

/// Partitions that what belongs together is spread over.
pub(crate) const SHARDS: u64 = 8;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Attributes by name.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Which item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    /// An item that is the only one of its kind with this id.
    pub(crate) fn plain(pk: &str, id: &str) -> Self {
        Self { pk: pk.to_owned(), sk: id.to_owned() }
    }

    /// A document that is an item of its own. Those of a bucket are spread over several partitions.
    pub(crate) fn of_document(collection: Collection, id: &str) -> Self {
        let Some((bucket, rest)) = id.split_at_checked(BUCKET_PREFIX_LEN).filter(|_| collection.is_bucketed()) else {
            return Self::plain(collection.name(), id);
        };
        let spread = rest.bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        Self { pk: partition_of_bucket(collection, bucket, spread % SHARDS), sk: id.to_owned() }
    }

    /// The partitions that the documents of a bucket are spread over.
    pub(crate) fn partitions_of_bucket(collection: Collection, bucket: &str) -> impl Iterator<Item = String> {
        (0..SHARDS).map(move |shard| partition_of_bucket(collection, bucket, shard))
    }

    pub(crate) fn of_item(item: &Item) -> Result<Self, Malformed> {
        Ok(Self { pk: text(item, PK)?.to_owned(), sk: text(item, SK)?.to_owned() })
    }

    pub(crate) fn item(&self) -> Item {
        Item::from([(PK.to_owned(), string(&self.pk)), (SK.to_owned(), string(&self.sk))])
    }
}

fn partition_of_bucket(collection: Collection, bucket: &str, shard: u64) -> String {
    format!("{}#{bucket}#{shard}", collection.name())
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.pk, self.sk)
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
    let key = Key::of_item(&item)?;
    let mut document =
        Document { id: Cow::Owned(key.sk.clone()), seq: Seq(long(&item, SEQ)?), expires: None, fields: Vec::new() };
    for (name, value) in item {
        let value = match (name.as_str(), value) {
            (PK | SK | SEQ, _) => continue,
            (EXPIRES_AT, AttributeValue::N(seconds)) => {
                let seconds: u64 = seconds.parse().map_err(|_number| strange(&key, &name))?;
                document.expires = Some(UnixNanos(seconds.saturating_mul(NANOS_PER_SECOND)));
                continue;
            }
            (_, AttributeValue::N(number)) => Value::Int(number.parse().map_err(|_number| strange(&key, &name))?),
            (_, AttributeValue::S(text)) => Value::Text(Cow::Owned(text)),
            (_, AttributeValue::Bool(flag)) => Value::Flag(flag),
            (_, AttributeValue::Null(true)) => Value::Absent,
            (_, _) => return Err(strange(&key, &name)),
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
    let found = item.get(name);
    let Some(AttributeValue::S(text)) = found else { return Err(Malformed(format!("{name} is {found:?}"))) };
    Ok(text)
}

pub(crate) fn long(item: &Item, name: &str) -> Result<u64, Malformed> {
    let found = item.get(name);
    let Some(AttributeValue::N(number)) = found else { return Err(Malformed(format!("{name} is {found:?}"))) };
    number.parse().map_err(|_number| Malformed(format!("{name} is {number}")))
}

fn strange(key: &Key, name: &str) -> Malformed {
    Malformed(format!("{key}: {name} is nothing that was ever written"))
}
