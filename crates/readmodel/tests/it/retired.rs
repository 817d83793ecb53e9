//! Rows that are in the hot store, retired, or both: every read is as though all were in one list.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use domain::ids::{EventId, OrderId, SymbolId, TradeId, UserId, VenueId};
use domain::text::ClientOrderId;
use domain::units::{Seq, UnixNanos};
use projector::history::{
    FillsQuery, Halves, LedgerQuery, OrderHistory, OrderKey, OrdersQuery, Page, ReadError, Selection, TimeRange,
    last_holders,
};
use projector::retired::{Extent, RetiredHistory, RetiredRow};
use projector::rows::{FillRow, LedgerRow, OrderRow};
use readmodel::limits::Limits;
use readmodel::model::{ReadModel, Stream};
use readmodel::retired::WithRetired;

use crate::history::{compare, selection};
use crate::stores::{Recorded, Store, recordings};

const VENUE: VenueId = VenueId([3; 16]);

/// Rows that are looked through one by one.
#[derive(Debug, Clone, Default)]
struct Rows {
    through: Seq,
    orders: BTreeMap<OrderId, OrderRow>,
    fills: BTreeMap<(TradeId, EventId), FillRow>,
}

/// Of all rows that match, in their order, those that are selected.
fn selected<T, Id>(mut rows: Vec<T>, selection: &Selection<Id>) -> Vec<T> {
    if selection.first.is_some() || selection.time.from.is_some() {
        rows.truncate(selection.limit);
    } else {
        rows.drain(..rows.len().saturating_sub(selection.limit));
    }
    rows
}

impl Rows {
    /// Everything that a store has, but the money.
    fn of(store: &Store) -> Self {
        let mut rows = Self { through: store.model.seq(), ..Self::default() };
        for user in (0..store.users).map(UserId) {
            for symbol in (0..u32::try_from(store.model.reference().symbols().len()).unwrap()).map(SymbolId) {
                let all = selection(None, TimeRange::default(), usize::MAX);
                for row in store.orders(&OrdersQuery { user, symbol, selection: all }).unwrap().rows {
                    rows.orders.insert(row.order, row);
                }
                let all = selection(None, TimeRange::default(), usize::MAX);
                for row in store.fills(&FillsQuery { user, symbol, order: None, selection: all }).unwrap().rows {
                    rows.fills.insert((row.trade, row.id), row);
                }
            }
        }
        rows
    }

    fn put(&mut self, order: OrderId, from: &Self) {
        self.orders.insert(order, from.orders[&order]);
        self.fills.extend(from.fills.iter().filter(|(_, row)| row.order == order));
    }

    fn drop(&mut self, order: OrderId) {
        self.orders.remove(&order);
        self.fills.retain(|_, row| row.order != order);
    }

    fn named(&self, user: UserId, name: ClientOrderId) -> Vec<OrderRow> {
        self.orders.values().filter(|row| row.user == user && row.client_order_id == name).copied().collect()
    }

    fn orders(&self, query: &OrdersQuery) -> Vec<OrderRow> {
        let of = |row: &&OrderRow| {
            (row.user, row.symbol) == (query.user, query.symbol)
                && query.selection.first.is_none_or(|first| row.order >= first)
                && query.selection.time.contains(row.placed_time)
        };
        selected(self.orders.values().filter(of).copied().collect(), &query.selection)
    }

    fn fills(&self, query: &FillsQuery) -> Vec<FillRow> {
        let of = |row: &&FillRow| {
            (row.user, row.symbol) == (query.user, query.symbol)
                && query.order.is_none_or(|order| row.order == order)
                && query.selection.first.is_none_or(|first| row.trade >= first)
                && query.selection.time.contains(row.time)
        };
        selected(self.fills.values().filter(of).copied().collect(), &query.selection)
    }

    fn fills_of_order(&self, order: OrderId) -> Vec<FillRow> {
        self.fills.values().filter(|row| row.order == order).copied().collect()
    }
}

type Then = Box<dyn FnOnce(&mut Rows) + Send>;

/// A hot store whose rows can go while it is asked.
struct Hot {
    rows: Mutex<Rows>,
    money: Arc<Store>,
    /// What happens before the next answer.
    then: Mutex<Option<Then>>,
}

impl fmt::Debug for Hot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hot").finish_non_exhaustive()
    }
}

impl Hot {
    fn new(rows: Rows, money: &Arc<Store>) -> Arc<Self> {
        Arc::new(Self { rows: Mutex::new(rows), money: Arc::clone(money), then: Mutex::new(None) })
    }

    #[expect(clippy::unnecessary_wraps, reason = "all of the trait's answers are results")]
    fn page<T>(&self, rows: impl FnOnce(&Rows) -> Vec<T>) -> Result<Page<T>, ReadError> {
        let mut held = self.rows.lock().unwrap();
        if let Some(then) = self.then.lock().unwrap().take() {
            then(&mut held);
        }
        Ok(Page { through: held.through, rows: rows(&held) })
    }
}

impl OrderHistory for Hot {
    fn order(&self, key: OrderKey) -> Result<Page<OrderRow>, ReadError> {
        self.page(|rows| match key {
            OrderKey::Id(order) => rows.orders.get(&order).copied().into_iter().collect(),
            OrderKey::Client(user, name) => last_holders(rows.named(user, name)),
        })
    }
    fn orders(&self, query: &OrdersQuery) -> Result<Page<OrderRow>, ReadError> {
        self.page(|rows| rows.orders(query))
    }
    fn fills(&self, query: &FillsQuery) -> Result<Page<FillRow>, ReadError> {
        self.page(|rows| rows.fills(query))
    }
    fn fills_of_order(&self, order: OrderId) -> Result<Page<FillRow>, ReadError> {
        self.page(|rows| rows.fills_of_order(order))
    }
    fn ledger(&self, query: &LedgerQuery) -> Result<Page<LedgerRow>, ReadError> {
        self.money.ledger(query)
    }
}

/// Retired rows in a place that may be away.
#[derive(Debug, Default)]
struct Retired(Mutex<Place>);

#[derive(Debug, Default)]
struct Place {
    rows: Rows,
    venue: VenueId,
    is_away: bool,
}

impl Retired {
    fn new(rows: Rows) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Place { rows, venue: VENUE, is_away: false })))
    }

    fn set_away(&self, is_away: bool) {
        self.0.lock().unwrap().is_away = is_away;
    }

    fn ask<T>(&self, what: impl FnOnce(&Rows) -> T) -> Result<T, ReadError> {
        let place = self.0.lock().unwrap();
        if place.is_away { Err(ReadError::Failed("it is away".into())) } else { Ok(what(&place.rows)) }
    }
}

impl RetiredHistory for Retired {
    fn extent(&self) -> Result<Option<Extent>, ReadError> {
        let venue = self.0.lock().unwrap().venue;
        self.ask(|rows| {
            let (orders, fills): (Vec<_>, Vec<_>) =
                (rows.orders.values().copied().collect(), rows.fills.values().copied().collect());
            (!orders.is_empty()).then(|| Extent::none(venue).with(&orders, &fills))
        })
    }
    fn order(&self, key: OrderKey) -> Result<Option<OrderRow>, ReadError> {
        self.ask(|rows| match key {
            OrderKey::Id(order) => rows.orders.get(&order).copied(),
            OrderKey::Client(user, name) => rows.named(user, name).into_iter().max_by_key(OrderRow::held_name),
        })
    }
    fn orders(&self, query: &OrdersQuery) -> Result<Vec<OrderRow>, ReadError> {
        self.ask(|rows| rows.orders(query))
    }
    fn fills(&self, query: &FillsQuery) -> Result<Vec<FillRow>, ReadError> {
        self.ask(|rows| rows.fills(query))
    }
    fn fills_of_order(&self, order: OrderId) -> Result<Vec<FillRow>, ReadError> {
        self.ask(|rows| rows.fills_of_order(order))
    }
    fn visit(&self, _: &mut dyn FnMut(RetiredRow)) -> Result<(), ReadError> {
        unreachable!("no reader looks through all rows")
    }
}

/// Numbers from a seed (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }

    /// Any of `some`, or none.
    fn one_of<T: Copy>(&mut self, some: &[T]) -> Option<T> {
        (self.below(2) == 0).then(|| some[self.below(some.len())])
    }

    /// Splits the closed orders of the older part: each stays, goes, or is in both places.
    fn split(&mut self, all: &Rows) -> (Rows, Rows) {
        let (mut hot, mut retired) = (all.clone(), Rows::default());
        let older = all.orders.len() * (1 + self.below(4)) / 4;
        for row in all.orders.values().take(older).filter(|row| !row.status.is_open()) {
            let fate = self.below(4);
            if fate > 0 {
                retired.put(row.order, all);
            }
            if fate > 1 {
                hot.drop(row.order);
            }
        }
        (hot, retired)
    }
}

enum Question {
    Order(OrderKey),
    Orders(OrdersQuery),
    Fills(FillsQuery),
    FillsOfOrder(OrderId),
}

/// What an answer says; all kinds of rows in one form.
type Said = (Vec<OrderRow>, Vec<FillRow>);

impl Question {
    fn at_random(all: &Rows, dice: &mut Dice) -> Self {
        let orders: Vec<&OrderRow> = all.orders.values().collect();
        let ids: Vec<OrderId> = all.orders.keys().copied().collect();
        let times: Vec<UnixNanos> = orders.iter().map(|row| row.placed_time).collect();
        let trades: Vec<TradeId> = all.fills.keys().map(|(trade, _)| *trade).collect();
        let row = orders[dice.below(orders.len())];
        let (user, symbol) = (row.user, row.symbol);
        let time = TimeRange { from: dice.one_of(&times), to: dice.one_of(&times) };
        let limit = [1, 2, 5, 1_000][dice.below(4)];
        match dice.below(5) {
            0 => Self::Order(OrderKey::Id(row.order)),
            1 => Self::Order(OrderKey::Client(user, row.client_order_id)),
            2 => Self::Orders(OrdersQuery { user, symbol, selection: selection(dice.one_of(&ids), time, limit) }),
            3 => {
                let order = if dice.below(3) == 0 { Some(row.order) } else { None };
                Self::Fills(FillsQuery { user, symbol, order, selection: selection(dice.one_of(&trades), time, limit) })
            }
            _ => Self::FillsOfOrder(row.order),
        }
    }

    fn ask(&self, history: &dyn OrderHistory) -> Result<Said, ReadError> {
        Ok(match self {
            Self::Order(key) => (history.order(*key)?.rows, Vec::new()),
            Self::Orders(query) => (history.orders(query)?.rows, Vec::new()),
            Self::Fills(query) => (Vec::new(), history.fills(query)?.rows),
            Self::FillsOfOrder(order) => (Vec::new(), history.fills_of_order(*order)?.rows),
        })
    }
}

fn venue(seed: u64, venue: &Recorded) -> (Arc<Store>, Rows) {
    let store = Arc::new(Store::at(venue, venue.last()));
    let all = Rows::of(&store);
    assert!(all.orders.len() > 40 && all.fills.len() > 10, "seed {seed}: there is something to read");
    (store, all)
}

#[test]
fn wherever_a_row_is_it_is_answered_once() {
    for (seed, recorded) in recordings(700) {
        let (money, all) = venue(seed, &recorded);
        let mut dice = Dice(seed);
        let everything = Hot::new(all.clone(), &money);
        for _ in 0..6 {
            let (hot, retired) = dice.split(&all);
            let both = WithRetired::new(Hot::new(hot, &money), Retired::new(retired), VENUE);
            for number in 0..120 {
                let question = Question::at_random(&all, &mut dice);
                let expected = question.ask(everything.as_ref());
                assert_eq!(question.ask(&both), expected, "seed {seed}, question {number}");
            }
        }
    }
}

#[test]
fn with_memory_it_is_as_though_nothing_had_been_retired() {
    for (seed, recorded) in recordings(500) {
        let all = Store::at(&recorded, recorded.last());
        let stored = Seq(recorded.last().0 - 60);
        let money = Arc::new(Store::at(&recorded, stored));
        let (hot, retired) = Dice(seed).split(&Rows::of(&money));
        let orders = WithRetired::new(Hot::new(hot, &money), Retired::new(retired), VENUE);
        let model = ReadModel::new(&recorded.empty, Limits::default());
        for (command, events) in &recorded.commands {
            model.apply(command, events);
        }
        for stream in [Stream::Orders, Stream::Ledger, Stream::Trades] {
            model.store_reached(stream, stored);
        }
        model.drop_stored();
        compare(&model, &Halves { orders: Arc::new(orders), trades: money }, &all, seed);
    }
}

#[test]
fn a_place_that_is_away_fails_only_what_may_need_it() {
    let (mut answered, mut refused) = (0, 0);
    for (seed, recorded) in recordings(700) {
        let (money, all) = venue(seed, &recorded);
        let mut dice = Dice(seed);
        let everything = Hot::new(all.clone(), &money);
        let (hot, rows) = dice.split(&all);
        let is_any = !rows.orders.is_empty();
        let retired = Retired::new(rows);
        let both = WithRetired::new(Hot::new(hot, &money), Arc::<Retired>::clone(&retired), VENUE);
        both.refresh().unwrap();
        retired.set_away(true);
        for number in 0..200 {
            let question = Question::at_random(&all, &mut dice);
            match question.ask(&both) {
                Ok(said) => {
                    assert_eq!(Ok(said), question.ask(everything.as_ref()), "seed {seed}, question {number}");
                    answered += 1;
                }
                Err(ReadError::Failed(_)) => {
                    assert!(is_any, "seed {seed}: nothing was retired");
                    refused += 1;
                }
                Err(error) => panic!("seed {seed}: {error}"),
            }
        }
    }
    assert!(answered > 500 && refused > 500, "{answered} {refused}");
}

#[test]
fn nothing_is_answered_that_may_lack_rows_before_the_extent_is_known() {
    let recorded = Recorded::new(sim::commands::Profile::Flow, 9, 900);
    let (money, all) = venue(9, &recorded);
    let retired = Retired::new(Rows::default());
    retired.set_away(true);
    let both = WithRetired::new(Hot::new(all.clone(), &money), Arc::<Retired>::clone(&retired), VENUE);
    assert!(matches!(both.refresh(), Err(ReadError::Failed(_))));
    let row = *all.orders.values().next().unwrap();
    let (user, symbol) = (row.user, row.symbol);
    let query = OrdersQuery { user, symbol, selection: selection(None, TimeRange::default(), 1) };
    assert!(matches!(both.orders(&query), Err(ReadError::Failed(_))));
    assert!(matches!(both.order(OrderKey::Client(user, row.client_order_id)), Err(ReadError::Failed(_))));
    assert_eq!(both.order(OrderKey::Id(row.order)).unwrap().rows, [row], "what is there is no question");
    let money_of = LedgerQuery { user, selection: selection(None, TimeRange::default(), 5) };
    assert_eq!(both.ledger(&money_of), money.ledger(&money_of), "money is never retired");
    // It is asked again until it answers once; then it is not needed any more.
    retired.set_away(false);
    assert_eq!(both.orders(&query).unwrap().rows.len(), 1);
    retired.set_away(true);
    assert_eq!(both.orders(&query).unwrap().rows.len(), 1);
}

#[test]
fn rows_that_go_while_they_are_asked_for_are_found() {
    let recorded = Recorded::new(sim::commands::Profile::Flow, 11, 900);
    let (money, all) = venue(11, &recorded);
    let mut dice = Dice(11);
    let everything = Hot::new(all.clone(), &money);
    for number in 0..400 {
        let hot = Hot::new(all.clone(), &money);
        let retired = Retired::new(Rows::default());
        let both = Arc::new(WithRetired::new(Arc::<Hot>::clone(&hot), Arc::<Retired>::clone(&retired), VENUE));
        both.refresh().unwrap();
        let (_, going) = dice.split(&all);
        // Copied, told, dropped; and then the hot store answers.
        let (place, told) = (Arc::clone(&retired), Arc::clone(&both));
        *hot.then.lock().unwrap() = Some(Box::new(move |rows| {
            place.0.lock().unwrap().rows = going.clone();
            told.refresh().unwrap();
            going.orders.keys().for_each(|order| rows.drop(*order));
        }));
        let question = Question::at_random(&all, &mut dice);
        assert_eq!(question.ask(both.as_ref()), question.ask(everything.as_ref()), "question {number}");
    }
}

#[test]
fn an_extent_does_not_go_back_and_another_venues_rows_are_not_read() {
    let recorded = Recorded::new(sim::commands::Profile::Flow, 12, 900);
    let (money, all) = venue(12, &recorded);
    let closed: Vec<OrderId> = all.orders.values().filter(|row| !row.status.is_open()).map(|row| row.order).collect();
    let (mut few, mut many, mut hot) = (Rows::default(), Rows::default(), all.clone());
    few.put(closed[0], &all);
    for order in &closed {
        many.put(*order, &all);
        hot.drop(*order);
    }
    let retired = Retired::new(many.clone());
    let both = WithRetired::new(Hot::new(hot, &money), Arc::<Retired>::clone(&retired), VENUE);
    both.refresh().unwrap();
    // An answer that was long on its way.
    retired.0.lock().unwrap().rows = few;
    both.refresh().unwrap();
    retired.0.lock().unwrap().rows = many;
    let last = *closed.last().unwrap();
    assert_eq!(both.order(OrderKey::Id(last)).unwrap().rows, [all.orders[&last]]);
    retired.0.lock().unwrap().venue = VenueId([4; 16]);
    assert!(matches!(both.refresh(), Err(ReadError::Foreign(_))));
}
