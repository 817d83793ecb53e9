//! Shards that are behind, each elsewhere, and symbols and users that moved between them: every read is as though there were one store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::ids::{OrderId, ShardId, SymbolId, UserId};
use domain::shard_map::ShardMap;
use domain::shards::Subject;
use domain::text::ShardName;
use domain::units::Seq;
use projector::conformance::absent::Absent::{self, Empty};
use projector::history::{
    FillsQuery, Halves, LedgerQuery, OrderHistory, OrderKey, OrdersQuery, Page, ReadError, Selection, TimeRange,
    TradeHistory, last_holders,
};
use projector::rows::{FillRow, LedgerRow, OrderRow};
use readmodel::limits::Limits;
use readmodel::merged::HistoryError;
use readmodel::model::{ReadModel, Stream};
use readmodel::routed::Routed;
use sim::commands::Profile;

use crate::history::{compare, selection};
use crate::stores::{Recorded, Store};

/// What one shard has: what it owns as of its checkpoint, and what it owned as of when that left it.
#[derive(Debug)]
struct Part {
    at: Seq,
    symbols: Vec<(SymbolId, Arc<Store>)>,
    users: BTreeMap<UserId, Arc<Store>>,
    moving: Option<Moving>,
}

/// A move while answers are on their way.
#[derive(Debug)]
enum Moving {
    /// When it answers, the model knows of the move.
    Leaves(Arc<Recorded>, Arc<ReadModel>),
    /// It is asked once before rows are there, from this command on.
    Arrives(Seq, AtomicBool),
}

/// Stores as of some sequences, each made once.
struct Stores<'a> {
    venue: &'a Recorded,
    made: BTreeMap<Seq, Arc<Store>>,
}

impl Stores<'_> {
    fn at(&mut self, seq: Seq) -> Arc<Store> {
        Arc::clone(self.made.entry(seq).or_insert_with(|| Arc::new(Store::at(self.venue, seq))))
    }
}

/// As of when a shard has rows of a subject, if it has any.
fn known(map: &ShardMap, shard: ShardId, at: Seq, subject: Subject) -> Option<Seq> {
    if map.owner_at(subject, at.next()) == Some(shard) {
        return Some(at);
    }
    let tenures = map.tenures(subject);
    let ended = tenures.windows(2).filter(|pair| pair[0].shard == shard).map(|pair| pair[1].from);
    ended.filter(|end| *end <= at).max()
}

impl Part {
    fn new(stores: &mut Stores<'_>, map: &ShardMap, shard: ShardId, at: Seq, of: (u32, u32)) -> Self {
        let symbols = (0..of.0).map(SymbolId).filter_map(|symbol| {
            let seq = known(map, shard, at, Subject::Symbol(symbol))?;
            Some((symbol, stores.at(seq)))
        });
        let symbols = symbols.collect();
        let users = (0..of.1).map(UserId).filter_map(|user| {
            let seq = known(map, shard, at, Subject::User(user))?;
            Some((user, stores.at(seq)))
        });
        Self { at, symbols, users: users.collect(), moving: None }
    }

    /// One that has given up its rows when it answers.
    fn leaving(venue: &Arc<Recorded>, model: &Arc<ReadModel>) -> Self {
        let moving = Some(Moving::Leaves(Arc::clone(venue), Arc::clone(model)));
        Self { at: venue.last(), symbols: Vec::new(), users: BTreeMap::new(), moving }
    }

    #[expect(clippy::unnecessary_wraps, reason = "all of the trait's answers are results")]
    fn page<T>(&self, rows: Vec<T>) -> Result<Page<T>, ReadError> {
        match &self.moving {
            Some(Moving::Leaves(venue, model)) => follow(model, venue, venue.last()),
            Some(Moving::Arrives(from, asked)) if !asked.swap(true, Ordering::AcqRel) => {
                return Ok(Page { through: from.previous(), rows: Vec::new() });
            }
            Some(Moving::Arrives(..)) | None => {}
        }
        Ok(Page { through: self.at, rows })
    }

    fn of_symbol(&self, symbol: SymbolId) -> Option<&Store> {
        self.symbols.iter().find(|(known, _)| *known == symbol).map(|(_, store)| store.as_ref())
    }
}

impl OrderHistory for Part {
    fn order(&self, key: OrderKey) -> Result<Page<OrderRow>, ReadError> {
        let found = self.symbols.iter().flat_map(|(symbol, store)| match key {
            OrderKey::Id(_) => store.order(key).unwrap().rows.into_iter().filter(|row| row.symbol == *symbol).collect(),
            OrderKey::Client(user, name) => {
                let selection = selection(None, TimeRange::default(), usize::MAX);
                let query = OrdersQuery { user, symbol: *symbol, selection };
                let mut orders = store.model.orders(&Empty, &query).unwrap();
                orders.retain(|row| row.client_order_id == name);
                orders
            }
        });
        self.page(last_holders(found.collect()))
    }
    fn orders(&self, query: &OrdersQuery) -> Result<Page<OrderRow>, ReadError> {
        self.page(self.of_symbol(query.symbol).map_or_else(Vec::new, |store| store.orders(query).unwrap().rows))
    }
    fn fills(&self, query: &FillsQuery) -> Result<Page<FillRow>, ReadError> {
        self.page(self.of_symbol(query.symbol).map_or_else(Vec::new, |store| store.fills(query).unwrap().rows))
    }
    fn fills_of_order(&self, order: OrderId) -> Result<Page<FillRow>, ReadError> {
        let row = self.order(OrderKey::Id(order))?.rows.into_iter().next();
        let fills = row.and_then(|row| self.of_symbol(row.symbol)).map(|store| store.fills_of_order(order).unwrap());
        self.page(fills.map(|page| page.rows).unwrap_or_default())
    }
    fn ledger(&self, query: &LedgerQuery) -> Result<Page<LedgerRow>, ReadError> {
        self.page(self.users.get(&query.user).map_or_else(Vec::new, |store| store.ledger(query).unwrap().rows))
    }
}

fn followed(venue: &Recorded) -> Arc<ReadModel> {
    followed_to(venue, venue.last())
}

fn followed_to(venue: &Recorded, last: Seq) -> Arc<ReadModel> {
    let model = ReadModel::new(&venue.empty, Limits::default());
    follow(&model, venue, last);
    Arc::new(model)
}

fn follow(model: &ReadModel, venue: &Recorded, last: Seq) {
    let from = model.seq();
    for (command, events) in venue.commands.iter().filter(|(command, _)| command.seq > from && command.seq <= last) {
        model.apply(command, events);
    }
}

const SEEDS: [u64; 4] = [200, 201, 202, 203];

#[test]
fn several_shards_and_memory_make_one_answer() {
    let mut moved = 0;
    // In others an open order was given the name of a later one that is closed: memory, which no longer has that, answers with the open one.
    for seed in SEEDS {
        let venue = Recorded::new(Profile::Shards, seed, 700);
        let (last, all) = (venue.last(), Store::at(&venue, venue.last()));
        let map = followed(&venue).shard_map();
        moved += map.state().moved.len();
        let of = (u32::try_from(all.model.reference().symbols().len()).unwrap(), all.users);
        // Each a little further behind than the one before, or the other way round.
        for step in [0, 60] {
            for turned in [false, true] {
                let model = followed(&venue);
                let mut stores = Stores { venue: &venue, made: BTreeMap::new() };
                let count = u64::try_from(map.shards().len()).unwrap();
                let behind = |shard: u64| 3 + step * if turned { count - shard } else { shard };
                let checkpoints: Vec<Seq> = (0..count).map(|shard| Seq(last.0 - behind(shard).min(last.0))).collect();
                let least = *checkpoints.iter().min().unwrap();
                let parts = map.shards().iter().zip(&checkpoints).map(|(shard, at)| {
                    let part: Arc<dyn OrderHistory> = Arc::new(Part::new(&mut stores, &map, shard.id, *at, of));
                    (shard.name, part)
                });
                let parts: Vec<_> = parts.collect();
                let routed = Routed::new(Arc::clone(&model), parts[0].0, Arc::clone(&parts[0].1));
                for (name, part) in parts {
                    routed.put(name, part);
                }
                let trades = stores.at(least);
                for stream in [Stream::Orders, Stream::Ledger, Stream::Trades] {
                    model.store_reached(stream, least);
                }
                model.drop_stored();
                compare(&model, &Halves { orders: Arc::new(routed), trades }, &all, seed);
            }
        }
    }
    assert!(moved > 10, "subjects have moved");
}

#[test]
fn a_shard_that_is_away_fails_only_what_needs_it() {
    let venue = Recorded::new(Profile::Shards, 201, 700);
    let all = Store::at(&venue, venue.last());
    let model = followed(&venue);
    let map = model.shard_map();
    let of = (u32::try_from(model.reference().symbols().len()).unwrap(), all.users);
    let mut stores = Stores { venue: &venue, made: BTreeMap::new() };
    let (mut answered, mut failed) = (0, 0);
    for away in map.shards().iter().map(|shard| shard.id) {
        let routed = Routed::new(Arc::clone(&model), map.shards()[0].name, Arc::new(Absent::Away));
        for shard in map.shards().iter().filter(|shard| shard.id != away) {
            routed.put(shard.name, Arc::new(Part::new(&mut stores, &map, shard.id, venue.last(), of)));
        }
        if away != ShardId(0) {
            routed.put(map.shard(away).unwrap().name, Arc::new(Absent::Away));
        }
        let history = Halves { orders: Arc::new(routed), trades: stores.at(venue.last()) };
        for user in (0..all.users).map(UserId) {
            for symbol in (0..of.0).map(SymbolId) {
                let query = OrdersQuery { user, symbol, selection: selection(None, TimeRange::default(), 100) };
                match model.orders(&history, &query) {
                    Ok(rows) => {
                        assert_ne!(map.owner(Subject::Symbol(symbol)), Some(away));
                        answered += rows.len();
                    }
                    Err(HistoryError::Store(ReadError::Failed(_))) => {
                        assert_eq!(map.owner(Subject::Symbol(symbol)), Some(away));
                        failed += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            let query = LedgerQuery { user, selection: selection(None, TimeRange::default(), 100) };
            assert_eq!(model.ledger(&history, &query).is_err(), map.owner(Subject::User(user)) == Some(away));
        }
    }
    assert!(answered > 0 && failed > 0, "{answered} {failed}");
}

#[test]
fn a_shard_that_nobody_configured_says_so() {
    let venue = Recorded::new(Profile::Shards, 201, 700);
    let model = followed(&venue);
    let map = model.shard_map();
    let routed = Routed::new(Arc::clone(&model), ShardName::new("another").unwrap(), Arc::new(Absent::Away));
    let (symbol, selection) = (SymbolId(0), selection(None, TimeRange::default(), 1));
    let error = routed.orders(&OrdersQuery { user: UserId(1), symbol, selection }).unwrap_err().to_string();
    let owner = map.shard(map.owner(Subject::Symbol(symbol)).unwrap()).unwrap().name;
    assert!(error.contains(&format!("the shard {owner} is not in the configuration")), "{error}");
}

fn everything<Id>() -> Selection<Id> {
    selection(None, TimeRange::default(), usize::MAX)
}

#[test]
fn rows_that_move_while_they_are_read_are_found_where_they_are_then() {
    let venue = Arc::new(Recorded::new(Profile::Shards, 201, 700));
    let (last, all) = (venue.last(), Store::at(&venue, venue.last()));
    let map = followed(&venue).shard_map();
    let of = (u32::try_from(all.model.reference().symbols().len()).unwrap(), all.users);
    let mut stores = Stores { venue: &venue, made: BTreeMap::new() };
    let trades: Arc<dyn TradeHistory> = stores.at(last);
    let mut compared = 0;
    let symbols = (0..of.0).map(|symbol| Subject::Symbol(SymbolId(symbol)));
    for subject in symbols.chain((0..of.1).map(|user| Subject::User(UserId(user)))) {
        let tenures = map.tenures(subject);
        let [.., before, now] = tenures.as_slice() else { continue };
        // Memory has nothing from before the move.
        let mut moving = || {
            let model = followed_to(&venue, now.from.previous());
            model.store_reached(Stream::Orders, model.seq());
            model.store_reached(Stream::Ledger, model.seq());
            model.drop_stored();
            let routed = Routed::new(Arc::clone(&model), map.shards()[0].name, Arc::new(Absent::Away));
            for shard in map.shards() {
                let mut part = Part::new(&mut stores, &map, shard.id, last, of);
                // What left it earlier is removed.
                part.symbols.retain(|(symbol, _)| map.owner(Subject::Symbol(*symbol)) == Some(shard.id));
                if shard.id == before.shard {
                    part = Part::leaving(&venue, &model);
                } else if shard.id == now.shard {
                    part.moving = Some(Moving::Arrives(now.from, AtomicBool::new(false)));
                }
                routed.put(shard.name, Arc::new(part));
            }
            (model, Halves { orders: Arc::new(routed), trades: Arc::clone(&trades) })
        };
        for user in (0..of.1).map(UserId) {
            match subject {
                Subject::User(moved) if moved == user => {
                    let query = LedgerQuery { user, selection: everything() };
                    let (model, history) = moving();
                    assert_eq!(model.ledger(&history, &query), all.model.ledger(&Empty, &query));
                }
                Subject::Symbol(symbol) => {
                    let query = OrdersQuery { user, symbol, selection: everything() };
                    let orders = all.model.orders(&Empty, &query).unwrap();
                    let Some(order) =
                        orders.iter().find(|order| order.last_seq < now.from && !order.executed.is_zero())
                    else {
                        continue;
                    };
                    let (model, history) = moving();
                    assert_eq!(model.orders(&history, &query).unwrap(), orders);
                    let (model, history) = moving();
                    assert_eq!(model.order(&history, user, OrderKey::Id(order.order)).unwrap(), Some(*order));
                    let (model, history) = moving();
                    assert_eq!(model.fills_of_order(&history, order), all.model.fills_of_order(&Empty, order));
                    let query = FillsQuery { user, symbol, order: None, selection: everything() };
                    let (model, history) = moving();
                    assert_eq!(model.fills(&history, &query), all.model.fills(&Empty, &query));
                }
                Subject::User(_) => continue,
            }
            compared += 1;
        }
    }
    assert!(compared > 3, "{compared}");
}
