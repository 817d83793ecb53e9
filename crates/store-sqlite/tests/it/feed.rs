//! Histories out of the slow exchange.

use domain::command::{Command, Sequenced};
use domain::state::State;
use projector::block::CommittedBlock;
use projector::conformance::blocks;
use sim::commands::{CELL, Profile, generate, sequenced};
use sim::model::Model;

/// Commands of a seed in blocks, and the state they lead to.
pub(crate) fn feed(profile: Profile, seed: u64, count: usize) -> (Vec<CommittedBlock>, State) {
    feed_of(&sequenced(&generate(profile, seed, count)).collect::<Vec<_>>())
}

/// The same for commands that are given.
pub(crate) fn feed_of(commands: &[Sequenced<Command>]) -> (Vec<CommittedBlock>, State) {
    let mut model = Model::new(CELL);
    let blocks = blocks(commands, |command, events| model.apply(command, events));
    (blocks, model.state())
}
