//! What every place must do that takes closed orders and their fills from a hot store.

use std::collections::BTreeSet;

use domain::ids::{EventId, OrderId, SymbolId, TradeId, UserId, VenueId};
use domain::limits::AMOUNT_MAX;
use domain::units::{Amount, Lots, Seq, UnixNanos};

use super::history::{SYMBOLS, Slow, nobodys_name, select};
use super::{Dice, VENUE, batch};
use crate::batch::{Batch, Rows, Stream};
use crate::block::CommittedBlock;
use crate::history::{FillsQuery, OrderKey, OrdersQuery, ReadError};
use crate::retired::{Extent, RetireError, RetiredHistory, RetiredRow, RetiredStore};
use crate::rows::{FillRow, OrderRow};
use crate::store::{Divergence, StoredRow};

/// Queries of each kind.
const ROUNDS: usize = 150;
/// Most orders that are added at once.
const PORTION_MAX: u64 = 400;

/// A place under test.
pub trait Subject {
    /// Its writer, for rows of this venue; the one before is not used any more.
    fn writer(&mut self, venue: VenueId) -> Box<dyn RetiredStore>;

    /// Its reader.
    fn reader(&self) -> &dyn RetiredHistory;

    /// From now on, each call of a writer fails with [`RetireError::Retry`] after so many writes, or runs through.
    fn interrupt_after(&mut self, writes: Option<u64>);
}

/// Makes a place that knows what these `reference` rows say, and has no closed order yet.
pub type Fresh<'a> = &'a dyn Fn(&Batch) -> Box<dyn Subject>;

/// Closed orders with their fills.
#[derive(Debug, Clone, Default)]
pub struct Closed {
    /// By id.
    pub orders: Vec<OrderRow>,
    /// By order and trade.
    pub fills: Vec<FillRow>,
}

impl Closed {
    /// Those of a history.
    pub fn of(blocks: &[CommittedBlock]) -> Self {
        let Rows::Symbols(rows) = batch(Stream::Symbols, blocks, 0, blocks.len()).rows else {
            unreachable!("the batch is of this stream")
        };
        let mut orders: Vec<OrderRow> = rows.placed.into_iter().filter(|row| !row.status.is_open()).collect();
        orders.sort_by_key(|row| row.order);
        let is_closed = |order| orders.binary_search_by_key(&order, |row| row.order).is_ok();
        let mut fills: Vec<FillRow> = rows.fills.into_iter().filter(|row| is_closed(row.order)).collect();
        fills.sort_by_key(|row| (row.order, row.trade));
        assert!(orders.len() > 20 && fills.len() > 10, "there is something to bring");
        Self { orders, fills }
    }

    /// The same at other ids, sequences and times, so far apart that no two ranges of an index have much in common.
    #[must_use]
    pub fn spread(mut self) -> Self {
        let begin = self.orders.iter().map(|row| row.placed_time.0).min().unwrap_or(0);
        let order = |order: OrderId| OrderId(order.0 + order.counter() * 60_000);
        let seq = |seq: Seq| Seq(seq.0 * 100_000);
        let time = |time: UnixNanos| UnixNanos(begin + (time.0 - begin) * 3_000);
        for row in &mut self.orders {
            row.order = order(row.order);
            (row.placed, row.last_seq) = (seq(row.placed), seq(row.last_seq));
            (row.placed_time, row.updated_time) = (time(row.placed_time), time(row.updated_time));
        }
        for row in &mut self.fills {
            row.order = order(row.order);
            row.id.seq = seq(row.id.seq);
            row.time = time(row.time);
        }
        self
    }

    /// The same with amounts as large as they can be.
    #[must_use]
    pub fn enlarged(mut self) -> Self {
        for row in self.orders.iter_mut().step_by(3) {
            row.executed_quote = Amount(AMOUNT_MAX);
        }
        for row in self.fills.iter_mut().step_by(3) {
            (row.quote, row.fee) = (Amount(AMOUNT_MAX), Amount(-AMOUNT_MAX));
        }
        self
    }

    /// Orders `from .. to`, with their fills.
    fn part(&self, from: usize, to: usize) -> (&[OrderRow], &[FillRow]) {
        let orders = &self.orders[from..to];
        let (Some(first), Some(last)) = (orders.first(), orders.last()) else { return (orders, &[]) };
        let begin = self.fills.partition_point(|row| row.order < first.order);
        let end = self.fills.partition_point(|row| row.order <= last.order);
        (orders, &self.fills[begin..end])
    }

    fn slow(&self) -> Slow {
        let orders = self.orders.iter().copied().map(StoredRow::Order);
        Slow::of(orders.chain(self.fills.iter().copied().map(StoredRow::Fill)))
    }

    fn extent(&self) -> Extent {
        Extent::none(VENUE).with(&self.orders, &self.fills)
    }

    fn reach(&self) -> Option<Extent> {
        reach(Some(self.extent()))
    }
}

/// However often it was done.
fn reach(extent: Option<Extent>) -> Option<Extent> {
    extent.map(|extent| Extent { additions: 0, ..extent })
}

fn reference(blocks: &[CommittedBlock]) -> Batch {
    batch(Stream::Reference, blocks, 0, blocks.len())
}

/// Rows that are brought in portions, some of them twice, are found by every question, and nothing else is.
pub fn rows_are_found(fresh: Fresh<'_>, blocks: &[CommittedBlock], closed: &Closed, seed: u64) {
    let mut subject = fresh(&reference(blocks));
    let mut dice = Dice(seed);
    an_empty_place_has_nothing(subject.as_mut());
    let mut writer = subject.writer(VENUE);
    let (mut at, mut extent) = (0, Extent::none(VENUE));
    while at < closed.orders.len() {
        let count = usize::try_from(1 + dice.below(PORTION_MAX)).expect("a small number");
        let end = (at + count).min(closed.orders.len());
        let (orders, fills) = closed.part(at, end);
        for _ in 0..=dice.below(2) {
            writer.add(orders, fills).expect("the rows are taken");
            extent = extent.with(orders, fills);
            assert_eq!(subject.reader().extent(), Ok(Some(extent)), "also how often rows were added");
            assert_eq!(subject.reader().order(OrderKey::Id(orders[0].order)), Ok(Some(orders[0])), "found at once");
        }
        at = end;
    }
    assert_eq!(venue(subject.as_mut()), Ok(Some(VENUE)));
    assert_eq!(reach(Some(extent)), closed.reach());
    has_exactly(subject.reader(), closed);
    answers_are_those_of_a_slow_reader(subject.reader(), closed, &mut dice);
    // Whoever brings them again, in whatever portions, changes nothing.
    let mut writer = subject.writer(VENUE);
    writer.add(&closed.orders, &closed.fills).expect("they are there");
    has_exactly(subject.reader(), closed);
}

/// Whose rows are there.
fn venue(subject: &mut dyn Subject) -> Result<Option<VenueId>, ReadError> {
    Ok(subject.reader().extent()?.map(|extent| extent.venue))
}

fn an_empty_place_has_nothing(subject: &mut dyn Subject) {
    drop(subject.writer(VENUE));
    assert_eq!(venue(subject), Ok(None));
    let reader = subject.reader();
    assert_eq!(reader.extent(), Ok(None));
    assert_eq!(reader.order(OrderKey::Id(OrderId(1))), Ok(None));
    assert_eq!(reader.order(OrderKey::Client(UserId(1), nobodys_name())), Ok(None));
    assert_eq!(reader.fills_of_order(OrderId(1)), Ok(Vec::new()));
    has_exactly(reader, &Closed::default());
}

fn rows_of(reader: &dyn RetiredHistory) -> Vec<RetiredRow> {
    let mut rows = Vec::new();
    reader.visit(&mut |row| rows.push(row)).expect("the place answers");
    rows
}

fn has_exactly(reader: &dyn RetiredHistory, closed: &Closed) {
    let orders = closed.orders.iter().copied().map(RetiredRow::Order);
    let expected: Vec<RetiredRow> = orders.chain(closed.fills.iter().copied().map(RetiredRow::Fill)).collect();
    let found = rows_of(reader);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len(), "missing or too many rows");
}

fn answers_are_those_of_a_slow_reader(reader: &dyn RetiredHistory, closed: &Closed, dice: &mut Dice) {
    let slow = closed.slow();
    let ends = slow.orders_times();
    let users = u64::from(closed.orders.iter().map(|row| row.user.0).max().expect("there are orders")) + 2;
    let trades = closed.extent().trade.0 + 2;
    for _ in 0..ROUNDS {
        let (user, symbol) = (UserId(dice.small(users)), SymbolId(dice.small(SYMBOLS)));
        let selection = dice.selection(ends, |dice| dice.order(&slow));
        let found = reader.orders(&OrdersQuery { user, symbol, selection }).expect("the place answers");
        let matching = slow.orders.iter().filter(|row| row.user == user && row.symbol == symbol);
        let expected = select(matching.copied(), &selection, |row| (row.order, row.placed_time));
        assert_eq!(found, expected, "{user:?} {symbol:?} {selection:?}");

        let fill = slow.fills[dice.at(slow.fills.len())];
        let (user, symbol) = if dice.below(3) == 0 { (user, symbol) } else { (fill.user, fill.symbol) };
        let order = (dice.below(3) == 0).then_some(fill.order);
        let selection =
            dice.selection(ends, |dice| TradeId(if dice.below(10) == 0 { u64::MAX } else { dice.below(trades) }));
        let found = reader.fills(&FillsQuery { user, symbol, order, selection }).expect("the place answers");
        let mine = |row: &&FillRow| row.user == user && row.symbol == symbol;
        let matching = slow.fills.iter().filter(mine).filter(|row| order.is_none_or(|order| row.order == order));
        let expected = select(matching.copied(), &selection, |row| (row.trade, row.time));
        assert_eq!(found, expected, "{user:?} {symbol:?} {order:?} {selection:?}");
    }
    pages_join(reader, closed);
    single_orders(reader, closed, dice);
}

/// Whoever goes on from where a page ended comes past every row once.
fn pages_join(reader: &dyn RetiredHistory, closed: &Closed) {
    let of: BTreeSet<_> = closed.orders.iter().map(|row| (row.user, row.symbol)).take(60).collect();
    for (user, symbol) in of {
        let mut selection = crate::history::Selection { first: Some(OrderId(0)), time: <_>::default(), limit: 7 };
        let mut all = Vec::new();
        loop {
            let page = reader.orders(&OrdersQuery { user, symbol, selection }).expect("the place answers");
            let Some(last) = page.last() else { break };
            selection.first = Some(OrderId(last.order.0 + 1));
            all.extend(page);
        }
        let mine = closed.orders.iter().filter(|row| row.user == user && row.symbol == symbol);
        assert_eq!(all, mine.copied().collect::<Vec<_>>(), "{user:?} {symbol:?}");
    }
}

/// Orders by either name, and the fills of each.
fn single_orders(reader: &dyn RetiredHistory, closed: &Closed, dice: &mut Dice) {
    for _ in 0..ROUNDS {
        let (orders, fills) = {
            let at = dice.at(closed.orders.len());
            closed.part(at, at + 1)
        };
        let row = orders[0];
        assert_eq!(reader.order(OrderKey::Id(row.order)), Ok(Some(row)));
        assert_eq!(reader.fills_of_order(row.order).as_deref(), Ok(fills));
        let (user, name) = (row.user, row.client_order_id);
        let named = closed.orders.iter().filter(|row| row.user == user && row.client_order_id == name);
        let last = named.max_by_key(|row| row.held_name()).copied();
        assert_eq!(reader.order(OrderKey::Client(user, name)), Ok(last), "{user:?} {name}");
    }
    assert_eq!(reader.order(OrderKey::Id(OrderId(1))), Ok(None));
    assert_eq!(reader.order(OrderKey::Id(OrderId(u64::MAX))), Ok(None));
    assert_eq!(reader.order(OrderKey::Client(UserId(1), nobodys_name())), Ok(None));
}

/// A row that is there in another form, or rows of another venue, are refused, and what is there stays.
pub fn another_history_is_refused(fresh: Fresh<'_>, blocks: &[CommittedBlock]) {
    let mut subject = fresh(&reference(blocks));
    let closed = Closed::of(blocks);
    let mut writer = subject.writer(VENUE);
    writer.add(&closed.orders, &closed.fills).expect("the rows are taken");
    let extent = subject.reader().extent();
    let diverged = |result| match result {
        Err(RetireError::Diverged(Divergence::Row(_))) => {}
        other => panic!("{other:?}"),
    };
    let order = closed.orders[3];
    let other_orders = [
        OrderRow { executed: Lots(order.executed.0 + 1), ..order },
        OrderRow { updated_time: UnixNanos(order.updated_time.0 + 1), ..order },
        OrderRow { user: UserId(order.user.0 + 1), ..order },
    ];
    for other in other_orders {
        diverged(writer.add(&[other], &[]));
    }
    let fill = closed.fills[5];
    let other_fills = [
        FillRow { quote: Amount(fill.quote.0 + 1), ..fill },
        FillRow { id: EventId { seq: fill.id.seq, index: fill.id.index + 1 }, ..fill },
    ];
    for other in other_fills {
        diverged(writer.add(&[], &[other]));
    }
    // A place without transactions may know before it meets the other row how far the new one would have reached.
    let order = |extent: Result<Option<Extent>, _>| extent.map(|found| found.map(|extent| extent.order));
    assert_eq!(order(subject.reader().extent()), order(extent));
    has_exactly(subject.reader(), &closed);
    let foreign = VenueId([0xff; 16]);
    let mut other = subject.writer(foreign);
    assert_eq!(venue(subject.as_mut()), Ok(Some(VENUE)));
    let refused = Err(RetireError::Diverged(Divergence::Venue(VENUE)));
    assert_eq!(other.add(&closed.orders[..1], &[]), refused);
    assert_eq!(other.forget_after(Seq::ZERO), refused);
    has_exactly(subject.reader(), &closed);
}

/// However often it is interrupted and wherever, a call that is repeated comes to its end; and no row is ever beyond the extent.
pub fn interruption_at_every_write_is_made_good(fresh: Fresh<'_>, blocks: &[CommittedBlock]) {
    let mut subject = fresh(&reference(blocks));
    let closed = Closed::of(blocks);
    let middle = closed.orders.len() / 2;
    for (from, to) in [(0, middle), (middle, closed.orders.len())] {
        let (orders, fills) = closed.part(from, to);
        let interrupted = until_done(subject.as_mut(), &closed, &mut |writer| writer.add(orders, fills));
        assert!(interrupted > 0, "it can be interrupted");
    }
    has_exactly(subject.reader(), &closed);
    assert_eq!(subject.reader().extent().map(reach), Ok(closed.reach()));
    let fork = closed.orders[middle].last_seq;
    let interrupted = until_done(subject.as_mut(), &closed, &mut |writer| writer.forget_after(fork));
    assert!(interrupted > 0, "it can be interrupted");
    has_exactly(subject.reader(), &before(&closed, fork));
}

/// Calls a new writer after each failure, one write further; how often it failed.
fn until_done(
    subject: &mut dyn Subject,
    closed: &Closed,
    call: &mut dyn FnMut(&mut dyn RetiredStore) -> Result<(), RetireError>,
) -> u64 {
    for writes in 0.. {
        let mut writer = subject.writer(VENUE);
        subject.interrupt_after(Some(writes));
        let result = call(writer.as_mut());
        subject.interrupt_after(None);
        let extent = subject.reader().extent().expect("the place answers");
        for row in rows_of(subject.reader()) {
            let reached = match row {
                RetiredRow::Order(row) => {
                    assert!(closed.orders.contains(&row), "{row:?}");
                    Extent::none(VENUE).with(&[row], &[])
                }
                RetiredRow::Fill(row) => {
                    assert!(closed.fills.contains(&row), "{row:?}");
                    Extent::none(VENUE).with(&[], &[row])
                }
            };
            assert_eq!(reach(extent.map(|extent| extent.max(reached))), reach(extent), "{row:?} is beyond it");
        }
        match result {
            Ok(()) => return writes,
            Err(RetireError::Retry(..)) => {}
            Err(error) => panic!("after {writes} writes: {error}"),
        }
    }
    unreachable!("there are not so many writes")
}

fn before(closed: &Closed, fork: Seq) -> Closed {
    let mut before = closed.clone();
    before.orders.retain(|row| row.last_seq <= fork);
    before.fills.retain(|row| row.id.seq <= fork);
    before
}

/// What is of later commands than a fork goes, and can come again in another form.
pub fn what_is_after_a_fork_is_forgotten(fresh: Fresh<'_>, blocks: &[CommittedBlock]) {
    let mut subject = fresh(&reference(blocks));
    let closed = Closed::of(blocks);
    let mut writer = subject.writer(VENUE);
    writer.forget_after(Seq::ZERO).expect("there is nothing to forget");
    assert_eq!(venue(subject.as_mut()), Ok(None));
    writer.add(&closed.orders, &closed.fills).expect("the rows are taken");
    let end = closed.extent().last_seq;
    for fork in [end, Seq(end.0 * 2 / 3), Seq(end.0 / 3)] {
        writer.forget_after(fork).expect("the rows go");
        let left = before(&closed, fork);
        has_exactly(subject.reader(), &left);
        let additions = closed.extent().additions;
        let expected = Extent { additions, ..left.extent() };
        assert_eq!(subject.reader().extent(), Ok(Some(expected)), "{fork:?}");
    }
    let is_gone = |row: &&OrderRow| row.last_seq.0 > end.0 / 3;
    let gone = closed.orders.iter().find(is_gone).expect("some are gone");
    let other = OrderRow { executed: Lots(gone.executed.0 + 1), ..*gone };
    writer.add(&[other], &[]).expect("nothing is in its place");
    assert_eq!(subject.reader().order(OrderKey::Id(other.order)), Ok(Some(other)));
    writer.forget_after(Seq::ZERO).expect("the rows go");
    has_exactly(subject.reader(), &Closed::default());
    assert_eq!(venue(subject.as_mut()), Ok(Some(VENUE)), "it stays whose it is");
}
