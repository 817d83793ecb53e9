//! Scenarios: text a trader can read, run on the engine and on the model. `docs/scenarios.md` says how to write one.

mod decimal;
mod words;
mod names;
mod read;
mod read_request;
mod ask;
mod given;
mod shards;
mod brought;
pub(crate) mod notes;
mod tell;
mod write;
mod stage;

use std::fmt::Write;

use domain::reject::RejectReason;
use domain::state::State;
use stage::Stage;

use crate::commands::{Timed, sequenced};
use crate::model::Model;
use crate::venue::Venue;

/// What separates a line from what is expected of it.
const ARROW: &str = " -> ";

/// A scenario that did not go as written.
#[derive(Debug)]
pub struct Failure {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// A scenario as it went.
#[derive(Debug)]
pub struct Played {
    /// The text with what came of each line in place of what was expected.
    pub text: String,
    /// Where that differs from what was expected, and what could not be read.
    pub failures: Vec<Failure>,
}

/// Plays a scenario.
pub fn play(text: &str) -> Played {
    let mut stage = Stage::new();
    let mut played = Played { text: String::new(), failures: Vec::new() };
    for (line, written) in (1..).zip(text.lines()) {
        let (left, expected) = match written.split_once(ARROW) {
            Some((left, expected)) => (left, Some(expected.trim())),
            None => (written, None),
        };
        let went = if left.trim().is_empty() || left.starts_with('#') { Ok(None) } else { stage.play(left) };
        match (went, expected) {
            (Ok(Some(went)), Some(expected)) => {
                writeln!(played.text, "{left}{ARROW}{}", went.said).expect("a string takes everything");
                if went.said != expected {
                    let what = format!("{}\n   expected: {expected}\n   went:     {}", left.trim_end(), went.said);
                    played.failures.push(Failure { line, what });
                }
                continue;
            }
            (Ok(Some(went)), None) if went.refused => {
                played.failures.push(Failure { line, what: format!("{left}\n   went:     {}", went.said) });
            }
            (Ok(Some(_)), None) | (Ok(None), _) => {}
            (Err(what), _) => played.failures.push(Failure { line, what: format!("{left}\n   {what}") }),
        }
        played.text.push_str(written);
        played.text.push('\n');
    }
    played
}

/// The words for a reason.
pub fn say_reason(reason: RejectReason) -> String {
    words::spaced(&format!("{reason:?}"))
}

/// The commands as a scenario, each with what the model says to it.
pub fn transcribe(start: &State, commands: &[Timed]) -> String {
    let mut model = Model::restore(start);
    let mut text = String::new();
    let mut events = Vec::new();
    let mut names = tell::OrderNames::default();
    for command in sequenced(commands) {
        let left = write::write(model.as_state(), &command);
        events.clear();
        model.apply(&command, &mut events);
        let said = tell::tell(model.as_state(), &mut names, &events);
        writeln!(text, "{left}{ARROW}{}", said.said).expect("a string takes everything");
    }
    text
}
