//! A document: an id, the command that wrote it, and plain values by name.

use std::borrow::Cow;
use std::fmt;

use domain::ids::{Hash256, VenueId};
use domain::units::{Seq, UnixNanos};
use projector::words::Word;

/// What a document says under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A whole number. The few of ours that may use the last bit of 64 keep their bits.
    Int(i64),
    /// Text; also amounts (canonical decimals) and hashes (hexadecimal).
    Text(Cow<'static, str>),
    /// A truth value.
    Flag(bool),
    /// Nothing.
    Absent,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Flag(flag) => flag.fmt(f),
            Self::Absent => f.write_str("nothing"),
        }
    }
}

/// A name and a value.
pub type Field = (Cow<'static, str>, Value);

/// One document of a collection.
#[derive(Debug, Clone)]
pub struct Document {
    /// Key in its collection.
    pub id: Cow<'static, str>,
    /// Sequence of the command that wrote it, for the last time.
    pub seq: Seq,
    /// When the database may delete it. It is one of its fields as well: this one is rounded in some databases.
    pub expires: Option<UnixNanos>,
    /// Everything else.
    pub fields: Vec<Field>,
}

impl Document {
    /// A document that stays.
    pub fn new<const N: usize>(id: impl Into<Cow<'static, str>>, seq: Seq, fields: [(&'static str, Value); N]) -> Self {
        let fields = fields.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect();
        Self { id: id.into(), seq, expires: None, fields }
    }

    /// What it says under a name.
    pub fn get(&self, name: &str) -> Result<&Value, Malformed> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value).ok_or_else(|| Malformed(format!("{}: no field {name:?}", self.id)))
    }

    /// A number that was written from an unsigned one.
    pub fn long(&self, name: &str) -> Result<u64, Malformed> {
        match self.get(name)? {
            Value::Int(value) => Ok(value.cast_unsigned()),
            other @ (Value::Text(_) | Value::Flag(_) | Value::Absent) => Err(self.wrong(name, other)),
        }
    }

    /// A number of a smaller type.
    pub fn small<T: TryFrom<u64>>(&self, name: &str) -> Result<T, Malformed> {
        let value = self.long(name)?;
        T::try_from(value).map_err(|_too_large| Malformed(format!("{}: {name} is {value}", self.id)))
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<&str, Malformed> {
        match self.get(name)? {
            Value::Text(text) => Ok(text),
            other @ (Value::Int(_) | Value::Flag(_) | Value::Absent) => Err(self.wrong(name, other)),
        }
    }

    /// A truth value.
    pub fn flag(&self, name: &str) -> Result<bool, Malformed> {
        match self.get(name)? {
            Value::Flag(flag) => Ok(*flag),
            other @ (Value::Int(_) | Value::Text(_) | Value::Absent) => Err(self.wrong(name, other)),
        }
    }

    /// A hash.
    pub fn hash(&self, name: &str) -> Result<Hash256, Malformed> {
        let text = self.text(name)?;
        let hash = bytes_of(text).and_then(|bytes| bytes.try_into().ok()).map(Hash256);
        hash.ok_or_else(|| Malformed(format!("{}: {name} is {text:?}, not a hash", self.id)))
    }

    /// A venue.
    pub fn venue(&self, name: &str) -> Result<VenueId, Malformed> {
        let text = self.text(name)?;
        let venue = bytes_of(text).and_then(|bytes| bytes.try_into().ok()).map(VenueId);
        venue.ok_or_else(|| Malformed(format!("{}: {name} is {text:?}", self.id)))
    }

    /// One of our words.
    pub fn word<T: Word>(&self, name: &str) -> Result<T, Malformed> {
        let text = self.text(name)?;
        T::of_word(text).ok_or_else(|| Malformed(format!("{}: {name} is {text:?}", self.id)))
    }

    /// Something, unless nothing is said.
    pub fn optional<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Self, &str) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        match self.get(name)? {
            Value::Absent => Ok(None),
            Value::Int(_) | Value::Text(_) | Value::Flag(_) => read(self, name).map(Some),
        }
    }

    fn wrong(&self, name: &str, value: &Value) -> Malformed {
        Malformed(format!("{}: {name} is {value}", self.id))
    }
}

/// The same, whatever the order of the fields.
impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        let has = |(name, value): &Field| other.fields.iter().any(|field| field.0 == *name && field.1 == *value);
        self.id == other.id
            && self.seq == other.seq
            && self.fields.len() == other.fields.len()
            && self.fields.iter().all(has)
    }
}

impl Eq for Document {}

/// A document does not say anything that was ever written: what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a document that was never written: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// Bytes as hexadecimal text.
pub(crate) fn text_of(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The bytes of a hexadecimal text.
pub(crate) fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let digit = |letter: u8| char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

impl From<Hash256> for Value {
    fn from(hash: Hash256) -> Self {
        Self::from(text_of(&hash.0))
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Int(value.cast_signed())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u8> for Value {
    fn from(value: u8) -> Self {
        Self::Int(value.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Flag(value)
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<Cow<'static, str>> for Value {
    fn from(text: Cow<'static, str>) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Into::into)
    }
}
