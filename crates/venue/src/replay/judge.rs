//! Compares what came with what the file says. Keeps its own books, folded from the events alone.

use std::collections::{BTreeMap, HashMap, VecDeque};

use domain::event::Event;
use domain::ids::OrderId;
use domain::order::{Liquidity, OrderKind, Side, TimeInForce};
use domain::units::{Lots, Ticks};
use projector::book::{Depth, Level};

use super::day::{AtPrice, Line, Maker, What};

/// What was counted, and what differed.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    /// Lines checked.
    pub(crate) rows: u64,
    /// Lines that were commands.
    pub(crate) orders: u64,
    pub(crate) fills: u64,
    pub(crate) differences: Vec<String>,
    /// Lines that wait for their answer, or for that of a line before them.
    waiting: VecDeque<(u64, Line)>,
    /// Number in the file, by the venue's id.
    numbers: HashMap<OrderId, u64>,
    /// Whole quantity of an order of the file now, as the file has reduced it.
    quantities: HashMap<u64, Lots>,
    bids: BTreeMap<Ticks, u64>,
    asks: BTreeMap<Ticks, u64>,
}

impl Judge {
    /// A line has been played (or is a check): it is compared when its turn comes.
    pub(crate) fn expect(&mut self, index: u64, line: Line) {
        if let What::Add { id, size, .. } = line.what {
            self.quantities.insert(id, size);
        }
        self.waiting.push_back((index, line));
        self.check_waiting();
    }

    /// The whole quantity of an order once it is reduced by `size`.
    pub(crate) fn reduced(&mut self, id: u64, size: Lots) -> Lots {
        let quantity = self.quantities.entry(id).or_default();
        *quantity = quantity.checked_sub(size).unwrap_or_default();
        *quantity
    }

    /// An answer came: answers come in the order of the commands.
    pub(crate) fn answered(&mut self, index: u64, events: &[Event]) {
        let Some((expected, line)) = self.waiting.pop_front() else {
            self.differences.push(format!("line {index}: an answer nobody waits for"));
            return;
        };
        assert_eq!(expected, index, "answers come in the order of the commands");
        self.rows += 1;
        self.orders += 1;
        for event in events {
            self.fold(&line, event);
        }
        self.check_answer(&line, events);
        self.check_waiting();
    }

    /// Checks of the book whose turn has come.
    fn check_waiting(&mut self) {
        while let Some((_, Line { row, what: What::Best { bid, ask } })) = self.waiting.front() {
            let (row, bid, ask) = (*row, *bid, *ask);
            let at = |(price, size): (&Ticks, &u64)| AtPrice { price: *price, size: Lots(*size) };
            let found = (self.bids.last_key_value().map(at), self.asks.first_key_value().map(at));
            if found != (bid, ask) {
                self.differences.push(format!("row {row}: best is {found:?}, expected {bid:?} and {ask:?}"));
            }
            self.rows += 1;
            self.waiting.pop_front();
        }
    }

    /// Compares ten levels of the read model, with nothing outstanding.
    pub(crate) fn check_depth(&mut self, line: &Line, bids: &[AtPrice], asks: &[AtPrice], depth: &Depth) {
        self.rows += 1;
        let same = |found: &[Level], expected: &[AtPrice]| {
            let found = found
                .iter()
                .map(|level| AtPrice { price: level.price, size: Lots(u64::try_from(level.lots).unwrap_or(u64::MAX)) });
            found.eq(expected.iter().copied())
        };
        if !same(&depth.bids, bids) || !same(&depth.asks, asks) {
            self.differences.push(format!("row {}: depth is {depth:?}, expected {bids:?} and {asks:?}", line.row));
        }
    }

    fn fold(&mut self, line: &Line, event: &Event) {
        if let Event::OrderPlaced(placed) = event {
            if let What::Add { id, .. } = line.what {
                self.numbers.insert(placed.order, id);
            }
            if let OrderKind::Limit { price, quantity, time_in_force: TimeInForce::GoodTilCanceled } = placed.kind {
                *self.side(placed.side).entry(price).or_default() += quantity.0;
            }
        }
        if let Event::OrderFilled(fill) = event
            && fill.liquidity == Liquidity::Maker
        {
            self.fills += 1;
            self.take(fill.side, fill.price, fill.quantity);
        }
        if let Event::OrderClosed(closed) = event
            && let Some(rested) = closed.rested
        {
            self.take(closed.side, rested.price, rested.quantity);
        }
        if let Event::OrderAmended(amended) = event
            && let What::Reduce { size, .. } = line.what
        {
            self.take(amended.side, amended.price, size);
        }
    }

    fn side(&mut self, side: Side) -> &mut BTreeMap<Ticks, u64> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    fn take(&mut self, side: Side, price: Ticks, size: Lots) {
        let book = self.side(side);
        let left = book.get(&price).copied().unwrap_or(0).saturating_sub(size.0);
        if left == 0 {
            book.remove(&price);
        } else {
            book.insert(price, left);
        }
    }

    fn check_answer(&mut self, line: &Line, events: &[Event]) {
        let makers: Vec<Maker> = events.iter().filter_map(|event| self.maker_of(event)).collect();
        let placed = matches!(events.first(), Some(Event::OrderPlaced(_)));
        let closed = events.iter().any(|event| matches!(event, Event::OrderClosed(_)));
        let right = match &line.what {
            What::Add { .. } => placed && makers.is_empty(),
            What::Reduce { .. } => matches!(events.first(), Some(Event::OrderAmended(_))),
            What::Cancel { .. } => closed,
            What::Cross { makers: expected, .. } => placed && !closed && makers == *expected,
            What::Best { .. } | What::Depth { .. } => false,
        };
        if !right {
            self.differences.push(format!("row {}: {:?} gave {events:?}", line.row, line.what));
        }
    }

    fn maker_of(&self, event: &Event) -> Option<Maker> {
        let Event::Trade(trade) = event else { return None };
        let id = self.numbers.get(&trade.maker_order).copied().unwrap_or(0);
        Some(Maker { id, size: trade.quantity, price: trade.price })
    }
}
