//! After a restart: the engine's state is newer than the stores. What they miss is replayed into the memory that history
//! reads add from, while books, balances and open orders, which the state already has, stay as they are.

use std::collections::BTreeMap;

use domain::command::{Command, Sequenced};
use domain::event::{Event, OrderAmended, OrderClosed, OrderFilled};
use domain::ids::{EventId, OrderId, SymbolId, TradeId, UserId};
use domain::order::{MarketSize, OrderKind};
use domain::text::SymbolCode;
use domain::units::{Seq, Ticks, UnixNanos};
use projector::archive::{ArchiveHistory, BucketsQuery, Settled};
use projector::buckets::Interval;
use projector::candle::Candle;
use projector::history::{
    History, MinutesQuery, OrderKey, OrdersQuery, Page, ReadError, Selection, TimeRange, TradesQuery,
};
use projector::rows::{OrderRow, OrderStatus, TradeRow};

use crate::day::{Day, earliest_kept};
use crate::limits::{RECENT_MINUTES, RECENT_TRADES};
use crate::market::trade_row;
use crate::merged::check_trades;
use crate::model::ReadModel;
use crate::money::{At, rows_of};
use crate::reference::Symbol;
use crate::ring::Place;
use crate::shard::{Shard, placed_row};
use crate::sync::{lock, read};
use crate::tail::Tail;

/// A read model that nobody reads yet, being given the commands its stores may miss.
#[derive(Debug)]
pub struct Replay<'a> {
    model: &'a ReadModel,
    history: &'a dyn History,
    archive: Option<&'a dyn ArchiveHistory>,
    /// The first command replayed comes after this.
    after: Seq,
    /// Last command replayed.
    seq: Seq,
    /// By symbol: the stored minutes have every trade through here.
    minutes_through: Vec<Seq>,
    /// Why the archive gave no trades, by symbol; of one that does not answer, for the first that it was asked about.
    without: Vec<(SymbolCode, ReadError)>,
    /// Orders that are closed in the state but not yet where the replay is; absent inside: no store has them.
    closing: BTreeMap<OrderId, Option<OrderRow>>,
}

impl ReadModel {
    /// Begins to replay the commands after `after`, before the model is read or written: `after` is the checkpoint of the store
    /// that is furthest behind, or later if earlier commands are not at hand (reads that need them then fail with the gap).
    /// Takes last trades and the last day from the trades of the archive; where they are away, they begin here. Minutes that `archive`
    /// has added up already are not added up again.
    pub fn replay<'a>(
        &'a self,
        history: &'a dyn History,
        archive: Option<&'a dyn ArchiveHistory>,
        after: Seq,
    ) -> Result<Replay<'a>, ReadError> {
        assert!(after <= self.seq(), "a store is not ahead of the state");
        for shard in &self.shards {
            lock(shard).begin_after(after);
        }
        let (minutes_through, closing) = (Vec::new(), BTreeMap::new());
        let seq = after;
        let without = Vec::new();
        let mut replay = Replay { model: self, history, archive, after, seq, minutes_through, without, closing };
        for symbol in self.reference().symbols() {
            let through = replay.warm(symbol)?;
            replay.minutes_through.push(through);
        }
        Ok(replay)
    }

    /// A state does not say when a partly filled or amended order last changed; the stores do. Until they have been asked such an
    /// order says that it last changed when it was placed. Where they are away, that may be made up for later: what the model has
    /// heard meanwhile is newer, and stays. The stores must have every command through `least`: those after it are replayed.
    pub fn learn_changes(&self, history: &dyn History, least: Seq) -> Result<(), ReadError> {
        let mut missing = BTreeMap::new();
        for order in self.changed_orders() {
            // One of several stores that is away keeps back nothing but its own.
            if missing.contains_key(&order.symbol) {
                continue;
            }
            match stored(history, (order.user, order.symbol), order.order) {
                Ok(page) if page.through < least => {
                    let why = format!("it is at sequence {}, before {}", page.through.0, least.0);
                    missing.insert(order.symbol, ReadError::Failed(why));
                }
                Ok(page) => page.rows.iter().for_each(|row| self.shard(order.user).touch_if_newer(row)),
                Err(error) => {
                    missing.insert(order.symbol, error);
                }
            }
        }
        missing.pop_first().map_or(Ok(()), |(_, error)| Err(error))
    }
}

/// The order as the stores have it. Asked for by its symbol: only one of several stores has that.
fn stored(
    history: &dyn History,
    (user, symbol): (UserId, SymbolId),
    order: OrderId,
) -> Result<Page<OrderRow>, ReadError> {
    let selection = Selection { first: Some(order), time: TimeRange::default(), limit: 1 };
    let mut page = history.orders(&OrdersQuery { user, symbol, selection })?;
    page.rows.retain(|row| row.order == order);
    Ok(page)
}

impl Replay<'_> {
    /// Takes up the next command. They come in order, without gaps, up to the state's sequence.
    pub fn apply(&mut self, command: &Sequenced<Command>, events: &[Event]) -> Result<(), ReadError> {
        assert_eq!(command.seq, self.seq.next(), "commands are replayed in order");
        assert!(command.seq <= self.model.seq(), "the state has every command replayed");
        for (index, event) in (0..).zip(events) {
            let at = At { id: EventId { seq: command.seq, index }, time: command.time };
            self.apply_to_orders(event, at)?;
            self.apply_to_rows(event, at);
        }
        for row in rows_of(events, command.seq, command.time) {
            if let Some(user) = row.user {
                self.push(user, |shard| shard.push_ledger(&row));
            }
        }
        self.seq = command.seq;
        Ok(())
    }

    /// The model is complete.
    pub fn finish(self) {
        assert_eq!(self.seq, self.model.seq(), "everything the state has was replayed");
        let markets = read(&self.model.markets);
        for market in markets.iter() {
            let mut market = lock(market);
            let end = Place(market.last_trade.0 + 1);
            if market.trades.rows().end() != end {
                market.trades = Tail::beginning_at(end, self.seq);
            }
        }
    }

    fn apply_to_orders(&mut self, event: &Event, at: At) -> Result<(), ReadError> {
        match event {
            Event::OrderPlaced(placed) => {
                if !self.is_open(placed.user, placed.order) {
                    self.closing.insert(placed.order, Some(placed_row(placed, at.id.seq, at.time)));
                }
            }
            Event::OrderFilled(filled) => {
                self.change((filled.user, filled.symbol), filled.order, at, |row| fill(row, filled))?;
            }
            Event::OrderClosed(closed) => {
                self.change((closed.user, closed.symbol), closed.order, at, |row| close(row, closed))?;
            }
            Event::OrderAmended(amended) => {
                self.change((amended.user, amended.symbol), amended.order, at, |row| amend(row, amended))?;
            }
            Event::Refused(_)
            | Event::OrderRepeated(_)
            | Event::Trade(_)
            | Event::BalanceChanged(_)
            | Event::PositionChanged(_)
            | Event::RequestRepeated(_)
            | Event::Noted(_)
            | Event::Reference(_)
            | Event::Deposited(_)
            | Event::WithdrawalRequested(_)
            | Event::WithdrawalSettled(_)
            | Event::WithdrawalCanceled(_)
            | Event::CreditLimitChanged(_)
            | Event::ShardMap(_) => {}
        }
        Ok(())
    }

    fn apply_to_rows(&self, event: &Event, at: At) {
        if let Event::OrderFilled(filled) = event {
            self.push(filled.user, |shard| shard.push_fill(filled, at));
        }
        if let Event::Trade(trade) = event {
            self.trade(&trade_row(trade, at.id, at.time));
        }
    }

    fn trade(&self, row: &TradeRow) {
        let market = self.model.market(row.symbol).expect("a trade's symbol exists");
        let mut market = lock(&market);
        let end = market.trades.rows().end();
        if row.trade.0 > end.0 {
            // The store misses trades before the replay: nothing older is kept, so that ids stay without gaps.
            market.trades = Tail::beginning_at(Place(row.trade.0), self.after);
        }
        if row.trade.0 >= end.0 {
            market.push_trade(*row, Seq::ZERO, &self.model.allow.trades);
        }
        let through = usize::try_from(row.symbol.0).ok().and_then(|index| self.minutes_through.get(index));
        if through.is_none_or(|through| row.id.seq > *through) {
            market.day.add(row);
        }
    }

    fn push(&self, user: UserId, push: impl FnOnce(&mut Shard)) {
        let mut shard = self.model.shard(user);
        let before = shard.ends();
        push(&mut shard);
        shard.make_room(before, &self.model.room());
    }

    fn is_open(&self, user: UserId, order: OrderId) -> bool {
        self.model.recent_order(user, OrderKey::Id(order)).is_some_and(|row| row.status.is_open())
    }

    /// A later event of an order: one that is open in the state only shows when it last changed.
    fn change(
        &mut self,
        (user, symbol): (UserId, SymbolId),
        order: OrderId,
        at: At,
        change: impl FnOnce(&mut OrderRow),
    ) -> Result<(), ReadError> {
        let (seq, time) = (at.id.seq, at.time);
        if self.is_open(user, order) {
            self.model.shard(user).touch(order, seq, time);
            return Ok(());
        }
        if !self.closing.contains_key(&order) {
            let stored = stored(self.history, (user, symbol), order)?.rows.into_iter().next();
            self.closing.insert(order, stored);
        }
        let Some(Some(row)) = self.closing.get_mut(&order) else { return Ok(()) };
        if row.last_seq < seq || (row.last_seq == seq && row.status.is_open()) {
            change(row);
            (row.last_seq, row.updated_time) = (seq, time);
        }
        if !row.status.is_open() && row.last_seq <= seq {
            let row = *row;
            self.closing.remove(&order);
            self.push(user, |shard| shard.insert_closed(row));
        }
        Ok(())
    }

    /// Why last trades and last day are not those of the archive, by symbol. One that does not answer is not asked about further symbols.
    pub fn without_archive(&self) -> &[(SymbolCode, ReadError)] {
        &self.without
    }

    /// What the archive has of a symbol; of one that is away, nothing.
    fn stored_market(&mut self, symbol: &Symbol, from: UnixNanos) -> Result<StoredMarket, ReadError> {
        // One that does not answer is not asked again.
        if self.without.iter().any(|(_, error)| matches!(error, ReadError::Failed(_))) {
            return Ok(StoredMarket::default());
        }
        match StoredMarket::read(self.history, self.archive, symbol.instrument.id(), from) {
            Err(error @ (ReadError::Failed(_) | ReadError::Damaged(_))) => {
                self.without.push((symbol.instrument.code(), error));
                Ok(StoredMarket::default())
            }
            read => read,
        }
    }

    /// Last trades and last day of a symbol; returns through where the minutes are complete.
    fn warm(&mut self, symbol: &Symbol) -> Result<Seq, ReadError> {
        let market = self.model.market(symbol.instrument.id()).expect("every symbol has a market");
        let now = self.model.time();
        if lock(&market).last_trade == TradeId(0) {
            lock(&market).trades = Tail::beginning_at(Place(1), Seq::ZERO);
            return Ok(Seq::ZERO);
        }
        let from = earliest_kept(now);
        let StoredMarket { through, minutes, close_before, trades } = self.stored_market(symbol, from)?;

        let mut market = lock(&market);
        let first = trades.first().map_or(TradeId(market.last_trade.0 + 1), |row| row.trade);
        market.trades = Tail::beginning_at(Place(first.0), self.seq);
        for row in &trades {
            market.push_trade(*row, Seq::ZERO, &self.model.allow.trades);
            market.day.set_last_quantity(row.quantity);
        }
        if trades.is_empty() {
            // Not even one is stored; the first that is replayed begins the row.
            market.trades = Tail::beginning_at(Place(0), self.seq);
        }
        if through < self.seq {
            market.day = Day::beginning_at(now, market.last_price);
            return Ok(through);
        }
        market.day.fill(minutes, from, close_before);
        Ok(through)
    }
}

/// Last minutes and trades of a symbol, as the archive has them.
#[derive(Debug, Default)]
struct StoredMarket {
    /// The minutes have every trade through here.
    through: Seq,
    minutes: Vec<Candle>,
    /// Last price before the last day.
    close_before: Option<Ticks>,
    trades: Vec<TradeRow>,
}

impl StoredMarket {
    fn read(
        history: &dyn History,
        archive: Option<&dyn ArchiveHistory>,
        symbol: SymbolId,
        from: UnixNanos,
    ) -> Result<Self, ReadError> {
        let limit = usize::try_from(RECENT_MINUTES).expect("a day has few minutes");
        let since = |from| TimeRange { from: Some(from), to: None };
        let of_trades = |from| history.minutes(&MinutesQuery { symbol, time: since(from), limit });
        let stored = BucketsQuery { key: symbol, interval: Interval::MINUTE, time: since(from), limit };
        let stored = archive.and_then(|archive| Settled::read(archive, &stored).ok()).unwrap_or_default();
        let mut minutes = of_trades(stored.next.unwrap_or(from))?;
        if stored.through > minutes.through && stored.next.is_some() {
            // They know trades that will be replayed.
            minutes = of_trades(from)?;
        } else {
            minutes.rows.splice(0..0, stored.candles);
        }
        let time = TimeRange { from: None, to: Some(UnixNanos(from.0.saturating_sub(1))) };
        let before = history.minutes(&MinutesQuery { symbol, time, limit: 1 })?;
        let selection = Selection { first: None, time: TimeRange::default(), limit: RECENT_TRADES };
        let trades = history.trades(&TradesQuery { symbol, selection })?.rows;
        check_trades(&selection, &trades, TradeId(0))?;
        let close_before = before.rows.last().map(|minute| minute.close);
        Ok(Self { through: minutes.through, minutes: minutes.rows, close_before, trades })
    }
}

impl ReadModel {
    /// Open orders that are not as they were placed.
    fn changed_orders(&self) -> Vec<OrderRow> {
        let changed = |row: &OrderRow| {
            let placed = match row.kind {
                OrderKind::Limit { quantity, .. } | OrderKind::Market { size: MarketSize::Quantity(quantity) } => {
                    Some(quantity)
                }
                OrderKind::Market { size: MarketSize::Quote(_) } => None,
            };
            !row.executed.is_zero() || row.quantity != placed
        };
        let mut rows = Vec::new();
        for shard in &self.shards {
            rows.extend(lock(shard).open_orders().filter(|row| changed(row)).copied());
        }
        rows
    }
}

fn fill(row: &mut OrderRow, filled: &OrderFilled) {
    row.executed = filled.executed;
    row.executed_quote = filled.executed_quote;
    row.status = if filled.filled { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
}

fn close(row: &mut OrderRow, closed: &OrderClosed) {
    row.status = OrderStatus::closed(closed.reason);
}

fn amend(row: &mut OrderRow, amended: &OrderAmended) {
    row.quantity = Some(amended.quantity);
    row.client_order_id = amended.client_order_id;
}
