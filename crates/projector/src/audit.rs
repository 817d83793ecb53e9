//! Audit rows: who asked what, and what became of it.
//!
//! The content is JSON text, a function of the command alone: prices in ticks, quantities in lots, amounts in minor units
//! (as strings, for they pass what a JSON number holds exactly). It can be rendered again from the journal at any time, so
//! its form never changes for a command that exists. A secret appears only as the hash of its sealed form.

/// The words that an enum is written with: a function of its values, and all of them.
macro_rules! named {
    ($(#[$documentation:meta])* $all:ident, $kind:ident { $($value:pat => $word:literal),+ $(,)? }) => {
        $(#[$documentation])*
        pub const $all: &[&str] = &[$($word),+];

        pub(super) fn word(value: &$kind) -> &'static str {
            match value { $($value => $word),+ }
        }
    };
}

mod json;
mod content;
pub mod actions;
pub mod reasons;

use std::borrow::Cow;

use domain::event::{Event, RefusedPart};
use domain::ids::Hash256;

use crate::block::CommittedCommand;
use crate::rows::AuditRow;

/// The audit row of a command; `block` is the hash of the journal block that holds it.
pub fn row(committed: CommittedCommand<'_>, block: Hash256) -> AuditRow {
    let command = committed.command;
    AuditRow {
        seq: command.seq,
        time: command.time,
        envelope: command.content.envelope,
        action: Cow::Borrowed(actions::word(&command.content.action)),
        content: content::render(&command.content.action),
        outcome: outcome(committed.events),
        block,
    }
}

/// `accepted`, `repeated`, or `refused` with the part (unless it is the whole) and the reason of each refusal.
fn outcome(events: &[Event]) -> Cow<'static, str> {
    let mut refused = String::new();
    for event in events {
        if let Event::Refused(refusal) = event {
            refused.push_str(if refused.is_empty() { "refused" } else { "," });
            refused.push_str(match refusal.part {
                RefusedPart::Whole => " ",
                RefusedPart::ReplaceCancel => " cancel ",
                RefusedPart::ReplacePlace => " place ",
            });
            refused.push_str(reasons::word(&refusal.reason));
        }
    }
    match events.first() {
        _ if !refused.is_empty() => Cow::Owned(refused),
        Some(Event::OrderRepeated(_) | Event::RequestRepeated(_)) => Cow::Borrowed("repeated"),
        _ => Cow::Borrowed("accepted"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An auditor reads there what a word means.
    #[test]
    fn every_word_is_in_the_documentation() {
        let documentation = include_str!("../../../docs/audit.md");
        let table = |heading: &str| -> Vec<&str> {
            let section = documentation.split_once(heading).expect("there is such a section").1;
            let section = section.split_once("\n#").map_or(section, |(section, _)| section);
            section.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once("` |")?.0)).collect()
        };
        assert_eq!(table("### Actions\n"), actions::ACTIONS);
        let reasons = table("### Outcomes\n");
        assert_eq!(reasons[..3], ["accepted", "repeated", "refused REASON"]);
        assert_eq!(reasons[3..], *reasons::REASONS);
    }
}
