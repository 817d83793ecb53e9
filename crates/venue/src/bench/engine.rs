//! The engine alone: funds, fees, positions, unique client order ids, and the books; no disk, no network.
//!
//! Commands come in blocks, as the sequencer applies them. What is timed is the engine; making commands and reading answers is not.

use std::time::{Duration, Instant};

use domain::command::{Action, Command, Envelope, Sequenced};
use domain::event::Event;
use domain::ids::UserId;
use domain::units::UnixNanos;
use engine::Engine;

use super::Args;
use super::flow::{Flow, setup};
use super::report::{Report, Run, resident_bytes};

/// Commands of one block.
const BLOCK_LEN: usize = 256;
/// Block time between two commands.
const COMMAND_NS: u64 = 200;

pub(crate) fn run(args: &Args, symbols: u32) -> anyhow::Result<Report> {
    let mut bench = Bench::new(args, symbols);
    for action in setup(args.users, symbols) {
        bench.push(UserId::VENUE, action);
        if bench.block.len() == BLOCK_LEN {
            bench.apply();
        }
    }
    bench.apply();
    let before = resident_bytes();
    while bench.flow.live() < args.resting {
        for _ in 0..BLOCK_LEN {
            let step = bench.flow.resting();
            let (user, action) = bench.flow.action(&step);
            bench.push(user, action);
        }
        bench.apply();
    }
    // What the flow keeps for itself is not the engine's.
    let grown = resident_bytes().saturating_sub(before).saturating_sub(bench.flow.bytes());
    let mut runs = Vec::new();
    for _ in 0..args.runs {
        let mut run = Run::default();
        while run.commands < args.commands {
            for _ in 0..BLOCK_LEN {
                let step = bench.flow.mixed();
                let (user, action) = bench.flow.action(&step);
                bench.push(user, action);
            }
            run.add(BLOCK_LEN, bench.apply());
        }
        runs.push(run);
    }
    // An order that is filled in the block in which it is to be canceled: there should be few.
    let refused_max = args.commands * args.runs / 1_000;
    anyhow::ensure!(bench.refused <= refused_max, "{} commands were refused", bench.refused);
    bench.engine.check();
    let open = bench.engine.open_orders();
    Ok(Report::new(args, symbols, runs)
        .with("refused", bench.refused)
        .with("resting_orders", open)
        .with("bytes_per_resting_order", grown / args.resting.max(1)))
}

struct Bench {
    engine: Engine,
    flow: Flow,
    block: Vec<Sequenced<Command>>,
    events: Vec<Event>,
    ends: Vec<u32>,
    refused: usize,
}

impl Bench {
    fn new(args: &Args, symbols: u32) -> Self {
        Self {
            engine: Engine::new(0),
            flow: Flow::new(args.seed, args.users, symbols),
            block: Vec::new(),
            events: Vec::new(),
            ends: Vec::new(),
            refused: 0,
        }
    }

    fn push(&mut self, user: UserId, action: Action) {
        let (seq, time) = match self.block.last() {
            Some(last) => (last.seq, last.time),
            None => (self.engine.seq(), self.engine.time()),
        };
        let content = Command { envelope: Envelope { user, ..Envelope::VENUE }, action };
        let time = UnixNanos(time.0 + COMMAND_NS);
        self.block.push(Sequenced { seq: seq.next(), time, content });
    }

    fn apply(&mut self) -> Duration {
        self.events.clear();
        self.ends.clear();
        let start = Instant::now();
        self.engine.apply_block(&self.block, &mut self.events, &mut self.ends);
        let took = start.elapsed();
        self.block.clear();
        self.refused += self.events.iter().filter(|event| matches!(event, Event::Refused(_))).count();
        self.flow.answered(&self.events);
        took
    }
}
