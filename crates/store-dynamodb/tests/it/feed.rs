//! Histories out of the slow exchange.

use domain::command::{Command, Sequenced};
use domain::state::State;
use domain::units::UnixNanos;
use projector::block::CommittedBlock;
use projector::conformance;
use sim::commands::{CELL, Profile, generate, sequenced};
use sim::model::Model;

/// Commands of a seed in blocks of 1 to 9, and the state they lead to.
pub(crate) fn feed(profile: Profile, seed: u64, count: usize) -> (Vec<CommittedBlock>, State) {
    feed_of(&commands(profile, seed, count))
}

/// Later than any clock, so that nothing has expired: eighty years.
const LATER_NS: u64 = 80 * 365 * 86_400 * 1_000_000_000;

pub(crate) fn commands(profile: Profile, seed: u64, count: usize) -> Vec<Sequenced<Command>> {
    let later = |command: Sequenced<Command>| Sequenced { time: command.time.plus(LATER_NS), ..command };
    sequenced(&generate(profile, seed, count)).map(later).collect()
}

/// The same, minutes apart.
pub(crate) fn slow_feed(profile: Profile, seed: u64, count: usize) -> Vec<CommittedBlock> {
    let mut commands = commands(profile, seed, count);
    let begin = commands[0].time;
    for command in &mut commands {
        command.time = UnixNanos(begin.0 + command.time.since(begin) * 3_000);
    }
    feed_of(&commands).0
}

/// The same for commands that are given.
pub(crate) fn feed_of(commands: &[Sequenced<Command>]) -> (Vec<CommittedBlock>, State) {
    let mut model = Model::new(CELL);
    let blocks = conformance::blocks(commands, |command, events| model.apply(command, events));
    (blocks, model.state())
}
