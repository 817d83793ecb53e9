//! Documents as BSON.

use std::borrow::Cow;

use documents::document::{Document, Malformed, Value};
use domain::units::{Seq, UnixNanos};
use mongodb::bson::raw::{CStr, RawDocumentBuf, cstr};
use mongodb::bson::{Bson, DateTime, RawBsonRef};

use crate::fault::Fault;

const NANOS_PER_MS: u64 = 1_000_000;

/// A document as the server gets it.
pub fn encode(document: &Document) -> Result<RawDocumentBuf, Fault> {
    let mut raw = RawDocumentBuf::new();
    raw.append(cstr!("_id"), document.id.as_ref());
    raw.append(cstr!("seq"), document.seq.0.cast_signed());
    for (name, value) in &document.fields {
        let name: &CStr = name.as_ref().try_into().map_err(|error| Fault::Misuse(format!("{name:?}: {error}")))?;
        match value {
            Value::Int(number) => raw.append(name, *number),
            Value::Text(text) => raw.append(name, text.as_ref()),
            Value::Flag(flag) => raw.append(name, *flag),
            Value::Absent => raw.append(name, RawBsonRef::Null),
        }
    }
    if let Some(expires) = document.expires {
        raw.append(cstr!("expires_at"), date(expires));
    }
    Ok(raw)
}

/// A document as it was given to the server. A number that fits comes back smaller from some.
pub(crate) fn decode(found: mongodb::bson::Document) -> Result<Document, Malformed> {
    let mut document = Document { id: Cow::Borrowed(""), seq: Seq::ZERO, expires: None, fields: Vec::new() };
    for (name, value) in found {
        match (name.as_str(), value) {
            ("_id", Bson::String(id)) => document.id = Cow::Owned(id),
            ("seq", value) => {
                document.seq = Seq(number(&value).ok_or_else(|| strange(&document.id, &name, &value))?.cast_unsigned());
            }
            ("expires_at", Bson::DateTime(date)) => document.expires = Some(time(date)),
            (_, Bson::String(text)) => document.fields.push((Cow::Owned(name), Value::Text(Cow::Owned(text)))),
            (_, Bson::Boolean(flag)) => document.fields.push((Cow::Owned(name), Value::Flag(flag))),
            (_, Bson::Null) => document.fields.push((Cow::Owned(name), Value::Absent)),
            (_, value) => {
                let number = number(&value).ok_or_else(|| strange(&document.id, &name, &value))?;
                document.fields.push((Cow::Owned(name), Value::Int(number)));
            }
        }
    }
    Ok(document)
}

/// The id is the first field of every document.
fn strange(id: &str, name: &str, value: &Bson) -> Malformed {
    Malformed(format!("{id}: {name} is {value}"))
}

/// A whole number of either size.
pub(crate) fn number(value: &Bson) -> Option<i64> {
    if let Bson::Int32(number) = value {
        return Some((*number).into());
    }
    if let Bson::Int64(number) = value { Some(*number) } else { None }
}

/// A time as servers count it, for their own clocks.
pub(crate) fn date(time: UnixNanos) -> DateTime {
    DateTime::from_millis(i64::try_from(time.0 / NANOS_PER_MS).unwrap_or(i64::MAX))
}

fn time(date: DateTime) -> UnixNanos {
    UnixNanos(date.timestamp_millis().max(0).cast_unsigned() * NANOS_PER_MS)
}
