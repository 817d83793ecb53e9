//! What each store should have at its checkpoint: replayed from the logs, folded by the projectors into a store in memory, and
//! checked against the engine's own state on the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::ids::{Checkpoint, Hash256};
use domain::state::State;
use domain::units::{Epoch, Seq};
use engine::Engine;
use projector::block::CommittedBlock;
use projector::fold::Projector;
use projector::follower::Source;
use projector::memory::MemoryStore;
use projector::settings::Settings;
use projector::share::Share;
use projector::store::{Outcome, ReadStream, Store, StoredRow};
use sequencer::log::Progress;
use sequencer::replayer::{EventCheck, Replay};

use super::compare::{RowKey, key_of};
use super::{Base, Of, Verdict, seed};
use crate::source::{Joined, Logs};

/// The rows of each stream of each store at its checkpoint, by key.
pub(crate) type Rows = BTreeMap<RowKey, StoredRow>;

/// What everything should be.
#[derive(Debug)]
pub(crate) struct Expectation {
    pub(crate) streams: BTreeMap<Of, Rows>,
    /// Of the state at the end of the event log.
    pub(crate) state_hash: Hash256,
}

struct Lane {
    of: Of,
    checkpoint: Checkpoint,
    projector: Projector,
    share: Share,
    memory: MemoryStore,
}

/// Replays the logs once and takes each stream's rows as its checkpoint passes.
pub(crate) fn build(
    logs: &Logs,
    base: &Base,
    wanted: &[(Of, Checkpoint)],
    written: &Arc<Progress>,
    verdict: &mut Verdict,
) -> anyhow::Result<Expectation> {
    let start = start_of(logs, base);
    let mut lanes: Vec<Lane> =
        wanted.iter().map(|(of, checkpoint)| lane(of.clone(), *checkpoint, base, start)).collect();
    let mut source = Joined::new(logs.clone(), Arc::clone(written));
    source.start_after(base.state.seq);
    let engine = Engine::from_state(&base.state)?;
    let mut check = EventCheck::new(&logs.event_log, engine.seq().next());
    let mut replay = Replay::new(engine, &logs.journal);
    let mut streams = BTreeMap::new();
    let end = written.committed();
    take_reached(&mut lanes, base.state.seq, &base.state, &mut streams, verdict)?;
    while let Some(block) = source.next().map_err(|error| anyhow::anyhow!("{error:?}"))? {
        for lane in &mut lanes {
            lane.push(block)?;
        }
        let last = block.info().last;
        while replay.engine().seq() < last {
            let Some(replayed) = replay.next_block(end)? else { break };
            for block in replayed.blocks() {
                check.compare(&block, end)?;
            }
        }
        // A journal block may have several blocks of the event log: the state is only known at its end.
        if lanes.iter().any(|lane| lane.checkpoint.seq == last) {
            let state = replay.engine().state();
            take_reached(&mut lanes, last, &state, &mut streams, verdict)?;
        }
    }
    replay.engine().check();
    Ok(Expectation { streams, state_hash: codec::snapshot::state_hash(&replay.engine().state()) })
}

fn start_of(logs: &Logs, base: &Base) -> Checkpoint {
    match base.snapshot {
        Some(header) => {
            Checkpoint { venue: header.venue_id, epoch: header.epoch, seq: header.seq, hash: header.event_log_hash }
        }
        None => Checkpoint { venue: logs.venue, epoch: Epoch(0), seq: Seq::ZERO, hash: Hash256::default() },
    }
}

fn lane(of: Of, checkpoint: Checkpoint, base: &Base, start: Checkpoint) -> Lane {
    let stream = of.stream;
    let mut memory = MemoryStore::default();
    if base.snapshot.is_some() {
        let seeded = memory.commit(&seed::batch(stream, &base.state, start));
        assert_eq!(seeded, Outcome::Committed, "an empty store takes a batch from nothing");
    }
    let projector = Projector::of_state(stream, &base.state, start, start.epoch, &Settings::default());
    Lane { of, checkpoint, projector, share: Share::whole(), memory }
}

impl Lane {
    /// Takes a block in, if the stream's checkpoint is not behind it.
    fn push(&mut self, block: &CommittedBlock) -> anyhow::Result<()> {
        if block.info().first > self.checkpoint.seq {
            return Ok(());
        }
        self.projector.push(block, &mut self.share)?;
        if self.projector.is_full() { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let Some(batch) = self.projector.take() else { return Ok(()) };
        let outcome = self.memory.commit(&batch);
        anyhow::ensure!(outcome == Outcome::Committed, "the expectation cannot be built: {outcome:?}");
        Ok(())
    }

    fn rows(&mut self) -> anyhow::Result<Rows> {
        self.flush()?;
        let mut rows = Rows::new();
        self.memory.read_stream(self.of.stream, &mut |row| {
            if self.of.role.keeps(&row) {
                rows.insert(key_of(&row), row);
            }
        })?;
        Ok(rows)
    }
}

/// Takes the rows of the streams whose checkpoint is `seq`.
fn take_reached(
    lanes: &mut Vec<Lane>,
    seq: Seq,
    state: &State,
    streams: &mut BTreeMap<Of, Rows>,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let (reached, rest): (Vec<_>, Vec<_>) =
        std::mem::take(lanes).into_iter().partition(|lane| lane.checkpoint.seq == seq);
    *lanes = rest;
    for mut lane in reached {
        let here = *lane.projector.position();
        if here.hash != lane.checkpoint.hash || here.venue != lane.checkpoint.venue {
            verdict.wrong(format_args!("{}: its checkpoint at {} is of another history", lane.of, seq.0));
        }
        let rows = lane.rows()?;
        if state.seq == seq {
            check_state(&lane, &rows, state, here, verdict);
        }
        streams.insert(lane.of, rows);
    }
    Ok(())
}

/// The projectors' rows against the engine's own state: the two know nothing of each other.
fn check_state(lane: &Lane, rows: &Rows, state: &State, at: Checkpoint, verdict: &mut Verdict) {
    let name = &lane.of;
    let mut from_state = MemoryStore::default();
    let seeded = from_state.commit(&seed::batch(name.stream, state, at));
    let mut expected = Rows::new();
    let read = from_state.read_stream(name.stream, &mut |row| {
        if name.role.keeps(&row) {
            expected.insert(key_of(&row), row);
        }
    });
    if seeded != Outcome::Committed || read.is_err() {
        verdict.wrong(format_args!("{name}: the engine's state cannot be written as rows"));
        return;
    }
    let different = super::compare::differs_from_state(rows, &expected);
    match different.first() {
        None => verdict.good(format_args!("{name} at {}: rows agree with the engine's state", at.seq.0)),
        Some(first) => {
            verdict.wrong(format_args!("{name}: {} rows disagree with the engine's state: {first}", different.len()));
        }
    }
}
