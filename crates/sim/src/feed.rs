//! Histories out of the slow exchange, as stores are fed with them.

use domain::command::{Action, Command, RequestContent, Sequenced};
use domain::state::State;
use projector::block::CommittedBlock;
use projector::conformance::blocks;

use crate::commands::{CELL, Profile, generate, sequenced};
use crate::model::Model;

/// Commands of a seed in blocks, and the state they lead to.
pub fn feed(profile: Profile, seed: u64, count: usize) -> (Vec<CommittedBlock>, State) {
    feed_of(&sequenced(&generate(profile, seed, count)).collect::<Vec<_>>())
}

/// Commands among which shards are added, and nothing moves between them.
pub fn without_moves(seed: u64, count: usize) -> Vec<Sequenced<Command>> {
    let mut commands = generate(Profile::Shards, seed, count);
    commands.retain(|timed| {
        !matches!(&timed.command.action, Action::Request(request) if matches!(request.content, RequestContent::BeginMove(_)))
    });
    sequenced(&commands).collect()
}

/// The same as [`feed`] for commands that are given.
pub fn feed_of(commands: &[Sequenced<Command>]) -> (Vec<CommittedBlock>, State) {
    let mut model = Model::new(CELL);
    let blocks = blocks(commands, |command, events| model.apply(command, events));
    (blocks, model.state())
}
