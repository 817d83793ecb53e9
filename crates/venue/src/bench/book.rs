//! The books alone: place, cancel by order id, cross. No money, no users, no client order ids.

use std::time::{Duration, Instant};

use domain::ids::OrderId;
use domain::units::Lots;
use engine::{Books, Slot};

use super::Args;
use super::flow::{Flow, Live, Order, Step};
use super::report::{Report, Run, resident_bytes};

/// Steps taken together; what the next ones need is fetched while earlier ones run.
const BLOCK_LEN: usize = 256;
/// Steps from one fetch to the next, and from the last to the step itself.
const AHEAD: usize = 6;

pub(crate) fn run(args: &Args, symbols: u32) -> anyhow::Result<Report> {
    let mut flow = Flow::new(args.seed, args.users, symbols);
    let mut driver = Driver::default();
    for _ in 0..symbols {
        driver.books.open_symbol();
    }
    let before = resident_bytes();
    let mut block = Vec::with_capacity(BLOCK_LEN);
    while flow.live() < args.resting {
        block.extend(std::iter::repeat_with(|| flow.resting()).take(BLOCK_LEN));
        driver.take(&mut block, &mut flow);
    }
    let grown = resident_bytes().saturating_sub(before).saturating_sub(flow.bytes());
    let mut runs = Vec::new();
    for _ in 0..args.runs {
        let mut run = Run::default();
        while run.commands < args.commands {
            block.extend(std::iter::repeat_with(|| flow.mixed()).take(BLOCK_LEN));
            run.add(BLOCK_LEN, driver.take(&mut block, &mut flow));
        }
        runs.push(run);
    }
    anyhow::ensure!(driver.books.len() == flow.live(), "the books and the flow disagree");
    Ok(Report::new(args, symbols, runs)
        .with("resting_orders", driver.books.len())
        .with("bytes_per_resting_order", grown / args.resting.max(1)))
}

/// The books, and what came of a block.
#[derive(Default)]
struct Driver {
    books: Books<()>,
    last_order: u64,
    rested: Vec<Live>,
    gone: Vec<OrderId>,
}

impl Driver {
    fn take(&mut self, block: &mut Vec<Step>, flow: &mut Flow) -> Duration {
        let start = Instant::now();
        for index in 0..block.len() {
            if let Some(step) = block.get(index + 3 * AHEAD) {
                self.fetch_first(step);
            }
            if let Some(step) = block.get(index + 2 * AHEAD) {
                self.fetch_second(step);
            }
            if let Some(step) = block.get(index + AHEAD) {
                self.fetch_third(step);
            }
            self.step(&block[index]);
        }
        let took = start.elapsed();
        block.clear();
        // What was filled after it had been chosen to be canceled is in neither list: the flow has let it go.
        self.rested.drain(..).for_each(|live| flow.rested(live));
        self.gone.drain(..).for_each(|order| flow.gone(order));
        took
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Rest(order) => self.rest(order),
            Step::Cross(order) => self.cross(order),
            Step::Cancel(live) => {
                if let Some(slot) = self.books.find(live.order) {
                    self.take_out(slot);
                }
            }
        }
    }

    fn rest(&mut self, order: &Order) {
        let Order { user, symbol, side, price, quantity } = *order;
        self.last_order += 1;
        let order = OrderId(self.last_order);
        let slot = self.books.insert(order, user, symbol, side, ());
        self.books.queue(slot, price, quantity);
        self.rested.push(Live { order, user, symbol });
    }

    fn cross(&mut self, order: &Order) {
        let Order { symbol, side, price, mut quantity, .. } = *order;
        self.last_order += 1;
        let accepted = |best: &_| side.accepts(price, *best);
        while !quantity.is_zero() && self.books.best(symbol, side.opposite()).as_ref().is_some_and(accepted) {
            let maker = self.books.front(symbol, side.opposite()).expect("there is a best price");
            let traded = self.books.remaining(maker).min(quantity);
            quantity = quantity.checked_sub(traded).unwrap_or(Lots::ZERO);
            if self.books.reduce(maker, traded).is_zero() {
                self.gone.push(self.books.order(maker));
                self.take_out(maker);
            }
        }
    }

    fn take_out(&mut self, slot: Slot) {
        self.books.remove(slot);
        self.books.free(slot);
    }

    fn fetch_first(&self, step: &Step) {
        match step {
            Step::Rest(order) => self.books.prefetch_level(order.symbol, order.side, order.price),
            Step::Cross(order) => self.fetch_front(order, Books::prefetch_order),
            Step::Cancel(live) => self.books.prefetch_id(live.order),
        }
    }

    fn fetch_second(&self, step: &Step) {
        match step {
            Step::Rest(order) => self.books.prefetch_last(order.symbol, order.side, order.price),
            Step::Cross(order) => self.fetch_front(order, Books::prefetch_neighbours),
            Step::Cancel(live) => self.books.find(live.order).iter().for_each(|slot| self.books.prefetch_order(*slot)),
        }
    }

    fn fetch_third(&self, step: &Step) {
        if let Step::Cancel(live) = step
            && let Some(slot) = self.books.find(live.order)
        {
            self.books.prefetch_neighbours(slot);
        }
    }

    fn fetch_front(&self, order: &Order, fetch: fn(&Books<()>, Slot)) {
        if let Some(maker) = self.books.front(order.symbol, order.side.opposite()) {
            fetch(&self.books, maker);
        }
    }
}
