//! Writes JSON straight into bytes: the answers are small, and there are many of them.

/// One JSON text being written. Commas come by themselves.
#[derive(Debug)]
pub(crate) struct Json {
    bytes: Vec<u8>,
}

impl Json {
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::with_capacity(512) }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// `{ … }`
    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.comma();
        self.bytes.push(b'{');
        fill(self);
        self.bytes.push(b'}');
    }

    /// `[ … ]`
    pub(crate) fn array(&mut self, fill: impl FnOnce(&mut Self)) {
        self.comma();
        self.bytes.push(b'[');
        fill(self);
        self.bytes.push(b']');
    }

    /// `"name":`; a value must follow.
    pub(crate) fn name(&mut self, name: &str) -> &mut Self {
        self.comma();
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
        self
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.name(name).text_value(text);
    }

    /// A text of our own that needs no escapes: a decimal, a word, an id.
    pub(crate) fn plain(&mut self, name: &str, text: &[u8]) {
        self.name(name).plain_value(text);
    }

    pub(crate) fn number(&mut self, name: &str, number: u64) {
        self.name(name).number_value(number);
    }

    pub(crate) fn flag(&mut self, name: &str, flag: bool) {
        self.name(name).raw_value(if flag { b"true" } else { b"false" });
    }

    /// A value that is JSON already.
    pub(crate) fn raw(&mut self, name: &str, value: &[u8]) {
        self.name(name).raw_value(value);
    }

    pub(crate) fn text_value(&mut self, text: &str) {
        self.comma();
        self.bytes.push(b'"');
        for byte in text.bytes() {
            match byte {
                b'"' => self.bytes.extend_from_slice(b"\\\""),
                b'\\' => self.bytes.extend_from_slice(b"\\\\"),
                0..=0x1f => {
                    self.bytes.extend_from_slice(b"\\u00");
                    self.bytes.extend_from_slice(hex::encode([byte]).as_bytes());
                }
                _ => self.bytes.push(byte),
            }
        }
        self.bytes.push(b'"');
    }

    pub(crate) fn plain_value(&mut self, text: &[u8]) {
        self.comma();
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(text);
        self.bytes.push(b'"');
    }

    pub(crate) fn number_value(&mut self, number: u64) {
        self.comma();
        let mut digits = Digits::new();
        self.bytes.extend_from_slice(digits.of(u128::from(number)));
    }

    pub(crate) fn raw_value(&mut self, value: &[u8]) {
        self.comma();
        self.bytes.extend_from_slice(value);
    }

    fn comma(&mut self) {
        match self.bytes.last() {
            None | Some(b'{' | b'[' | b':' | b',') => {}
            Some(_) => self.bytes.push(b','),
        }
    }
}

/// Room for the decimal digits of any number.
pub(crate) struct Digits {
    bytes: [u8; 40],
}

impl Digits {
    pub(crate) fn new() -> Self {
        Self { bytes: [b'0'; 40] }
    }

    /// The digits of `number`, without leading zeros.
    pub(crate) fn of(&mut self, number: u128) -> &[u8] {
        let mut first = self.bytes.len();
        let mut high = number;
        // Division of 128 bits is slow; most numbers fit the loop below.
        while high > u128::from(u64::MAX) {
            first = self.put(first, u8::try_from(high % 10).unwrap_or(0));
            high /= 10;
        }
        let mut low = u64::try_from(high).unwrap_or(0);
        loop {
            first = self.put(first, u8::try_from(low % 10).unwrap_or(0));
            low /= 10;
            if low == 0 {
                break;
            }
        }
        self.bytes.get(first..).unwrap_or_default()
    }

    fn put(&mut self, end: usize, digit: u8) -> usize {
        let place = end.saturating_sub(1);
        if let Some(byte) = self.bytes.get_mut(place) {
            *byte = b'0' + digit;
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_come_between_values_only() {
        let mut json = Json::new();
        json.object(|json| {
            json.number("a", 0);
            json.name("b").array(|json| {
                json.number_value(u64::MAX);
                json.text_value("x\"\\\n");
                json.array(|_| {});
                json.object(|json| json.flag("c", true));
            });
            json.raw("d", b"null");
        });
        let text = String::from_utf8(json.into_bytes()).unwrap();
        assert_eq!(text, r#"{"a":0,"b":[18446744073709551615,"x\"\\\u000a",[],{"c":true}],"d":null}"#);
        assert_eq!(Digits::new().of(u128::MAX), b"340282366920938463463374607431768211455");
    }
}
