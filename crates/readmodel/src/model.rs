//! The read model: who writes it and what can be asked of it without a store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use domain::ids::{KeyId, OrderId, SymbolId, TradeId, UserId};
use domain::shard_map::ShardMap;
use domain::state::{OrderState, State};
use domain::text::ApiKeyText;
use domain::units::{Seq, UnixNanos};
use projector::book::{Best, Depth};
use projector::candle::Candle;
use projector::history::{OrderKey, TimeRange};
use projector::rows::{OrderRow, TradeRow};

use crate::account::{Balance, Position};
use crate::apply::Writer;
use crate::day::Window;
use crate::limits::{Limits, ROWS_PER_LOCK, USER_SHARDS};
use crate::market::{Market, Ticker};
use crate::reference::{Directory, Key, Reference, User};
use crate::shard::{Allowances, Shard, shard_of};
use crate::sync::{lock, read};
use crate::tail::Allowance;

/// Kinds of rows by the checkpoint they follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Orders and fills.
    Orders,
    /// Ledger rows.
    Ledger,
    /// Trades.
    Trades,
}

/// How far the stores are; where several share a stream, the last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// Orders and fills.
    pub orders: Seq,
    /// Ledger rows.
    pub ledger: Seq,
    /// Trades.
    pub trades: Seq,
}

/// The venue as of the last command applied.
#[derive(Debug)]
pub struct ReadModel {
    pub(crate) seq: AtomicU64,
    pub(crate) time: AtomicU64,
    pub(crate) directory: Directory,
    pub(crate) shards: Box<[Mutex<Shard>]>,
    pub(crate) markets: RwLock<Vec<Arc<Mutex<Market>>>>,
    pub(crate) allow: Allowances,
    pub(crate) writer: Mutex<Writer>,
    stored: [AtomicU64; 3],
}

impl ReadModel {
    /// The venue as a state says it. History reads need stores that are complete through the state, unless the commands they
    /// miss are replayed first ([`ReadModel::replay`]).
    pub fn new(state: &State, limits: Limits) -> Self {
        let model = Self {
            seq: AtomicU64::new(state.seq.0),
            time: AtomicU64::new(state.time.0),
            directory: Directory::new(state),
            shards: (0..USER_SHARDS).map(|_| Mutex::new(Shard::new(state.seq))).collect(),
            markets: RwLock::new(Vec::new()),
            allow: Allowances {
                closed_orders: Allowance::new(limits.closed_orders_max),
                fills: Allowance::new(limits.fills_max),
                ledger_rows: Allowance::new(limits.ledger_rows_max),
                trades: Allowance::new(limits.trades_max),
            },
            writer: Mutex::default(),
            stored: [const { AtomicU64::new(0) }; 3],
        };
        model.fill(state);
        model
    }

    /// The last command applied: everything it did is found by reads that begin after this call.
    pub fn seq(&self) -> Seq {
        Seq(self.seq.load(Ordering::Acquire))
    }

    /// Block time of the last command applied.
    pub fn time(&self) -> UnixNanos {
        UnixNanos(self.time.load(Ordering::Acquire))
    }

    /// Assets and symbols.
    pub fn reference(&self) -> Arc<Reference> {
        self.directory.reference()
    }

    /// The shard map. It is never older than what the event log says, which is written later: whoever reads a block there and then
    /// asks for the map has one that knows the owners of all that the block is about.
    pub fn shard_map(&self) -> Arc<ShardMap> {
        self.directory.shard_map()
    }

    /// A user.
    pub fn user(&self, user: UserId) -> Option<User> {
        self.directory.user(user)
    }

    /// How many users there are, the venue included.
    pub fn users_count(&self) -> usize {
        self.directory.users_count()
    }

    /// A key by its public part, revoked or not.
    pub fn key(&self, api_key: &ApiKeyText) -> Option<Arc<Key>> {
        self.directory.key(api_key)
    }

    /// A key by its id, revoked or not.
    pub fn key_by_id(&self, key: KeyId) -> Option<Arc<Key>> {
        self.directory.key_by_id(key)
    }

    /// The best `limit` prices of each side.
    pub fn depth(&self, symbol: SymbolId, limit: usize) -> Option<Depth> {
        let market = self.market(symbol)?;
        let market = lock(&market);
        // The book may be ahead of the model, while a block is being applied, and behind it where later commands were about other
        // symbols. Read inside the lock: until it is given back the model does not pass a command that this book does not have.
        Some(market.book.depth(limit, market.seq.max(self.seq())))
    }

    /// The best prices.
    pub fn best(&self, symbol: SymbolId) -> Option<Best> {
        Some(lock(&*self.market(symbol)?).book.best())
    }

    /// Last price, best prices, last 24 hours.
    pub fn ticker(&self, symbol: SymbolId, now: UnixNanos) -> Option<Ticker> {
        Some(lock(&*self.market(symbol)?).ticker(now))
    }

    /// The minutes from the one that `from` is in up to now, added up; at most 24 hours.
    pub fn window(&self, symbol: SymbolId, from: UnixNanos, now: UnixNanos) -> Option<Window> {
        Some(lock(&*self.market(symbol)?).day.window(crate::day::minute_of(from), now))
    }

    /// The last trades, oldest first, if memory has `limit` of them or all there were: where trades could not be read at a start,
    /// it has fewer.
    pub fn last_trades(&self, symbol: SymbolId, limit: usize) -> Option<Vec<TradeRow>> {
        let market = self.market(symbol)?;
        let market = lock(&market);
        let end = market.trades.rows().end().0;
        let first = TradeId(end.saturating_sub(u64::try_from(limit).unwrap_or(u64::MAX)).max(1));
        (first >= market.first_trade()).then(|| market.trades_from(first, limit).copied().collect())
    }

    /// The open orders of a user, by id; each was open at some moment of the call.
    pub fn open_orders(&self, user: UserId, symbol: Option<SymbolId>) -> Vec<OrderRow> {
        let mut rows = Vec::new();
        let mut after = OrderId(0);
        loop {
            let shard = self.shard(user);
            let Some(account) = shard.account(user) else { return rows };
            let mut seen = 0;
            for slot in account.open_after(after).take(ROWS_PER_LOCK) {
                let row = shard.orders.row(slot);
                (after, seen) = (row.order, seen + 1);
                if symbol.is_none_or(|symbol| row.symbol == symbol) {
                    rows.push(*row);
                }
            }
            if seen < ROWS_PER_LOCK {
                return rows;
            }
        }
    }

    /// An order of a user that is in memory: open, or closed a moment ago. What is found here is the latest there is: orders leave
    /// memory in the order of closing.
    pub fn recent_order(&self, user: UserId, key: OrderKey) -> Option<OrderRow> {
        recent_order(&self.shard(user), user, key)
    }

    /// The balances of a user that were ever touched, by asset.
    pub fn balances(&self, user: UserId) -> Vec<Balance> {
        self.shard(user).account(user).map(|account| account.balances().to_vec()).unwrap_or_default()
    }

    /// The positions of a user, by symbol.
    pub fn positions(&self, user: UserId) -> Vec<Position> {
        self.shard(user).account(user).map(|account| account.positions().collect()).unwrap_or_default()
    }

    /// Minutes with trades that begin inside `time`, oldest first, if memory has all of them.
    pub fn recent_minutes(&self, symbol: SymbolId, time: TimeRange) -> Option<Vec<Candle>> {
        let market = self.market(symbol)?;
        let market = lock(&market);
        let from = market.day.covered_from();
        let covered = from.0 == 0 || time.from.is_some_and(|begin| begin >= from);
        covered.then(|| market.day.minutes().filter(|minute| time.contains(minute.open_time)).copied().collect())
    }

    /// How far a stream's stores are from now on: what they have need not be remembered. Takes no lock: who writes the stores
    /// gives way to other threads, and the one that applies must not wait for it. It drops the rows while it adds others.
    pub fn store_reached(&self, stream: Stream, seq: Seq) {
        self.stored[stream_index(stream)].fetch_max(seq.0, Ordering::Relaxed);
    }

    pub(crate) fn stored(&self, stream: Stream) -> Seq {
        Seq(self.stored[stream_index(stream)].load(Ordering::Relaxed))
    }

    /// Everything later than this is in memory, of a user or of all: what a store must have for its answers to be made whole.
    pub(crate) fn floor(&self, stream: Stream, user: Option<UserId>) -> Seq {
        let of = |shard: &Shard| match stream {
            Stream::Orders => shard.closed.floor().max(shard.fills.floor()),
            Stream::Ledger => shard.ledger.floor(),
            // Trades are not kept by user.
            Stream::Trades => Seq(u64::MAX),
        };
        match user {
            Some(user) => of(&self.shard(user)),
            None => self.shards.iter().map(|shard| of(&lock(shard))).max().unwrap_or(Seq::ZERO),
        }
    }

    pub(crate) fn shard(&self, user: UserId) -> std::sync::MutexGuard<'_, Shard> {
        lock(&self.shards[shard_of(user)])
    }

    pub(crate) fn market(&self, symbol: SymbolId) -> Option<Arc<Mutex<Market>>> {
        read(&self.markets).get(usize::try_from(symbol.0).ok()?).cloned()
    }

    fn fill(&self, state: &State) {
        let market = |symbol| Arc::new(Mutex::new(Market::new(symbol, state.seq, state.time)));
        *crate::sync::write(&self.markets) = state.symbols.iter().map(market).collect();
        for balance in &state.balances {
            let mut shard = self.shard(balance.user);
            let account = shard.account_mut(balance.user);
            account.set_balance(balance.asset, balance.free, balance.locked);
            account.set_credit_limit(balance.asset, balance.credit_limit);
        }
        for &domain::state::PositionState { user, symbol, quantity, cost, realised } in &state.positions {
            self.shard(user).account_mut(user).set_position(Position { symbol, quantity, cost, realised });
        }
        // A state has orders by symbol and price; accounts list them by id.
        let mut orders: Vec<&OrderState> = state.orders.iter().collect();
        orders.sort_unstable_by_key(|order| order.order);
        for order in orders {
            // A state does not say when an order last changed; its placement is the latest moment that is sure.
            let row = OrderRow::open(order, order.placed, order.placed_time);
            let left = order.quantity.checked_sub(order.executed).expect("an open order has something left");
            let mut shard = self.shard(order.user);
            let hash = shard.orders.hash(row.user, &row.client_order_id);
            shard.open(row, hash);
            drop(shard);
            let market = self.market(order.symbol).expect("an order's symbol exists");
            lock(&market).book.add(order.side, order.price, left);
        }
    }
}

pub(crate) fn recent_order(shard: &Shard, user: UserId, key: OrderKey) -> Option<OrderRow> {
    let slot = match key {
        OrderKey::Id(order) => shard.orders.find(order)?,
        OrderKey::Client(user, client_order_id) => shard.orders.find_by_client(user, &client_order_id)?,
    };
    Some(*shard.orders.row(slot)).filter(|row| row.user == user)
}

fn stream_index(stream: Stream) -> usize {
    match stream {
        Stream::Orders => 0,
        Stream::Ledger => 1,
        Stream::Trades => 2,
    }
}
