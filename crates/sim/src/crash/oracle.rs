//! What a venue has promised, and whether its disk still keeps it.

use std::collections::BTreeMap;

use codec::command::CommandReader;
use codec::event::EventReader;
use domain::command::{Command, Sequenced};
use domain::event::Event;
use domain::ids::Hash256;
use domain::units::{Epoch, Seq, UnixNanos};
use journal::block::OwnedBlock;
use journal::journal::Journal;
use journal::tip::Tip;
use sequencer::batch::Batch;
use sequencer::execution_index::entry::numbered;
use sequencer::recovery::Recovered;

use super::life::Answered;
use crate::commands::CELL;
use crate::conservation::check_state;
use crate::model::Model;

/// A command that was released, with what came of it.
type Released = (Sequenced<Command>, Vec<Event>);

/// What recovery found of what had not been answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) unanswered_kept: u64,
    pub(super) lost: u64,
}

/// Remembers everything that left the venue, and follows with the model.
#[derive(Debug)]
pub(super) struct Oracle {
    /// All commands taken, over all lives, by token.
    submitted: Vec<Command>,
    /// Tokens of this life begin here.
    life_begins: usize,
    /// Commands that were in the journal when this life began.
    kept_before: usize,
    /// Released, in the order of their sequence from 1 on. After a recovery: everything in the journal.
    released: Vec<Released>,
    answers: u64,
    /// Chain hash of the event log by the last sequence of the block.
    hashes: BTreeMap<Seq, Hash256>,
    model: Model,
    epoch: Epoch,
}

impl Oracle {
    pub(super) fn new() -> Self {
        Self {
            submitted: Vec::new(),
            life_begins: 0,
            kept_before: 0,
            released: Vec::new(),
            answers: 0,
            hashes: BTreeMap::new(),
            model: Model::new(CELL),
            epoch: Epoch(0),
        }
    }

    pub(super) fn answered(&self) -> u64 {
        self.answers
    }

    pub(super) fn submitted(&self) -> usize {
        self.submitted.len()
    }

    pub(super) fn next_token(&self) -> u64 {
        count(self.submitted.len())
    }

    /// The command was taken under the next token.
    pub(super) fn submit(&mut self, command: Command) {
        self.submitted.push(command);
    }

    pub(super) fn release(&mut self, batch: &Batch) -> Result<(), String> {
        for (command, events) in batch.iter() {
            let expected = count(self.released.len()) + 1;
            ensure(command.seq == Seq(expected), || format!("{:?} is released as number {expected}", command.seq))?;
            self.released.push((command.clone(), events.to_vec()));
        }
        Ok(())
    }

    /// Each answer is about the command that was submitted, and says what was released.
    pub(super) fn answer(&mut self, answers: impl Iterator<Item = Answered>) -> Result<(), String> {
        for (token, seq, events) in answers {
            self.answers += 1;
            let (command, released) = self.released_at(seq)?;
            let submitted = usize::try_from(token).ok().and_then(|token| self.submitted.get(token));
            ensure(submitted == Some(&command.content), || format!("token {token} is answered for another command"))?;
            ensure(*released == events, || format!("token {token} is answered with other events"))?;
        }
        Ok(())
    }

    fn released_at(&self, seq: Seq) -> Result<&Released, String> {
        let place = seq.0.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        place.and_then(|place| self.released.get(place)).ok_or_else(|| format!("{seq:?} was never released"))
    }

    /// A block of the event log once readers have heard of it never changes.
    pub(super) fn written(&mut self, tip: Tip) -> Result<(), String> {
        let known = *self.hashes.entry(tip.seq).or_insert(tip.hash);
        ensure(known == tip.hash, || format!("the event log has another hash at {:?} than before", tip.seq))
    }

    /// Compares everything on the disk with everything promised.
    pub(super) fn recovered(&mut self, recovered: &Recovered) -> Result<Outcome, String> {
        ensure(recovered.epoch > self.epoch, || format!("{:?} after {:?}", recovered.epoch, self.epoch))?;
        self.epoch = recovered.epoch;
        let journal = blocks(&recovered.journal)?;
        let events = blocks(recovered.event_log.journal())?;
        check_boundaries(&journal, &events)?;
        for block in &events {
            let seq = block.header.last_seq();
            let known = *self.hashes.entry(seq).or_insert(block.hash);
            ensure(known == block.hash, || format!("the event log has another hash at {seq:?} than before"))?;
        }
        let kept = decode(&journal, &events)?;
        self.check_released(&kept)?;
        let outcome = self.check_submitted(&kept)?;
        self.check_model(&kept, recovered)?;
        check_index(&kept, recovered)?;
        self.kept_before = kept.len();
        self.released = kept;
        self.life_begins = self.submitted.len();
        Ok(outcome)
    }

    /// Every released command is there once, at its place, with its events.
    fn check_released(&self, kept: &[Released]) -> Result<(), String> {
        ensure(kept.len() >= self.released.len(), || {
            format!("{} commands were released, {} are left", self.released.len(), kept.len())
        })?;
        for (released, kept) in self.released.iter().zip(kept) {
            ensure(released == kept, || format!("released: {released:?}\nfound: {kept:?}"))?;
        }
        Ok(())
    }

    /// What this life has added to the journal is what was submitted first, in that order: nothing twice, nothing left out.
    fn check_submitted(&self, kept: &[Released]) -> Result<Outcome, String> {
        let this_life = self.submitted.get(self.life_begins..).unwrap_or_default();
        let added = kept.get(self.kept_before..).unwrap_or_default();
        ensure(added.len() <= this_life.len(), || "the journal has more commands than were submitted".into())?;
        for ((found, _), submitted) in added.iter().zip(this_life) {
            ensure(found.content == *submitted, || format!("submitted: {submitted:?}\nfound: {found:?}"))?;
        }
        let unanswered_kept = count(kept.len() - self.released.len());
        Ok(Outcome { unanswered_kept, lost: count(this_life.len() - added.len()) })
    }

    /// The model says the same about the same commands, event by event, and comes to the same state.
    fn check_model(&mut self, kept: &[Released], recovered: &Recovered) -> Result<(), String> {
        let mut said = Vec::new();
        let done = usize::try_from(self.model.state().seq.0).expect("a length fits");
        for (command, events) in kept.iter().skip(done) {
            said.clear();
            self.model.apply(command, &mut said);
            ensure(said == *events, || format!("of {command:?}\nthe model says {said:?}\nthe log says {events:?}"))?;
        }
        let (expected, state) = (self.model.state(), recovered.engine.state());
        ensure(expected == state, || format!("the model is at {expected:#?}\nthe engine at {state:#?}"))?;
        check_state(&state)?;
        recovered.engine.check();
        Ok(())
    }
}

/// The index finds the events, here some of them.
fn check_index(kept: &[Released], recovered: &Recovered) -> Result<(), String> {
    let index = recovered.event_log.index().ok_or("there is no index of executions")?;
    for (command, events) in kept.iter().rev().step_by(61) {
        for (user, number) in events.iter().filter_map(numbered) {
            let found = index.find(user, number).map_err(|error| format!("the index cannot be read: {error}"))?;
            ensure(found == Some(command.seq), || {
                format!("{number:?} of {user:?} is in {:?}, the index says {found:?}", command.seq)
            })?;
        }
    }
    Ok(())
}

/// All blocks with records.
fn blocks(journal: &Journal) -> Result<Vec<OwnedBlock>, String> {
    let mut reader = journal.source().reader(Seq::ZERO);
    let mut blocks = Vec::new();
    while let Some(block) = reader.next_block(journal.tip().seq).map_err(|error| format!("cannot be read: {error}"))? {
        if block.header.count > 0 {
            blocks.push(block.to_owned_block());
        }
    }
    Ok(blocks)
}

/// Here no block of the journal has so many events that they are split: both logs have the same blocks.
fn check_boundaries(journal: &[OwnedBlock], events: &[OwnedBlock]) -> Result<(), String> {
    let place = |block: &OwnedBlock| {
        let header = block.header;
        (header.epoch, header.first_seq, header.count, header.time)
    };
    let (journal, events): (Vec<_>, Vec<_>) = (journal.iter().map(place).collect(), events.iter().map(place).collect());
    ensure(journal == events, || format!("the blocks differ\njournal: {journal:?}\nevents: {events:?}"))
}

fn decode(journal: &[OwnedBlock], events: &[OwnedBlock]) -> Result<Vec<Released>, String> {
    let mut all = Vec::new();
    for (commands, events) in journal.iter().zip(events) {
        let header = commands.header;
        let reader = CommandReader::new(&commands.payload, header.first_seq, header.count, header.time);
        for (command, group) in reader.zip(EventReader::new(&events.payload)) {
            let command = command.map_err(|error| format!("a command cannot be read: {error}"))?;
            let (seq, time, events): (Seq, UnixNanos, Vec<Event>) =
                group.map_err(|error| format!("an event cannot be read: {error}"))?;
            ensure((seq, time) == (command.seq, command.time), || format!("{command:?} has the events of {seq:?}"))?;
            all.push((command, events));
        }
    }
    let counted: u64 = journal.iter().map(|block| u64::from(block.header.count)).sum();
    ensure(count(all.len()) == counted, || format!("{counted} commands, but {} groups of events", all.len()))?;
    Ok(all)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).expect("a length fits")
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
