//! What each store should have at its checkpoint: replayed from the logs, folded by the projectors into a store in memory, and
//! checked against the engine's own state on the way. Memory keeps what may still change; what is settled is printed and let go.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use domain::command::note_head::NoteHead;
use domain::command::{Action, Note};
use domain::event::Event;
use domain::ids::{Checkpoint, Hash256};
use domain::shard_map::ShardMap;
use domain::state::State;
use domain::units::{Epoch, Seq, UnixNanos};
use engine::Engine;
use projector::batch::Stream;
use projector::block::CommittedBlock;
use projector::fold::Projector;
use projector::follower::Source;
use projector::memory::MemoryStore;
use projector::settings::Settings;
use projector::share::Share;
use projector::store::{Outcome, ReadStream, Store, StoredRow};
use sequencer::log::Progress;
use sequencer::replayer::{EventCheck, Replay};

use super::holdings::{Holdings, Whose};
use super::key::{RowKey, key_of};
use super::spool::{Print, Printer, Sorted, Spool};
use super::{Base, Milestone, Of, Verdict, words};
use crate::seed;
use crate::source::{Joined, Logs, in_words};
use crate::stores::member::Role;

/// Rows by key.
pub(crate) type Rows = BTreeMap<RowKey, StoredRow>;

/// What everything should be.
#[derive(Debug)]
pub(crate) struct Expectation {
    pub(crate) streams: BTreeMap<Of, Expected>,
    /// Of the state at the end of the event log.
    pub(crate) state_hash: Hash256,
    /// The shards at the end of the event log.
    pub(crate) map: ShardMap,
    /// The heads of the journal's chain that were noted, each with the command that did.
    pub(crate) heads: Vec<(Seq, NoteHead)>,
}

/// What one stream of one store should have.
#[derive(Debug)]
pub(crate) struct Expected {
    role: Role,
    prints: Sorted,
    /// Absent: the store holds everything.
    pub(crate) holdings: Option<Holdings>,
    /// Block time of the newest market snapshot.
    pub(crate) newest_snapshot: Option<UnixNanos>,
    /// Rows that were asked for, in words.
    pub(crate) told: BTreeMap<RowKey, String>,
}

impl Expected {
    /// The next of its rows, by key.
    pub(crate) fn next(&mut self) -> io::Result<Option<Print>> {
        while let Some(print) = self.prints.next()? {
            let is_its = match &self.holdings {
                None => print.is_kept_by(self.role),
                Some(holdings) => holdings.whose(print.subject) == Whose::Own,
            };
            if is_its {
                return Ok(Some(print));
            }
        }
        Ok(None)
    }
}

/// A stream of a store that is to be explained.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) of: Of,
    pub(crate) checkpoint: Checkpoint,
    /// Rows to be told in words.
    pub(crate) tell: BTreeSet<RowKey>,
}

/// Everything of one stream, for all stores that hold it.
struct Lane {
    stream: Stream,
    projector: Projector,
    memory: MemoryStore,
    /// Prints of what is settled.
    spool: Spool,
    printer: Printer,
    tell: BTreeSet<RowKey>,
    told: BTreeMap<RowKey, String>,
    /// Stores whose checkpoint is still to come.
    wanted: Vec<Wanted>,
}

/// Where the replay is.
struct Here<'a> {
    at: Checkpoint,
    map: &'a ShardMap,
    /// The engine's state, where it is known here.
    state: &'a State,
}

/// Replays the logs once and takes each stream's rows as its checkpoint passes.
pub(crate) fn build(
    logs: &Logs,
    base: &Base,
    wanted: &[Wanted],
    written: &Arc<Progress>,
    settings: &Settings,
    verdict: &mut Verdict,
) -> anyhow::Result<Expectation> {
    let start = start_of(logs, base);
    let mut lanes = lanes(wanted, base, start, settings);
    let mut map = map_of(&base.state)?;
    let mut source = Joined::new(logs.clone(), Arc::clone(written));
    source.start_after(base.state.seq);
    let engine = Engine::from_state(&base.state)?;
    let mut check = EventCheck::new(&logs.event_log, engine.seq().next());
    let mut replay = Replay::new(engine, &logs.journal);
    let mut streams = BTreeMap::new();
    let end = written.committed();
    let mut heads = Vec::new();
    let here = Here { at: start, map: &map, state: &base.state };
    lanes.iter_mut().try_for_each(|lane| lane.take_reached(&here, &mut streams, verdict))?;
    while let Some(block) = source.next().map_err(|error| anyhow::anyhow!(in_words(error)))? {
        learn(&mut map, block);
        heads.extend(heads_in(block));
        for lane in &mut lanes {
            lane.push(block)?;
        }
        let info = *block.info();
        while replay.engine().seq() < info.last {
            let Some(replayed) = replay.next_block(end)? else { break };
            for block in replayed.blocks() {
                check.compare(&block, end)?;
            }
        }
        // A journal block may have several blocks of the event log: the state is only known at its end.
        let milestone = base.later.iter().find(|milestone| milestone.header.seq == info.last);
        if milestone.is_some() || lanes.iter().any(|lane| lane.is_wanted(info.last)) {
            let state = replay.engine().state();
            if let Some(milestone) = milestone {
                check_milestone(milestone, &state, info.events, verdict);
            }
            let here = Here { at: info.checkpoint(), map: &map, state: &state };
            lanes.iter_mut().try_for_each(|lane| lane.take_reached(&here, &mut streams, verdict))?;
        }
    }
    replay.engine().check();
    let state = replay.engine().state();
    if map.state() != state.shards {
        verdict.wrong("the shard map that the events say is not that of the engine's state");
    }
    Ok(Expectation { streams, state_hash: codec::snapshot::state_hash(&state), map, heads })
}

/// A snapshot against what the replay comes to from an earlier one, or from nothing.
fn check_milestone(snapshot: &Milestone, state: &State, events: Hash256, verdict: &mut Verdict) {
    let at = snapshot.header.seq.0;
    if codec::snapshot::state_hash(state) != snapshot.state_hash {
        verdict.wrong(format_args!("snapshot at {at}: a replay comes to another state"));
    } else if events != snapshot.header.event_log_hash {
        verdict.wrong(format_args!("snapshot at {at}: the event log has another digest there"));
    } else {
        verdict.good(format_args!("snapshot at {at}: a replay comes to the same state and the same digest of events"));
    }
}

fn start_of(logs: &Logs, base: &Base) -> Checkpoint {
    match base.snapshot {
        Some(header) => {
            Checkpoint { venue: header.venue_id, epoch: header.epoch, seq: header.seq, hash: header.event_log_hash }
        }
        None => Checkpoint { venue: logs.venue, epoch: Epoch(0), seq: Seq::ZERO, hash: Hash256::default() },
    }
}

fn map_of(state: &State) -> anyhow::Result<ShardMap> {
    ShardMap::from_state(&state.shards, state.seq).map_err(|what| anyhow::anyhow!("the shard map of a state: {what}"))
}

fn learn(map: &mut ShardMap, block: &CommittedBlock) {
    for committed in block.commands() {
        for event in committed.events {
            if let Event::ShardMap(event) = event {
                map.apply(committed.command.seq, event);
            }
        }
    }
}

/// Heads of the journal's chain noted in this block, each with the command that noted it.
fn heads_in(block: &CommittedBlock) -> impl Iterator<Item = (Seq, NoteHead)> {
    block.commands().filter_map(|committed| match &committed.command.content.action {
        Action::Note(Note::Head(head)) => Some((committed.command.seq, *head)),
        Action::Note(Note::Access(_))
        | Action::PlaceOrder(_)
        | Action::CancelOrder(_)
        | Action::AmendOrder(_)
        | Action::ReplaceOrder(_)
        | Action::CancelAll(_)
        | Action::Request(_) => None,
    })
}

/// One for each stream that is wanted.
fn lanes(wanted: &[Wanted], base: &Base, start: Checkpoint, settings: &Settings) -> Vec<Lane> {
    let lane = |stream: Stream| {
        let mut memory = MemoryStore::default();
        if base.snapshot.is_some() {
            let seeded = memory.commit(&seed::batch(stream, &base.state, start));
            assert_eq!(seeded, Outcome::Committed, "an empty store takes a batch from nothing");
        }
        let wanted: Vec<Wanted> = wanted.iter().filter(|wanted| wanted.of.stream == stream).cloned().collect();
        Lane {
            spool: Spool::default(),
            printer: Printer::default(),
            tell: wanted.iter().flat_map(|wanted| &wanted.tell).copied().collect(),
            told: BTreeMap::new(),
            stream,
            projector: Projector::of_state(stream, &base.state, start, start.epoch, settings),
            memory,
            wanted,
        }
    };
    Stream::ALL.into_iter().map(lane).filter(|lane| !lane.wanted.is_empty()).collect()
}

impl Lane {
    /// Takes a block in, if one of the checkpoints wanted is not behind it.
    fn push(&mut self, block: &CommittedBlock) -> anyhow::Result<()> {
        if self.wanted.iter().all(|wanted| block.info().first > wanted.checkpoint.seq) {
            return Ok(());
        }
        self.projector.push(block, &mut Share::whole())?;
        if self.projector.is_full() { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let Some(batch) = self.projector.take() else { return Ok(()) };
        let outcome = self.memory.commit(&batch);
        anyhow::ensure!(
            outcome == Outcome::Committed,
            "the expectation cannot be built: a batch does not fit the one before"
        );
        let Self { memory, spool, printer, tell, told, .. } = self;
        let mut printed = Ok(());
        memory.take_settled(&mut |row| {
            if printed.is_ok() {
                printed = printer.take(&row, &mut |print| spool.push(print));
            }
            if tell.contains(&key_of(&row)) {
                told.insert(key_of(&row), words::row(&row));
            }
        });
        printed?;
        Ok(printer.end(&mut |print| spool.push(print))?)
    }

    fn is_wanted(&self, seq: Seq) -> bool {
        self.wanted.iter().any(|wanted| wanted.checkpoint.seq == seq)
    }

    /// Takes the rows for the stores whose checkpoint is here.
    fn take_reached(
        &mut self,
        here: &Here<'_>,
        streams: &mut BTreeMap<Of, Expected>,
        verdict: &mut Verdict,
    ) -> anyhow::Result<()> {
        let seq = here.at.seq;
        if !self.is_wanted(seq) {
            return Ok(());
        }
        self.flush()?;
        // Of these a state has all that matters, and they are as few.
        let unsettled = rows_of(&mut self.memory, self.stream)?;
        let newest_snapshot = unsettled
            .values()
            .filter_map(|row| if let StoredRow::MarketSnapshot(row) = row { Some(row.time) } else { None })
            .max();
        let (reached, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.wanted).into_iter().partition(|wanted| wanted.checkpoint.seq == seq);
        self.wanted = rest;
        for Wanted { of, checkpoint, tell } in reached {
            if here.at.hash != checkpoint.hash || here.at.venue != checkpoint.venue {
                verdict.wrong(format_args!("{of}: its checkpoint at {} is of another history", seq.0));
            }
            let holdings =
                of.shard.map(|shard| Holdings { shard, map: here.map.clone(), at: seq, held: of.held.clone() });
            if here.state.seq == seq {
                check_state(&of, &part(&of, holdings.as_ref(), &unsettled), here, verdict);
            }
            let tenures = holdings.as_ref().map(|holdings| holdings.tenures(of.stream)).unwrap_or_default();
            let mut told = self.told.clone();
            let mut prints = Vec::new();
            let mut printer = Printer::default();
            for row in unsettled.values().filter(|row| !is_tenure(row)).chain(&tenures) {
                printer.take(row, &mut |print| {
                    prints.push(print);
                    Ok(())
                })?;
                if tell.contains(&key_of(row)) {
                    told.insert(key_of(row), words::row(row));
                }
            }
            let prints = self.spool.sorted(prints)?;
            streams.insert(of.clone(), Expected { role: of.role, prints, holdings, newest_snapshot, told });
        }
        Ok(())
    }
}

/// Shards have those that the map says.
fn is_tenure(row: &StoredRow) -> bool {
    matches!(row, StoredRow::SymbolTenure(_) | StoredRow::UserTenure(_))
}

fn rows_of(memory: &mut MemoryStore, stream: Stream) -> anyhow::Result<Rows> {
    let mut rows = Rows::new();
    memory.read_stream(stream, &mut |row| {
        rows.insert(key_of(&row), row);
    })?;
    Ok(rows)
}

/// What of all rows a store should have.
fn part(of: &Of, holdings: Option<&Holdings>, all: &Rows) -> Rows {
    let mut rows = holdings.map_or_else(|| all.clone(), |holdings| holdings.of(of.stream, all));
    rows.retain(|_, row| of.role.keeps(row) || holdings.is_some());
    rows
}

/// The projectors' rows against the engine's own state: the two know nothing of each other.
fn check_state(of: &Of, rows: &Rows, here: &Here<'_>, verdict: &mut Verdict) {
    // Taken back to before the first command: the state has nothing.
    if here.at.seq == Seq::ZERO {
        return;
    }
    let mut from_state = MemoryStore::default();
    let seeded = from_state.commit(&seed::batch(of.stream, here.state, here.at));
    let (Outcome::Committed, Ok(all), Ok(map)) = (seeded, rows_of(&mut from_state, of.stream), map_of(here.state))
    else {
        verdict.wrong(format_args!("{of}: the engine's state cannot be written as rows"));
        return;
    };
    let holdings = of.shard.map(|shard| Holdings { shard, map, at: here.at.seq, held: of.held.clone() });
    let different = super::compare::differs_from_state(rows, &part(of, holdings.as_ref(), &all));
    match different.first() {
        None => verdict.good(format_args!("{of} at {}: rows agree with the engine's state", here.at.seq.0)),
        Some(first) => {
            verdict.wrong(format_args!("{of}: {} rows disagree with the engine's state: {first}", different.len()));
        }
    }
}
