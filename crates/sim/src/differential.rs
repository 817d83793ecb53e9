//! Two venues, the same commands: after each the same events, now and then the same state, and nothing made or lost.

use std::panic::{AssertUnwindSafe, catch_unwind};

use domain::event::Event;
use domain::state::State;

use crate::commands::{Timed, sequenced};
use crate::conservation::{Follower, check_state};
use crate::venue::Venue;

/// Commands between two comparisons of the whole state.
const COMPARED_EVERY: usize = 100;
/// Commands between two restarts from the state.
const RESTORED_EVERY: usize = 500;

/// Where two venues part, or where one of them breaks.
#[derive(Debug)]
pub struct Disagreement {
    /// Place in the list of the command after which it showed.
    pub place: usize,
    /// What it is.
    pub what: String,
}

/// Runs the commands from `start` on both venues.
pub fn compare<A: Venue, B: Venue>(start: &State, commands: &[Timed]) -> Result<(), Disagreement> {
    let mut place = 0;
    let run = AssertUnwindSafe(|| run::<A, B>(start, commands, &mut place));
    let result = catch_unwind(run).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()));
        Err(format!("panic: {}", said.unwrap_or_default()))
    });
    result.map_err(|what| Disagreement { place, what })
}

fn run<A: Venue, B: Venue>(start: &State, commands: &[Timed], place: &mut usize) -> Result<(), String> {
    let (mut first, mut second) = (A::restore(start), B::restore(start));
    let mut follower = Follower::default();
    let (mut expected, mut events) = (Vec::new(), Vec::new());
    for (index, command) in sequenced(commands).enumerate() {
        *place = index;
        expected.clear();
        events.clear();
        first.apply(&command, &mut expected);
        second.apply(&command, &mut events);
        same_events(&expected, &events)?;
        follower.follow(&events)?;

        let done = index + 1;
        if done % COMPARED_EVERY == 0 || done == commands.len() {
            let state = same_state(&first, &second)?;
            check_state(&state)?;
            follower.compare(&state)?;
            second.check();
            first.check();
        }
        if done % RESTORED_EVERY == 0 {
            second = B::restore(&first.state());
            second.check();
            same_state(&first, &second).map_err(|what| format!("after a restart: {what}"))?;
        }
    }
    Ok(())
}

fn same_events(expected: &[Event], events: &[Event]) -> Result<(), String> {
    if expected == events {
        return Ok(());
    }
    let longest = expected.len().max(events.len());
    let differs = (0..longest).find(|&index| expected.get(index) != events.get(index)).unwrap_or(0);
    let (first, second) = (expected.get(differs), events.get(differs));
    Err(format!("event {differs} differs\n  first:  {first:?}\n  second: {second:?}"))
}

fn same_state<A: Venue, B: Venue>(first: &A, second: &B) -> Result<State, String> {
    let (expected, state) = (first.state(), second.state());
    if expected == state {
        return Ok(state);
    }
    let (expected, state) = (format!("{expected:#?}"), format!("{state:#?}"));
    let mut lines = expected.lines().zip(state.lines()).enumerate();
    let differs = lines.find(|(_, (first, second))| first != second).map_or(0, |(line, _)| line);
    let around =
        |text: &str| -> String { text.lines().skip(differs.saturating_sub(6)).take(12).collect::<Vec<_>>().join("\n") };
    Err(format!("the states differ\n--- first\n{}\n--- second\n{}", around(&expected), around(&state)))
}

/// The smallest list we find that still fails: drops halves, then quarters, and so on down to single commands.
pub fn shrink(commands: &[Timed], fails: impl Fn(&[Timed]) -> bool) -> Vec<Timed> {
    let mut smallest = commands.to_vec();
    let mut chunk = smallest.len().div_ceil(2);
    while chunk >= 1 {
        let mut start = 0;
        let before = smallest.len();
        while start < smallest.len() {
            let end = smallest.len().min(start + chunk);
            let fewer: Vec<Timed> = [&smallest[..start], &smallest[end..]].concat();
            if fails(&fewer) {
                smallest = fewer;
            } else {
                start = end;
            }
        }
        if chunk == 1 && smallest.len() == before {
            break;
        }
        chunk = if chunk == 1 { 1 } else { chunk / 2 };
    }
    smallest
}
