//! A line, word by word.

use domain::text::Text;

/// Why a line cannot be read.
pub(super) type Unreadable = String;

/// What is left of a line.
pub(super) struct Words<'a> {
    words: std::iter::Peekable<std::str::SplitWhitespace<'a>>,
}

impl<'a> Words<'a> {
    pub(super) fn of(line: &'a str) -> Self {
        Self { words: line.split_whitespace().peekable() }
    }

    pub(super) fn word(&mut self) -> Result<&'a str, Unreadable> {
        self.words.next().ok_or_else(|| "the line ends too early".to_owned())
    }

    pub(super) fn maybe(&mut self) -> Option<&'a str> {
        self.words.next()
    }

    pub(super) fn expect(&mut self, expected: &str) -> Result<(), Unreadable> {
        let word = self.word()?;
        if word == expected { Ok(()) } else { Err(format!("`{expected}` instead of `{word}`?")) }
    }

    pub(super) fn take_if(&mut self, expected: &str) -> bool {
        self.words.next_if_eq(&expected).is_some()
    }

    pub(super) fn end(&mut self) -> Result<(), Unreadable> {
        match self.words.next() {
            Some(word) => Err(format!("what is `{word}` here?")),
            None => Ok(()),
        }
    }
}

pub(super) fn text<const N: usize>(word: &str) -> Result<Text<N>, Unreadable> {
    Text::new(word).map_err(|error| format!("`{word}` {error}"))
}

pub(super) fn number<T: std::str::FromStr>(word: &str) -> Result<T, Unreadable> {
    word.parse().map_err(|_bad| format!("`{word}` is not a number that fits"))
}

/// Nanoseconds of `120s`, `5ms` or `7ns`.
pub(super) fn duration(word: &str) -> Result<u64, Unreadable> {
    for (unit, nanos) in [("ns", 1), ("ms", 1_000_000), ("s", 1_000_000_000)] {
        if let Some(count) = word.strip_suffix(unit) {
            let count: u64 = number(count)?;
            return count.checked_mul(nanos).ok_or_else(|| format!("`{word}` is too long"));
        }
    }
    Err(format!("`{word}` is not a duration (120s, 5ms, 7ns)"))
}

/// `InsufficientFunds` as `insufficient funds`, `InvalidInstrument(SameAsset)` as `invalid instrument: same asset`.
pub(super) fn spaced(name: &str) -> String {
    let mut spaced = String::new();
    for letter in name.chars() {
        match letter {
            '(' => spaced.push(':'),
            ')' => {}
            letter if letter.is_ascii_uppercase() => {
                if !spaced.is_empty() {
                    spaced.push(' ');
                }
                spaced.push(letter.to_ascii_lowercase());
            }
            letter => spaced.push(letter),
        }
    }
    spaced
}
