//! History over several shards: each read goes to the shard that has the rows, or to all and the answers are made one.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::thread;

use domain::ids::{OrderId, ShardId, SymbolId};
use domain::shard_map::ShardMap;
use domain::shards::{Subject, Tenure};
use domain::text::ShardName;
use domain::units::Seq;
use projector::history::{FillsQuery, LedgerQuery, OrderHistory, OrderKey, OrdersQuery, Page, ReadError};
use projector::rows::{FillRow, LedgerRow, OrderRow};

use crate::model::ReadModel;
use crate::sync::{read, write};

/// Orders, fills and money of a venue whose rows are spread over shards. A shard that gives no answer fails the reads that need it
/// and no others.
///
/// After a subject has moved, its new owner is read once it has everything up to the move; until then the old one is, up to there.
#[derive(Debug)]
pub struct Routed {
    model: Arc<ReadModel>,
    /// Has everything as long as the map is empty: it is going to be the first shard.
    first: Arc<dyn OrderHistory>,
    shards: RwLock<BTreeMap<ShardName, Arc<dyn OrderHistory>>>,
}

type Answer<T> = Result<Page<T>, ReadError>;

impl Routed {
    /// Over no shard but the one that has everything before there are any.
    pub fn new(model: Arc<ReadModel>, first: ShardName, orders: Arc<dyn OrderHistory>) -> Self {
        let shards = RwLock::new(BTreeMap::from([(first, Arc::clone(&orders))]));
        Self { model, first: orders, shards }
    }

    /// The shard of this name is read here from now on.
    pub fn put(&self, name: ShardName, orders: Arc<dyn OrderHistory>) {
        write(&self.shards).insert(name, orders);
    }

    fn shard(&self, map: &ShardMap, shard: ShardId) -> Result<Arc<dyn OrderHistory>, ReadError> {
        let name = map.shard(shard).ok_or_else(|| ReadError::Failed(format!("there is no shard {}", shard.0)))?.name;
        let found = read(&self.shards).get(&name).cloned();
        found.ok_or_else(|| ReadError::Failed(format!("the shard {name} is not in the configuration")))
    }

    /// What is read by a map that still holds afterwards: what has moved meanwhile may be gone from where it was looked for. Rows go only
    /// once the map says whose they are, so it is looked at last.
    fn settled<R, M: PartialEq>(&self, moves: impl Fn(&ShardMap) -> M, read: impl Fn(&ShardMap) -> R) -> R {
        let mut map = self.model.shard_map();
        loop {
            let found = read(&map);
            let now = self.model.shard_map();
            if Arc::ptr_eq(&now, &map) || moves(&now) == moves(&map) {
                return found;
            }
            map = now;
        }
    }

    /// The page of the shard that has the subject's rows.
    fn one<T>(&self, subject: Subject, ask: impl Fn(&dyn OrderHistory) -> Answer<T>) -> Answer<T> {
        let read = |map: &ShardMap| {
            if map.is_empty() { ask(self.first.as_ref()) } else { self.latest(map, &map.tenures(subject), &ask) }
        };
        self.settled(|map| map.tenure_count(subject), read)
    }

    /// The page of the last of the owners that has everything up to the beginning of its tenure.
    fn latest<T>(
        &self,
        map: &ShardMap,
        tenures: &[Tenure],
        ask: &impl Fn(&dyn OrderHistory) -> Answer<T>,
    ) -> Answer<T> {
        let Some((last, earlier)) = tenures.split_last() else {
            return Err(ReadError::Failed("nobody has such rows".into()));
        };
        let shard = self.shard(map, last.shard)?;
        let page = ask(shard.as_ref())?;
        if page.through >= last.from {
            return Ok(page);
        }
        let before = self.latest(map, earlier, ask)?;
        if before.through < last.from {
            return Ok(before);
        }
        // Once the new owner is level, the old one's rows may go at any time: what it answered is whole only if the new one still is not.
        let page = ask(shard.as_ref())?;
        if page.through >= last.from {
            return Ok(page);
        }
        Ok(Page { through: last.from, ..before })
    }

    /// What each shard of the map answers.
    fn all<T: Send>(&self, map: &ShardMap, ask: impl Fn(&dyn OrderHistory) -> Answer<T> + Sync) -> Answers<T> {
        let asked = |shard: ShardId| self.shard(map, shard).and_then(|orders| ask(orders.as_ref()));
        let ids = map.shards().iter().map(|shard| shard.id);
        thread::scope(|scope| {
            let asking: Vec<_> = ids.map(|id| (id, scope.spawn(move || asked(id)))).collect();
            let answers = asking
                .into_iter()
                .map(|(id, thread)| (id, thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))));
            Answers(answers.collect())
        })
    }
}

/// By shard.
struct Answers<T>(Vec<(ShardId, Answer<T>)>);

impl<T> Answers<T> {
    /// Rows that were found, with the shard that has them.
    fn rows(&self) -> impl Iterator<Item = (ShardId, &T)> {
        self.0.iter().flat_map(|(id, answer)| answer.iter().flat_map(|page| &page.rows).map(|row| (*id, row)))
    }

    /// Where all shards have everything; an error if one of them did not answer.
    fn through(&self) -> Result<Seq, ReadError> {
        let mut through = Seq(u64::MAX);
        for (_, answer) in &self.0 {
            through = through.min(answer.as_ref().map_err(Clone::clone)?.through);
        }
        Ok(through)
    }
}

impl OrderHistory for Routed {
    fn order(&self, key: OrderKey) -> Answer<OrderRow> {
        self.settled(ShardMap::symbol_moves, |map| self.order_by(map, key))
    }

    fn orders(&self, query: &OrdersQuery) -> Answer<OrderRow> {
        self.one(Subject::Symbol(query.symbol), |shard| shard.orders(query))
    }

    fn fills(&self, query: &FillsQuery) -> Answer<FillRow> {
        self.one(Subject::Symbol(query.symbol), |shard| shard.fills(query))
    }

    fn fills_of_order(&self, order: OrderId) -> Answer<FillRow> {
        self.settled(ShardMap::symbol_moves, |map| self.fills_by(map, order))
    }

    fn ledger(&self, query: &LedgerQuery) -> Answer<LedgerRow> {
        self.one(Subject::User(query.user), |shard| shard.ledger(query))
    }
}

impl Routed {
    fn order_by(&self, map: &ShardMap, key: OrderKey) -> Answer<OrderRow> {
        if map.is_empty() {
            return self.first.order(key);
        }
        let found = self.all(map, |shard| shard.order(key));
        // A symbol that has moved may have left rows behind: only its owner says how an order is now.
        let mut candidates: Vec<&OrderRow> = found.rows().map(|(_, row)| row).collect();
        candidates.sort_unstable_by_key(|row| std::cmp::Reverse(row.order));
        candidates.dedup_by_key(|row| row.order);
        let mut named = Page { through: found.through().unwrap_or_default(), rows: Vec::new() };
        for candidate in candidates {
            let id = OrderKey::Id(candidate.order);
            let page = self.one(Subject::Symbol(candidate.symbol), |shard| shard.order(id))?;
            let Some(row) = page.rows.first() else { continue };
            match key {
                OrderKey::Id(_) => return Ok(page),
                OrderKey::Client(user, name) if row.user == user && row.client_order_id == name => {
                    named.through = named.through.min(page.through);
                    named.rows.push(*row);
                }
                OrderKey::Client(..) => {}
            }
        }
        // Any shard may have the order that had the name last: without one of them nobody can say.
        found.through()?;
        named.rows.sort_unstable_by_key(OrderRow::held_name);
        Ok(named)
    }

    fn fills_by(&self, map: &ShardMap, order: OrderId) -> Answer<FillRow> {
        if map.is_empty() {
            return self.first.fills_of_order(order);
        }
        let found = self.all(map, |shard| shard.fills_of_order(order));
        let symbol: Option<SymbolId> = found.rows().map(|(_, row)| row.symbol).next();
        match symbol {
            Some(symbol) => self.one(Subject::Symbol(symbol), |shard| shard.fills_of_order(order)),
            None => Ok(Page { through: found.through()?, rows: Vec::new() }),
        }
    }
}
