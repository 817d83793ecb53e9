//! As much of a JSON writer as the contents need: flat text, no tree in between.

use std::fmt::Write as _;

use domain::text::Text;
use domain::units::{Amount, UnixNanos};

use crate::decimal;

/// An object that is being written.
#[derive(Debug)]
pub(super) struct Object<'a> {
    out: &'a mut String,
}

impl<'a> Object<'a> {
    pub(super) fn begin(out: &'a mut String) -> Self {
        out.push('{');
        Self { out }
    }

    pub(super) fn end(self) {
        self.out.push('}');
    }

    /// A number that stays inside what a JSON number holds exactly.
    pub(super) fn number(&mut self, name: &str, value: impl Into<u64>) {
        self.name(name);
        decimal::write_whole(self.out, value.into());
    }

    pub(super) fn amount(&mut self, name: &str, value: Amount) {
        self.name(name);
        self.out.push('"');
        decimal::write(self.out, value, 0);
        self.out.push('"');
    }

    /// Nanoseconds since 1970, as text: they pass what a JSON number holds exactly.
    pub(super) fn time(&mut self, name: &str, value: UnixNanos) {
        self.name(name);
        self.out.push('"');
        decimal::write_whole(self.out, value.0);
        self.out.push('"');
    }

    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.name(name);
        self.out.push_str(if value { "true" } else { "false" });
    }

    /// A word of ours: nothing in it needs escaping.
    pub(super) fn word(&mut self, name: &str, value: &'static str) {
        self.name(name);
        self.out.push('"');
        self.out.push_str(value);
        self.out.push('"');
    }

    /// A caller's text: printable ASCII, so that quotes and backslashes are all there is to escape.
    pub(super) fn text<const N: usize>(&mut self, name: &str, value: &Text<N>) {
        self.name(name);
        self.out.push('"');
        let value = value.as_str();
        if value.contains(['"', '\\']) {
            for character in value.chars() {
                if matches!(character, '"' | '\\') {
                    self.out.push('\\');
                }
                self.out.push(character);
            }
        } else {
            self.out.push_str(value);
        }
        self.out.push('"');
    }

    pub(super) fn bytes(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        self.out.push('"');
        for byte in value {
            write!(self.out, "{byte:02x}").expect("a string takes everything");
        }
        self.out.push('"');
    }

    pub(super) fn null(&mut self, name: &str) {
        self.name(name);
        self.out.push_str("null");
    }

    pub(super) fn object(&mut self, name: &str) -> Object<'_> {
        self.name(name);
        Object::begin(self.out)
    }

    fn name(&mut self, name: &str) {
        if !self.out.ends_with('{') {
            self.out.push(',');
        }
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
    }
}
