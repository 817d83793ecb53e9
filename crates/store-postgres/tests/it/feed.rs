//! Histories out of the slow exchange.

use domain::command::{Action, Command, RequestContent, Sequenced};
use domain::ids::{Hash256, VenueId};
use domain::state::State;
use domain::units::{Epoch, Seq};
use projector::block::{BlockInfo, CommittedBlock};
use sim::commands::{CELL, Profile, generate, sequenced};
use sim::model::Model;

pub(crate) const VENUE: VenueId = VenueId([7; 16]);

/// Commands of a seed in blocks of 1 to 9, and the state they lead to.
pub(crate) fn feed(profile: Profile, seed: u64, count: usize) -> (Vec<CommittedBlock>, State) {
    feed_of(&sequenced(&generate(profile, seed, count)).collect::<Vec<_>>())
}

/// Commands among which shards are added, and nothing moves between them.
pub(crate) fn without_moves(seed: u64, count: usize) -> Vec<Sequenced<Command>> {
    let mut commands = generate(Profile::Shards, seed, count);
    commands.retain(|timed| {
        !matches!(&timed.command.action, Action::Request(request) if matches!(request.content, RequestContent::BeginMove(_)))
    });
    sequenced(&commands).collect()
}

/// The same for commands that are given.
pub(crate) fn feed_of(commands: &[Sequenced<Command>]) -> (Vec<CommittedBlock>, State) {
    let mut model = Model::new(CELL);
    let mut blocks = Vec::new();
    let mut rest = commands;
    while let Some(first) = rest.first() {
        let size = 1 + usize::try_from(first.seq.0.wrapping_mul(0x9e37_79b9) >> 7).unwrap() % 9;
        let (block, later) = rest.split_at(size.min(rest.len()));
        blocks.push(committed(&mut model, block));
        rest = later;
    }
    (blocks, model.state())
}

fn committed(model: &mut Model, commands: &[Sequenced<Command>]) -> CommittedBlock {
    let (first, last) = (commands[0].seq, commands[commands.len() - 1].seq);
    let mut block = CommittedBlock::new(BlockInfo {
        venue: VENUE,
        epoch: Epoch(1),
        first,
        last,
        journal: hash(1, last),
        events: hash(2, last),
    });
    for command in commands {
        let mut events = Vec::new();
        model.apply(command, &mut events);
        block.push(command.clone(), events);
    }
    block
}

fn hash(kind: u8, seq: Seq) -> Hash256 {
    let mut bytes = [kind; 32];
    bytes[..8].copy_from_slice(&seq.0.to_le_bytes());
    Hash256(bytes)
}
