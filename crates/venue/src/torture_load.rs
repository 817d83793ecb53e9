//! `buttonwood load`: the venue without its REST interface, under as much load as it takes; for the torture. Each answer is a
//! line on standard output at the moment it is given, so whoever reads the other end knows what was acknowledged when the
//! process is killed.

#[path = "torture/ack.rs"]
pub(crate) mod ack;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args as ClapArgs;
use domain::command::cancel_all::CancelAll;
use domain::command::{Action, Command, Envelope, NotTaken};
use domain::event::Event;
use domain::units::Seq;
use sequencer::batch::{AnswerSink, ReplyTo};

use crate::config::Config;
use crate::console::Console;
use crate::live::{Beside, Live};
use crate::load::World;
use ack::Ack;

/// Said on a line of its own before the first acknowledgement.
const READY: &str = "ready";

/// What load.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The venue's data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Of the flow of orders.
    #[arg(long)]
    seed: u64,
    /// Number of the first command: client order ids are made of it.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Shut down after so many commands; without it, go on until killed.
    #[arg(long)]
    commands: Option<u64>,
    /// Commands a second at most; 0: as many as are taken.
    #[arg(long, default_value_t = 0)]
    rate: u64,
    /// Users.
    #[arg(long, default_value_t = 100)]
    users: u32,
    /// Symbols.
    #[arg(long, default_value_t = 4)]
    symbols: u32,
    /// Orders that rest.
    #[arg(long, default_value_t = 2_000)]
    resting: usize,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config { data: args.data.clone(), ..Config::load(None)? };
    let sinks: Vec<Arc<dyn AnswerSink>> = vec![Arc::new(Printer)];
    let live = Live::start(&config, Beside { store: true, replayer: true }, sinks, &mut |_| {})?;
    let console = Console::new(live.entrance.clone(), "load");
    let world = World { users: args.users, symbols: args.symbols, resting: args.resting, seed: args.seed };
    let mut load = world.set_up(&console)?.numbered_from(args.first);
    // What an earlier load left resting.
    for user in load.users() {
        let envelope = Envelope { user, ..Envelope::VENUE };
        console.ask(&Command { envelope, action: Action::CancelAll(CancelAll { symbol: None }) })?;
    }
    println!("{READY}");
    let end = args.commands.map_or(u64::MAX, |commands| args.first.saturating_add(commands));
    let begun = Instant::now();
    for number in args.first..end {
        let command = load.next();
        let due = Duration::from_nanos(
            (number - args.first).saturating_mul(1_000_000_000).checked_div(args.rate).unwrap_or(0),
        );
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        while let Err(refused) = live.entrance.submit(command.clone(), ReplyTo::Sink { sink: 0, token: number }) {
            anyhow::ensure!(refused == NotTaken::Overloaded, "the venue does not take commands: {refused:?}");
            std::thread::yield_now();
        }
    }
    live.shutdown().map(|_behind| ())
}

/// Writes each answer to standard output, unbuffered.
#[derive(Debug)]
struct Printer;

impl AnswerSink for Printer {
    fn answered(&self, token: u64, seq: Seq, events: &[Event]) {
        // Without a reader there is nobody to acknowledge to.
        if writeln!(std::io::stdout(), "{}", Ack::of(token, seq, events)).is_err() {
            std::process::exit(1);
        }
    }
}
