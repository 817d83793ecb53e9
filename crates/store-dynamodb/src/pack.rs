//! Packed items: documents with consecutive numbers, as lines of JSON, compressed together.
//!
//! ```text
//!   number     1 … 63 │ 64 … 127 │ 128 … 191 │ …       64 numbers to an item
//!   pk         0#0        0#1        0#2         partition#(item number modulo 8): consecutive items are not in one place
//!   sk         00000000000000000000           the item's number
//!   rows       zstd of {"id":…,"seq":…,…}\n   one line for each document, in the order of their numbers
//!   count      how many lines                 only the last item of a partition has fewer than it could
//!   seq        of the last line
//!   digest     of the lines                   what a writer that adds lines names as what it read
//! ```

use std::borrow::Cow;
use std::io::Write as _;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use documents::collection::Collection;
use documents::document::{Document, Malformed, Value};
use domain::units::{Seq, UnixNanos};
use serde_json::Value as Json;

use crate::fault::Fault;
use crate::item::{Item, Key, PK, SEQ, SK, SPREAD, long, number, string, text};

/// Numbers that share an item.
pub const NUMBERS_PER_ITEM: u64 = 64;
/// More makes items little smaller and takes much longer.
const LEVEL: i32 = 1;

const ROWS: &str = "rows";
const COUNT: &str = "count";
pub(crate) const DIGEST: &str = "digest";

/// Which packed item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackPlace {
    /// In which collection.
    pub collection: Collection,
    /// In which sequence of numbers.
    pub partition: u32,
    /// Which item of it.
    pub item: u64,
}

impl PackPlace {
    /// The item of a number.
    pub const fn of(collection: Collection, partition: u32, number: u64) -> Self {
        Self { collection, partition, item: number / NUMBERS_PER_ITEM }
    }

    /// The first number that is in it; numbers begin at 1.
    pub const fn first(&self) -> u64 {
        if self.item == 0 { 1 } else { self.item * NUMBERS_PER_ITEM }
    }

    /// How many documents it has when nothing is missing.
    pub const fn capacity(&self) -> u64 {
        (self.item + 1) * NUMBERS_PER_ITEM - self.first()
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { item: self.item + 1, ..self }
    }

    /// The place that a key names.
    pub(crate) fn of_key(collection: Collection, key: &Key) -> Result<Self, Malformed> {
        let wrong = || Malformed(format!("{key} is no place of packed documents"));
        let partition = key.pk.split_once('#').and_then(|(partition, _)| partition.parse().ok()).ok_or_else(wrong)?;
        let item = key.sk.parse().ok().ok_or_else(wrong)?;
        Ok(Self { collection, partition, item })
    }

    pub(crate) fn key(&self) -> Key {
        let pk = format!("{}#{}", self.partition, self.item % SPREAD);
        Key { table: self.collection.name(), pk, sk: format!("{:020}", self.item) }
    }

    /// The partitions that the items of a sequence of numbers are spread over.
    pub(crate) fn shards(partition: u32) -> impl Iterator<Item = String> {
        (0..SPREAD).map(move |shard| format!("{partition}#{shard}"))
    }
}

/// The documents of an item, in the order of their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pack {
    /// Each ends with a line feed.
    lines: Vec<u8>,
    /// Where each ends, and which command wrote it.
    ends: Vec<(usize, Seq)>,
}

impl Pack {
    /// How many documents.
    pub fn count(&self) -> u64 {
        self.ends.len() as u64
    }

    /// Whether its place takes more.
    pub(crate) fn has_room(&self, place: &PackPlace) -> bool {
        self.count() < place.capacity()
    }

    /// The command that wrote the last.
    pub fn seq(&self) -> Seq {
        self.ends.last().map_or(Seq::ZERO, |(_, seq)| *seq)
    }

    /// Adds the next document.
    pub fn push(&mut self, document: &Document) -> Result<(), Fault> {
        write_line(&mut self.lines, document).map_err(|error| Fault::Misuse(format!("{}: {error}", document.id)))?;
        self.ends.push((self.lines.len(), document.seq));
        Ok(())
    }

    /// The first so many documents of it.
    #[must_use]
    pub fn first(&self, count: u64) -> Self {
        let ends = &self.ends[..usize::try_from(count).map_or(self.ends.len(), |count| count.min(self.ends.len()))];
        let end = ends.last().map_or(0, |(end, _)| *end);
        Self { lines: self.lines[..end].to_vec(), ends: ends.to_vec() }
    }

    /// How many of its documents are not later than a command.
    pub(crate) fn count_through(&self, through: Seq) -> u64 {
        self.ends.partition_point(|(_, seq)| *seq <= through) as u64
    }

    /// Whether the two say the same as far as both go.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let count = self.count().min(other.count());
        self.first(count) == other.first(count)
    }

    /// What tells it apart from any other.
    pub(crate) fn digest(&self) -> String {
        blake3::hash(&self.lines).to_hex()[..16].to_owned()
    }

    /// The documents.
    pub fn documents(&self) -> Result<Vec<Document>, Malformed> {
        let mut begin = 0;
        let mut documents = Vec::new();
        for (end, _) in &self.ends {
            documents.push(read_line(&self.lines[begin..*end])?);
            begin = *end;
        }
        Ok(documents)
    }

    /// As an item.
    pub(crate) fn item(&self, place: &PackPlace) -> Result<Item, Fault> {
        let rows = zstd::bulk::compress(&self.lines, LEVEL).map_err(|error| Fault::Misuse(error.to_string()))?;
        let mut item = place.key().item();
        item.insert(ROWS.to_owned(), AttributeValue::B(Blob::new(rows)));
        item.insert(COUNT.to_owned(), number(self.count()));
        item.insert(SEQ.to_owned(), number(self.seq().0));
        item.insert(DIGEST.to_owned(), string(&self.digest()));
        Ok(item)
    }

    /// What an item holds.
    pub(crate) fn of_item(item: &Item) -> Result<Self, Malformed> {
        let key = (text(item, PK)?, text(item, SK)?);
        let wrong = |what: &str| Malformed(format!("{} {}: {what}", key.0, key.1));
        let Some(AttributeValue::B(rows)) = item.get(ROWS) else { return Err(wrong("no rows")) };
        let lines = zstd::stream::decode_all(rows.as_ref()).map_err(|error| wrong(&error.to_string()))?;
        let mut pack = Self { lines, ends: Vec::new() };
        let mut begin = 0;
        for end in pack.lines.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1) {
            pack.ends.push((end, read_line(&pack.lines[begin..end])?.seq));
            begin = end;
        }
        if pack.count() != long(item, COUNT)? || pack.digest() != text(item, DIGEST)? {
            return Err(wrong("count or digest is not that of the rows"));
        }
        Ok(pack)
    }
}

fn write_line(out: &mut Vec<u8>, document: &Document) -> std::io::Result<()> {
    out.extend(b"{\"id\":");
    serde_json::to_writer(&mut *out, &document.id)?;
    write!(out, ",\"seq\":{}", document.seq.0)?;
    if let Some(expires) = document.expires {
        write!(out, ",\"expires_at\":{}", expires.0)?;
    }
    for (name, value) in &document.fields {
        // Our names need no escapes.
        write!(out, ",\"{name}\":")?;
        match value {
            Value::Int(number) => write!(out, "{number}")?,
            Value::Text(text) => serde_json::to_writer(&mut *out, text)?,
            Value::Flag(flag) => write!(out, "{flag}")?,
            Value::Absent => out.extend(b"null"),
        }
    }
    out.extend(b"}\n");
    Ok(())
}

fn read_line(line: &[u8]) -> Result<Document, Malformed> {
    let wrong = |what: String| Malformed(format!("{what} in {}", String::from_utf8_lossy(line)));
    let read: serde_json::Map<String, Json> = serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))?;
    let mut document = Document { id: Cow::Borrowed(""), seq: Seq::ZERO, expires: None, fields: Vec::new() };
    for (name, value) in read {
        match (name.as_str(), value) {
            ("id", Json::String(id)) => document.id = Cow::Owned(id),
            ("seq", Json::Number(seq)) => {
                document.seq = Seq(seq.as_u64().ok_or_else(|| wrong("no sequence".into()))?);
            }
            ("expires_at", Json::Number(time)) => document.expires = time.as_u64().map(UnixNanos),
            (_, value) => {
                let value = match value {
                    Json::Null => Value::Absent,
                    Json::Bool(flag) => Value::Flag(flag),
                    Json::String(text) => Value::Text(Cow::Owned(text)),
                    Json::Number(number) => {
                        Value::Int(number.as_i64().ok_or_else(|| wrong(format!("{name} is {number}")))?)
                    }
                    Json::Array(_) | Json::Object(_) => return Err(wrong(format!("{name} is neither"))),
                };
                document.fields.push((Cow::Owned(name), value));
            }
        }
    }
    Ok(document)
}
