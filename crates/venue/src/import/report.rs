//! What came of an import.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Lines of each list that are printed; all are in the file.
pub(crate) const SHOWN: usize = 20;

/// What is brought along, in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Asset,
    Symbol,
    User,
    Balance,
    Position,
    Order,
}

impl Kind {
    /// Part of request ids: never changes.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Symbol => "symbol",
            Self::User => "user",
            Self::Balance => "balance",
            Self::Position => "position",
            Self::Order => "order",
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Brought along now.
    pub(crate) new: usize,
    /// Brought along by an earlier import, and the same.
    pub(crate) earlier: usize,
    /// Nothing to bring along: zero, or listed at the venue already.
    pub(crate) nothing: usize,
    pub(crate) refused: usize,
}

/// All of an asset.
#[derive(Debug)]
pub(crate) struct AssetSum {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) venue: String,
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) counts: BTreeMap<Kind, Counts>,
    pub(crate) refused: Vec<String>,
    pub(crate) sums: Vec<AssetSum>,
    pub(crate) differences: Vec<String>,
    pub(crate) notes: Vec<String>,
}

impl Report {
    pub(crate) fn refuse(&mut self, kind: Kind, key: &str, why: &str) {
        self.counts.entry(kind).or_default().refused += 1;
        self.refused.push(format!("{} {key}: {why}", kind.word()));
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.refused.is_empty() && self.differences.is_empty()
    }

    pub(crate) fn verdict(&self) -> String {
        format!("{} rows refused, {} differences", self.refused.len(), self.differences.len())
    }

    /// As text, with so many lines of each list.
    pub(crate) fn text(&self, shown: usize) -> String {
        let mut text = format!("{:<10}{:>10}{:>10}{:>10}{:>10}\n", "", "new", "earlier", "nothing", "refused");
        for (kind, Counts { new, earlier, nothing, refused }) in &self.counts {
            let _ = writeln!(text, "{:<10}{new:>10}{earlier:>10}{nothing:>10}{refused:>10}", kind.word());
        }
        for AssetSum { name, source, venue } in &self.sums {
            let equal = if source == venue { "equal" } else { "DIFFERENT" };
            let _ = writeln!(text, "all {name}: source {source}, brought along {venue}, {equal}");
        }
        for (what, lines) in [("refused", &self.refused), ("difference", &self.differences), ("note", &self.notes)] {
            for line in lines.iter().take(shown) {
                let _ = writeln!(text, "{what}: {line}");
            }
            if lines.len() > shown {
                let _ = writeln!(text, "{what}: … and {} more; --report FILE has them", lines.len() - shown);
            }
        }
        text
    }
}
