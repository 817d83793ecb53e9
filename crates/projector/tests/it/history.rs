//! Histories out of the slow exchange.

use domain::state::State;
use projector::block::CommittedBlock;
use projector::conformance::blocks;
use sim::commands::{CELL, Profile, generate, sequenced};
use sim::model::Model;

/// Commands of a seed in blocks, and the state they lead to.
pub(crate) fn history(profile: Profile, seed: u64, count: usize) -> (Vec<CommittedBlock>, State) {
    let mut model = Model::new(CELL);
    let commands: Vec<_> = sequenced(&generate(profile, seed, count)).collect();
    let blocks = blocks(&commands, |command, events| model.apply(command, events));
    (blocks, model.state())
}
