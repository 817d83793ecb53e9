//! `buttonwood replay`: a recorded day through queue, journal, engine and store, each line's expectation checked.

mod day;
mod judge;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args as ClapArgs;
use crossbeam_channel::{Receiver, Sender, unbounded};
use domain::command::amend_order::AmendOrder;
use domain::command::cancel_order::CancelOrder;
use domain::command::place_order::PlaceOrder;
use domain::command::{Action, Command, Envelope, NotTaken, OrderRef};
use domain::event::Event;
use domain::ids::{SymbolId, UserId};
use domain::instrument::{Fees, Step, SymbolLimits};
use domain::order::{OrderKind, TimeInForce};
use domain::text::ClientOrderId;
use domain::units::{Amount, Seq};
use sequencer::batch::{AnswerSink, ReplyTo};

use crate::config::Config;
use crate::console::{Console, NewSymbol};
use crate::live::{Beside, Live};
use day::{Line, What};
use judge::Judge;

/// Accounts the day's orders are spread over.
const USERS: u32 = 100;
/// Shares and dollar cents each account begins with: more than the day can use.
const FUNDS: Amount = Amount(1_000_000_000_000_000);
/// Answers that may be outstanding: deep enough to fill blocks.
const OUTSTANDING_MAX: usize = 8_192;
/// How long the stores may take for what is left when the day is over.
const FOLLOWERS_WAIT: Duration = Duration::from_mins(2);
/// Differences that are printed; all are counted.
const DIFFERENCES_SHOWN: usize = 20;

/// What to replay, and where.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Orders to play: CSV with the columns op,row,id,side,price,size,makers; `.xz` is unpacked.
    #[arg(long, value_name = "FILE")]
    orders: PathBuf,
    /// An empty or new directory for the venue's data.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

#[derive(Debug)]
struct Answers(Sender<(u64, Vec<Event>)>);

impl AnswerSink for Answers {
    fn answered(&self, token: u64, _: Seq, events: &[Event]) {
        // The replay has ended early and nobody listens.
        drop(self.0.send((token, events.to_vec())));
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let lines = day::read(&args.orders)?;
    println!("{} lines from {}", lines.len(), args.orders.display());
    let config = Config { data: args.data.clone(), ..Config::load(None)? };
    let (sender, answers) = unbounded();
    let beside = Beside { store: true, replayer: true };
    let live = Live::start(&config, beside, vec![Arc::new(Answers(sender))], &mut |_| {})?;
    anyhow::ensure!(
        live.report.created || live.read_model.seq() == Seq::ZERO,
        "{} already holds a venue; name a directory that does not exist yet",
        args.data.display()
    );
    let symbol = set_up(&live)?;
    let begun = Instant::now();
    let mut player = Player { live: &live, symbol, judge: Judge::default(), answers, outstanding: 0 };
    let bar = indicatif::ProgressBar::new(u64::try_from(lines.len())?)
        .with_style(indicatif::ProgressStyle::with_template("{bar:40} {pos}/{len} lines, {per_sec}, {eta} left")?);
    for (index, line) in lines.iter().enumerate() {
        player.play(u64::try_from(index)?, line)?;
        bar.inc(1);
    }
    player.settle(0)?;
    bar.finish_and_clear();
    let elapsed = begun.elapsed();
    let judge = player.judge;
    live.wait_for_followers(FOLLOWERS_WAIT)?;
    let stored = begun.elapsed();
    live.shutdown()?;
    report(&judge, elapsed, stored);
    anyhow::ensure!(judge.differences.is_empty(), "{} differences", judge.differences.len());
    Ok(())
}

fn set_up(live: &Live) -> anyhow::Result<SymbolId> {
    let console = Console::new(live.entrance.clone(), "replay");
    let (base, quote) = (console.asset("GOOG", 0)?, console.asset("USD", 2)?);
    for _ in 0..USERS {
        let user = console.user()?;
        console.deposit(user, base, FUNDS)?;
        console.deposit(user, quote, FUNDS)?;
    }
    console.symbol(&NewSymbol {
        code: "GOOGUSD",
        base,
        quote,
        tick_size: Step { mantissa: 1, scale: 2 },
        lot_size: Step { mantissa: 1, scale: 0 },
        limits: SymbolLimits::WIDEST,
        fees: Fees::default(),
    })
}

struct Player<'a> {
    live: &'a Live,
    symbol: SymbolId,
    judge: Judge,
    answers: Receiver<(u64, Vec<Event>)>,
    outstanding: usize,
}

impl Player<'_> {
    fn play(&mut self, index: u64, line: &Line) -> anyhow::Result<()> {
        if let What::Depth { bids, asks } = &line.what {
            // Against the read model, at rest: what a client would see now.
            self.settle(0)?;
            let depth = self.live.read_model.depth(self.symbol, 10).context("the symbol is listed")?;
            self.judge.check_depth(line, bids, asks, &depth);
            return Ok(());
        }
        let action = self.action(index, line);
        self.judge.expect(index, line.clone());
        let Some((user, action)) = action else { return Ok(()) };
        self.submit(user, action, index)?;
        self.outstanding += 1;
        self.settle(OUTSTANDING_MAX)
    }

    /// The account an order belongs to, from its number in the file.
    fn owner(id: u64) -> UserId {
        UserId(1 + u32::try_from(id % u64::from(USERS)).expect("less than USERS"))
    }

    fn action(&mut self, index: u64, line: &Line) -> Option<(UserId, Action)> {
        let symbol = self.symbol;
        let limit = |side, price, quantity, time_in_force, name: String| {
            let client_order_id = ClientOrderId::new(&name).expect("a letter and a number");
            let kind = OrderKind::Limit { price, quantity, time_in_force };
            Action::PlaceOrder(PlaceOrder { symbol, side, kind, client_order_id })
        };
        match &line.what {
            What::Add { id, side, price, size } => {
                Some((Self::owner(*id), limit(*side, *price, *size, TimeInForce::GoodTilCanceled, format!("a{id}"))))
            }
            What::Reduce { id, size } => {
                let quantity = self.judge.reduced(*id, *size);
                let order = named(*id);
                let amend = AmendOrder { symbol, order, quantity, new_client_order_id: None };
                Some((Self::owner(*id), Action::AmendOrder(amend)))
            }
            What::Cancel { id } => {
                Some((Self::owner(*id), Action::CancelOrder(CancelOrder { symbol, order: named(*id) })))
            }
            What::Cross { side, price, size, .. } => Some((
                Self::owner(index),
                limit(*side, *price, *size, TimeInForce::ImmediateOrCancel, format!("x{index}")),
            )),
            What::Best { .. } | What::Depth { .. } => None,
        }
    }

    fn submit(&mut self, user: UserId, action: Action, token: u64) -> anyhow::Result<()> {
        let command = Command { envelope: Envelope { user, ..Envelope::VENUE }, action };
        loop {
            match self.live.entrance.submit(command.clone(), ReplyTo::Sink { sink: 0, token }) {
                Ok(()) => return Ok(()),
                Err(NotTaken::Overloaded) => self.take_one()?,
                Err(refused) => anyhow::bail!("the venue does not take orders: {refused:?}"),
            }
        }
    }

    /// Takes answers until at most so many are outstanding.
    fn settle(&mut self, outstanding_max: usize) -> anyhow::Result<()> {
        while self.outstanding > outstanding_max {
            self.take_one()?;
        }
        Ok(())
    }

    fn take_one(&mut self) -> anyhow::Result<()> {
        let (token, events) =
            self.answers.recv_timeout(Duration::from_secs(30)).context("the venue does not answer")?;
        self.outstanding -= 1;
        self.judge.answered(token, &events);
        Ok(())
    }
}

fn named(id: u64) -> OrderRef {
    OrderRef::Client(ClientOrderId::new(&format!("a{id}")).expect("a letter and a number"))
}

fn report(judge: &Judge, elapsed: Duration, stored: Duration) {
    for difference in judge.differences.iter().take(DIFFERENCES_SHOWN) {
        println!("{difference}");
    }
    let per_second = |count: u64, time: Duration| {
        u64::try_from(u128::from(count) * 1_000_000 / time.as_micros().max(1)).unwrap_or(0)
    };
    println!(
        "{} rows, {} orders, {} fills, {} differences; {} orders/s ({:.2} s), in the store after {:.2} s",
        judge.rows,
        judge.orders,
        judge.fills,
        judge.differences.len(),
        per_second(judge.orders, elapsed),
        elapsed.as_secs_f64(),
        stored.as_secs_f64(),
    );
}
