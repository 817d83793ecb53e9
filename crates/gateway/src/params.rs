//! Parameters of a query string and a form: kept as they came, looked up by name, and every one of them must be used.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::text::ClientOrderId;
use domain::units::UnixNanos;

use crate::decimal::{self, Decimal, DecimalError};
use crate::error::Error;
use crate::openapi::parameters::{MIN_SEQUENCE, Parameter, SIGNED};

const PARAMETERS_MAX: usize = 64;
const INTEGER_RANGE: &str = "^[0-9]{1,20}$";
const CLIENT_ID_RANGE: &str = "^[\\.A-Z\\:/a-z0-9_-]{1,36}$";
/// Times from here on are microseconds; as milliseconds they would be in the year 5138.
const MICROS_FROM: u64 = 100_000_000_000_000;

/// The parameters of one request.
#[derive(Debug)]
pub(crate) struct Params<'a> {
    entries: Vec<(&'a str, Cow<'a, str>)>,
    /// One bit for each entry that was looked at; atomic only so that a call can move between threads.
    read: AtomicU64,
    /// Those that the endpoint says it reads; absent: nobody says.
    declared: Option<&'static [Parameter]>,
}

/// What was signed, in pieces that follow each other without separators.
pub(crate) type Signed<'a> = [&'a str; 4];

impl<'a> Params<'a> {
    /// A parameter in both takes the value of the query.
    pub(crate) fn parse(query: &'a str, form: &'a str) -> Result<Self, Error> {
        let mut params = Self { entries: Vec::with_capacity(12), read: AtomicU64::new(0), declared: None };
        params.add(query, 0)?;
        let in_query = params.entries.len();
        params.add(form, in_query)?;
        Ok(params)
    }

    /// The same for an endpoint that reads these.
    pub(crate) fn of(self, declared: &'static [Parameter]) -> Self {
        Self { declared: Some(declared), ..self }
    }

    /// What is read must be in the interface's description.
    fn is_declared(&self, name: &str) -> bool {
        let of_every_endpoint = SIGNED.iter().chain([&MIN_SEQUENCE]);
        let Some(declared) = self.declared else { return true };
        declared.iter().chain(of_every_endpoint).any(|parameter| parameter.name == name)
    }

    fn add(&mut self, text: &'a str, in_query: usize) -> Result<(), Error> {
        let own = self.entries.len();
        for piece in text.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            if self.entries.iter().skip(own).any(|(other, _)| *other == name) {
                return Err(Error::bad(-1101, "Duplicate values for a parameter detected."));
            }
            if self.entries.iter().take(in_query).any(|(other, _)| *other == name) {
                continue;
            }
            if self.entries.len() == PARAMETERS_MAX {
                return Err(Error::bad(-1101, "Too many parameters sent for this endpoint."));
            }
            self.entries
                .push((name, decoded(value).ok_or(Error::bad(-1100, "Illegal characters found in a parameter."))?));
        }
        Ok(())
    }

    /// The parameter's value, if it was sent.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<&str>, Error> {
        debug_assert!(self.is_declared(name), "parameter {name} is not in openapi/parameters.rs");
        let Some(index) = self.entries.iter().position(|(other, _)| *other == name) else { return Ok(None) };
        self.read.fetch_or(1 << index, Ordering::Relaxed);
        match self.entries.get(index) {
            Some((_, value)) if value.is_empty() => Err(Error::empty(name)),
            Some((_, value)) => Ok(Some(value)),
            None => Ok(None),
        }
    }

    pub(crate) fn mandatory(&self, name: &str) -> Result<&str, Error> {
        match self.optional(name) {
            Ok(Some(value)) => Ok(value),
            Ok(None) | Err(_) => Err(Error::mandatory(name)),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(other, _)| *other == name)
    }

    /// Everything that was sent was looked at, or the request is refused.
    pub(crate) fn all_read(&self) -> Result<(), Error> {
        let read = usize::try_from(self.read.load(Ordering::Relaxed).count_ones()).unwrap_or(0);
        let sent = self.entries.len();
        if read == sent {
            Ok(())
        } else if read == 0 {
            Err(Error::bad(-1101, format!("Too many parameters; expected '0' and received '{sent}'.")))
        } else {
            let message =
                format!("Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.");
            Err(Error::bad(-1104, message))
        }
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<u64>, Error> {
        let Some(text) = self.optional(name)? else { return Ok(None) };
        integer(text).map(Some).ok_or_else(|| Error::illegal(name, INTEGER_RANGE))
    }

    /// How many rows, from 1 to `max`; more is `max`.
    pub(crate) fn limit(&self, default: usize, max: usize) -> Result<usize, Error> {
        let limit = self.integer("limit")?.map_or(default, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        if limit == 0 { Err(Error::mandatory("limit")) } else { Ok(limit.min(max)) }
    }

    /// A time in milliseconds or microseconds.
    pub(crate) fn time(&self, name: &str) -> Result<Option<UnixNanos>, Error> {
        Ok(self.integer(name)?.map(time))
    }

    /// The last moment of a time in milliseconds, for the end of a range.
    pub(crate) fn end_time(&self, name: &str) -> Result<Option<UnixNanos>, Error> {
        let last = |number: u64| if number < MICROS_FROM { time(number).plus(999_999) } else { time(number).plus(999) };
        Ok(self.integer(name)?.map(last))
    }

    pub(crate) fn decimal(&self, name: &str) -> Result<Option<Decimal>, Error> {
        let Some(text) = self.optional(name)? else { return Ok(None) };
        match Decimal::parse(text) {
            Ok(decimal) => Ok(Some(decimal)),
            Err(DecimalError::Malformed) => Err(Error::illegal(name, decimal::RANGE)),
            Err(DecimalError::TooPrecise) => Err(Error::too_precise(name)),
        }
    }

    pub(crate) fn client_order_id(&self, name: &str) -> Result<Option<ClientOrderId>, Error> {
        let Some(text) = self.optional(name)? else { return Ok(None) };
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'/' | b'_' | b'-');
        let id = ClientOrderId::new(text).ok().filter(|_| text.bytes().all(legal));
        id.map(Some).ok_or_else(|| Error::illegal(name, CLIENT_ID_RANGE))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Error> {
        match self.optional(name)? {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(Error::illegal(name, "^(true|false)$")),
        }
    }
}

/// `text` without its `signature` parameter, in two pieces.
pub(crate) fn without_signature(text: &str) -> (&str, &str) {
    let mut start = 0;
    for piece in text.split('&') {
        let end = start + piece.len();
        if piece.starts_with("signature=") {
            let before = text.get(..start.saturating_sub(1)).unwrap_or_default();
            let after = text.get(if start == 0 { end + 1 } else { end }..).unwrap_or_default();
            return (before, after);
        }
        start = end + 1;
    }
    (text, "")
}

/// Digits only; absent where they pass `u64`.
pub(crate) fn integer(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

pub(crate) fn time(number: u64) -> UnixNanos {
    let nanos_per_unit = if number < MICROS_FROM { 1_000_000 } else { 1_000 };
    UnixNanos(number.saturating_mul(nanos_per_unit))
}

fn decoded(value: &str) -> Option<Cow<'_, str>> {
    if !value.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(value));
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let mut byte = [0];
                hex::decode_to_slice(digits, &mut byte).ok()?;
                let [byte] = byte;
                byte
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_wins_and_everything_must_be_read() {
        let params = Params::parse("a=1&b=%5B%22x%22%5D&&c", "a=2&d=x+y").unwrap();
        assert_eq!(params.mandatory("a"), Ok("1"));
        assert_eq!(params.optional("b"), Ok(Some("[\"x\"]")));
        assert_eq!(params.optional("c"), Err(Error::empty("c")));
        assert_eq!(params.all_read().unwrap_err().code, -1104);
        assert_eq!(params.optional("d"), Ok(Some("x y")));
        assert_eq!(params.all_read(), Ok(()));
        assert_eq!(Params::parse("a=1&a=1", "").unwrap_err().code, -1101);
        assert_eq!(Params::parse("a=%F", "").unwrap_err().code, -1100);
        assert_eq!(Params::parse("a=%FF", "").unwrap_err().code, -1100);
        assert_eq!(Params::parse("a=1", "").unwrap().all_read().unwrap_err().code, -1101);
    }

    #[test]
    fn the_signature_is_cut_out_wherever_it_stands() {
        assert_eq!(without_signature("a=1&signature=x"), ("a=1", ""));
        assert_eq!(without_signature("signature=x&a=1"), ("", "a=1"));
        assert_eq!(without_signature("a=1&signature=x&b=2"), ("a=1", "&b=2"));
        assert_eq!(without_signature("signature=x"), ("", ""));
        assert_eq!(without_signature("xsignature=x"), ("xsignature=x", ""));
    }

    #[test]
    fn times_are_milliseconds_or_microseconds() {
        assert_eq!(time(1_700_000_000_123), UnixNanos(1_700_000_000_123_000_000));
        assert_eq!(time(1_700_000_000_123_456), UnixNanos(1_700_000_000_123_456_000));
    }
}
