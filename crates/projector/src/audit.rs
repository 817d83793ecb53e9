//! Audit rows: who asked what, and what became of it.
//!
//! The content is JSON text, a function of the command alone: prices in ticks, quantities in lots, amounts in minor units
//! (as strings, for they pass what a JSON number holds exactly). It can be rendered again from the journal at any time, so
//! its form never changes for a command that exists. A secret appears only as the hash of its sealed form.

mod json;
mod content;
mod reasons;

use std::borrow::Cow;

use domain::event::{Event, RefusedPart};
use domain::ids::Hash256;

use crate::block::CommittedCommand;
use crate::rows::AuditRow;

/// The audit row of a command; `block` is the hash of the journal block that holds it.
pub fn row(committed: CommittedCommand<'_>, block: Hash256) -> AuditRow {
    let command = committed.command;
    let (action, content) = content::render(&command.content.action);
    AuditRow {
        seq: command.seq,
        time: command.time,
        envelope: command.content.envelope,
        action: Cow::Borrowed(action),
        content,
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
            refused.push_str(reasons::word(refusal.reason));
        }
    }
    match events.first() {
        _ if !refused.is_empty() => Cow::Owned(refused),
        Some(Event::OrderRepeated(_) | Event::RequestRepeated(_)) => Cow::Borrowed("repeated"),
        _ => Cow::Borrowed("accepted"),
    }
}
