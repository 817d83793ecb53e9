//! The same work for every store: what the engine makes of a flow of orders, cut into the batches of the projector.

use std::time::{Duration, Instant};

use domain::command::{Action, Command, Envelope, Sequenced};
use domain::event::Event;
use domain::ids::{Checkpoint, Hash256, OrderId, UserId, VenueId};
use domain::order::OrderKind;
use domain::units::{Epoch, Seq, UnixNanos};
use engine::Engine;
use hdrhistogram::Histogram;
use projector::batch::{Batch, Rows, Stream};
use projector::block::{BlockInfo, CommittedBlock};
use projector::fold::Projector;
use projector::rows::OrderRow;
use projector::settings::Settings;
use projector::share::Share;
use projector::store::{Outcome, Store};

use crate::bench::cpu;
use crate::bench::flow::{Flow, setup};

/// Commands of one block.
const BLOCK_LEN: usize = 256;
/// Block time between two commands.
const COMMAND_NS: u64 = 20_000;
/// Orders that rest before the flow is measured.
const RESTING: usize = 10_000;
const VENUE: VenueId = VenueId([7; 16]);
/// The writer is of a later epoch than the blocks, as after a restart.
const WRITER: Epoch = Epoch(2);
/// How long a batch may be put off: another stream has to come first.
const PATIENCE: Duration = Duration::from_mins(1);

/// How much of what.
#[derive(Debug, Clone)]
pub(in crate::bench) struct Shape {
    /// Commands of each section.
    pub(in crate::bench) commands: usize,
    /// Commands of a batch, for each section.
    pub(in crate::bench) batches: Vec<usize>,
    pub(in crate::bench) users: u32,
    pub(in crate::bench) symbols: u32,
    /// Of the flow.
    pub(in crate::bench) seed: u64,
}

/// A flow, from an empty venue on.
#[derive(Debug)]
pub(in crate::bench) struct Work {
    /// Listings, accounts, money, and orders that rest; not measured.
    opening: Vec<CommittedBlock>,
    /// One for each size of batch, in order: together one history.
    sections: Vec<Section>,
}

/// A stretch of the flow.
#[derive(Debug)]
pub(super) struct Section {
    /// Commands of a batch.
    pub(super) batch: usize,
    pub(super) commands: u64,
    pub(super) orders: u64,
    blocks: Vec<CommittedBlock>,
}

impl Work {
    pub(in crate::bench) fn prepare(options: &Shape) -> Self {
        let mut maker = Maker { engine: Engine::new(0), flow: Flow::new(options.seed, options.users, options.symbols) };
        let actions: Vec<_> = setup(options.users, options.symbols).map(|action| (UserId::VENUE, action)).collect();
        let mut opening: Vec<_> = actions.chunks(BLOCK_LEN).map(|chunk| maker.block(chunk.to_vec())).collect();
        while maker.flow.live() < RESTING {
            let resting = |flow: &mut Flow| flow.resting();
            opening.push(maker.next(resting));
        }
        let sections = options.batches.iter().map(|batch| maker.section(*batch, options.commands)).collect();
        Self { opening, sections }
    }

    pub(super) fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// What comes before the measurement, of one stream.
    pub(in crate::bench) fn opening(&self, stream: Stream) -> anyhow::Result<Vec<Batch>> {
        batches(&mut projector(stream, origin()), &self.opening, usize::MAX)
    }

    /// The batches of a section, of one stream.
    pub(super) fn batches(&self, stream: Stream, section: usize) -> anyhow::Result<Vec<Batch>> {
        self.folded(stream, section).map(|(batches, _)| batches)
    }

    /// The same, and the CPU time it took to fold them.
    pub(in crate::bench) fn folded(&self, stream: Stream, section: usize) -> anyhow::Result<(Vec<Batch>, Duration)> {
        let before = self.sections[..section].iter().map(|section| &section.blocks);
        let before: Vec<_> = std::iter::once(&self.opening).chain(before).flatten().collect();
        let mut projector = if stream.is_derived() {
            // What its rows say depends on everything before.
            let mut projector = projector(stream, origin());
            batches(&mut projector, before, usize::MAX)?;
            projector
        } else {
            let last = before.last().map(|block| block.info().checkpoint());
            projector(stream, last.map_or(origin(), |last| Checkpoint { epoch: WRITER, ..last }))
        };
        let Section { batch, blocks, .. } = &self.sections[section];
        let begun = cpu::own();
        let batches = batches(&mut projector, blocks, *batch)?;
        Ok((batches, cpu::own().saturating_sub(begun)))
    }

    /// Commands and events of a section.
    pub(in crate::bench) fn counts(&self, section: usize) -> (usize, usize) {
        let blocks = || self.sections[section].blocks.iter();
        (blocks().map(CommittedBlock::command_count).sum(), blocks().map(CommittedBlock::event_count).sum())
    }

    /// Limit orders as rows, under ids that none of the batches has.
    pub(super) fn plain_orders(&self) -> anyhow::Result<Vec<OrderRow>> {
        let batches = self.batches(Stream::Symbols, 0)?;
        let placed = batches.into_iter().flat_map(|batch| match batch.rows {
            Rows::Symbols(rows) => rows.placed,
            Rows::Reference(_)
            | Rows::Users(_)
            | Rows::Trades(_)
            | Rows::Audit(_)
            | Rows::Klines(_)
            | Rows::HistoricalPositions(_)
            | Rows::MarketSnapshots(_)
            | Rows::Leaderboards(_)
            | Rows::Analytics(_) => Vec::new(),
        });
        Ok(placed.filter(|row| matches!(row.kind, OrderKind::Limit { .. })).collect())
    }
}

/// Writes batches one after the other; nanoseconds of each.
pub(super) fn write(store: &mut dyn Store, batches: &[Batch]) -> anyhow::Result<Histogram<u64>> {
    let mut latency = Histogram::new(3)?;
    for batch in batches {
        let begun = Instant::now();
        loop {
            let outcome = store.commit(batch);
            if outcome == Outcome::Committed {
                break;
            }
            let Outcome::Retry(after) = outcome else {
                anyhow::bail!("{:?} cannot be written: {outcome:?}", batch.stream());
            };
            anyhow::ensure!(begun.elapsed() < PATIENCE, "{:?} could not be written", batch.stream());
            std::thread::sleep(after);
        }
        latency.record(crate::live::nanos(begun.elapsed()))?;
    }
    Ok(latency)
}

/// An id for each plain order, dense as the engine's.
pub(super) fn renumbered(row: &OrderRow, number: u64) -> OrderRow {
    OrderRow { order: OrderId(number), ..*row }
}

const fn origin() -> Checkpoint {
    Checkpoint { venue: VENUE, epoch: WRITER, seq: Seq::ZERO, hash: Hash256([0; 32]) }
}

fn projector(stream: Stream, from: Checkpoint) -> Projector {
    Projector::new(stream, from, WRITER, &Settings::default())
}

fn batches<'a>(
    projector: &mut Projector,
    blocks: impl IntoIterator<Item = &'a CommittedBlock>,
    batch_commands: usize,
) -> anyhow::Result<Vec<Batch>> {
    let mut batches = Vec::new();
    for block in blocks {
        projector.push(block, &mut Share::whole())?;
        if projector.command_count() >= batch_commands || projector.is_full() {
            batches.extend(projector.take());
        }
    }
    batches.extend(projector.take());
    Ok(batches)
}

/// Commands through the engine.
struct Maker {
    engine: Engine,
    flow: Flow,
}

impl Maker {
    fn section(&mut self, batch: usize, commands: usize) -> Section {
        let mut section = Section { batch, commands: 0, orders: 0, blocks: Vec::new() };
        while section.commands < u64::try_from(commands).unwrap_or(u64::MAX) {
            let block = self.next(Flow::mixed);
            let places = |action: &Action| matches!(action, Action::PlaceOrder(_));
            let orders = block.commands().filter(|one| places(&one.command.content.action)).count();
            section.commands += u64::try_from(BLOCK_LEN).unwrap_or(0);
            section.orders += u64::try_from(orders).unwrap_or(0);
            section.blocks.push(block);
        }
        section
    }

    fn next(&mut self, step: impl Fn(&mut Flow) -> crate::bench::flow::Step) -> CommittedBlock {
        let mut actions = Vec::new();
        for _ in 0..BLOCK_LEN {
            let step = step(&mut self.flow);
            actions.push(self.flow.action(&step));
        }
        self.block(actions)
    }

    fn block(&mut self, actions: Vec<(UserId, Action)>) -> CommittedBlock {
        let (first, time) = (self.engine.seq().next(), self.engine.time());
        let last = Seq(first.0 + u64::try_from(actions.len()).unwrap_or(0) - 1);
        let hash = hash_of(last);
        let info = BlockInfo { venue: VENUE, epoch: Epoch(1), first, last, journal: hash, events: hash };
        let mut block = CommittedBlock::new(info);
        for (seq, (user, action)) in (first.0..).zip(actions) {
            let content = Command { envelope: Envelope { user, ..Envelope::VENUE }, action };
            let time = UnixNanos(time.0 + (seq - first.0 + 1) * COMMAND_NS);
            let command = Sequenced { seq: Seq(seq), time, content };
            let mut events: Vec<Event> = Vec::new();
            self.engine.apply(&command, &mut events);
            self.flow.answered(&events);
            block.push(command, events);
        }
        block
    }
}

fn hash_of(seq: Seq) -> Hash256 {
    let mut bytes = [1; 32];
    bytes[..8].copy_from_slice(&seq.0.to_le_bytes());
    Hash256(bytes)
}
