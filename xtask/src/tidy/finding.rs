//! What a rule found.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Warning,
    Error,
}

/// A place and what is wrong with it, in the form that editors can jump to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) weight: Weight,
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) text: String,
}

impl Finding {
    pub(super) fn error(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { weight: Weight::Error, path: path.to_owned(), line, text: text.into() }
    }

    pub(super) fn warning(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { weight: Weight::Warning, ..Self::error(path, line, text) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.weight {
            Weight::Warning => "warning",
            Weight::Error => "error",
        };
        write!(f, "{}:{}: {weight}: {}", self.path, self.line, self.text)
    }
}

/// Runs a rule over files given as text and compares what it finds, as printed.
#[cfg(test)]
pub(super) fn check(rule: fn(&super::tree::Tree) -> Vec<Finding>, files: &[(&str, &str)], expected: &[&str]) {
    let found: Vec<String> = rule(&super::tree::Tree::of(files)).iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{files:?}");
}
