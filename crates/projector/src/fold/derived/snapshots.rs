//! What a market looked like: last price, best prices, volume.

use std::collections::{BTreeSet, HashMap};

use domain::event::{Event, OrderAmended, OrderClosed, OrderFilled, OrderPlaced, Trade};
use domain::ids::{OrderId, SymbolId};
use domain::order::{Liquidity, OrderKind, Side};
use domain::state::State;
use domain::units::{Amount, Lots, Seq, Ticks, UnixNanos};

use super::Derived;
use super::sums::{Sums, sums};
use crate::batch::Rows;
use crate::block::CommittedCommand;
use crate::book::Book;
use crate::buckets::Bucket;
use crate::fold::{Stamp, Unknown};
use crate::rows::derived::MarketSnapshotRow;
use crate::settings::Settings;
use crate::store::StoredRow;

sums! { MarketSnapshotRow }

#[derive(Debug)]
pub(super) struct SnapshotsFold {
    settings: Settings,
    sums: Sums<(SymbolId, Bucket), MarketSnapshotRow>,
    markets: HashMap<SymbolId, Market>,
    /// What is left of each open order: an amendment says only what it leaves.
    left: HashMap<OrderId, Lots>,
    /// Symbols that the command at hand has changed.
    touched: BTreeSet<SymbolId>,
    /// The bucket of the last command.
    current: Option<Bucket>,
}

#[derive(Debug, Default)]
struct Market {
    book: Book,
    last_price: Option<Ticks>,
    /// The limit order that the command at hand placed, while it is not known whether it will rest.
    arriving: Option<(OrderId, Side, Ticks)>,
    /// Traded by the command at hand.
    traded: Traded,
}

#[derive(Debug, Default)]
struct Traded {
    trades: u64,
    volume: u128,
    quote: Amount,
}

impl Market {
    fn leave(&mut self, symbol: SymbolId, side: Side, price: Ticks, quantity: Lots) -> Result<(), Unknown> {
        self.book.checked_remove(side, price, quantity).ok_or(Unknown::Level(symbol, price))
    }
}

impl SnapshotsFold {
    pub(super) fn new(settings: Settings) -> Self {
        let (sums, markets, left, touched) = (Sums::default(), HashMap::new(), HashMap::new(), BTreeSet::new());
        Self { settings, sums, markets, left, touched, current: None }
    }

    fn market(&mut self, symbol: SymbolId) -> &mut Market {
        self.touched.insert(symbol);
        self.markets.entry(symbol).or_default()
    }

    fn placed(&mut self, placed: &OrderPlaced) {
        if let OrderKind::Limit { price, quantity, time_in_force: _ } = placed.kind {
            self.market(placed.symbol).arriving = Some((placed.order, placed.side, price));
            self.left.insert(placed.order, quantity);
        }
    }

    fn traded(&mut self, trade: &Trade) {
        let market = self.market(trade.symbol);
        market.last_price = Some(trade.price);
        market.traded.trades += 1;
        market.traded.volume += u128::from(trade.quantity.0);
        market.traded.quote = market.traded.quote.bounded_add(trade.quote);
    }

    fn filled(&mut self, fill: &OrderFilled) -> Result<(), Unknown> {
        let market = self.market(fill.symbol);
        match fill.liquidity {
            Liquidity::Maker => market.leave(fill.symbol, fill.side, fill.price, fill.quantity)?,
            Liquidity::Taker if fill.filled => market.arriving = None,
            Liquidity::Taker => {}
        }
        if fill.filled {
            self.left.remove(&fill.order);
        } else if let Some(left) = self.left.get_mut(&fill.order) {
            *left = left.checked_sub(fill.quantity).ok_or(Unknown::Order(fill.order))?;
        }
        Ok(())
    }

    fn amended(&mut self, amended: &OrderAmended) -> Result<(), Unknown> {
        let before = self.left.insert(amended.order, amended.remaining);
        let less = before.and_then(|before| before.checked_sub(amended.remaining));
        let less = less.ok_or(Unknown::Order(amended.order))?;
        self.market(amended.symbol).leave(amended.symbol, amended.side, amended.price, less)
    }

    fn closed(&mut self, closed: &OrderClosed) -> Result<(), Unknown> {
        self.left.remove(&closed.order);
        let market = self.market(closed.symbol);
        let Some(rested) = closed.rested else {
            market.arriving = None;
            return Ok(());
        };
        market.leave(closed.symbol, closed.side, rested.price, rested.quantity)
    }

    /// Writes the prices of now into the rows of this bucket that changed. Done before a command of another bucket changes them, and
    /// when rows are taken: in between nobody sees them.
    fn write_prices(&mut self, bucket: Bucket) {
        let (markets, levels) = (&self.markets, self.settings.snapshot_levels);
        self.sums.each_changed(|row| {
            if row.bucket != bucket {
                return;
            }
            let market = markets.get(&row.symbol).expect("what has a row has changed");
            let depth = market.book.depth(levels, row.last_seq);
            (row.last_price, row.bids, row.asks) = (market.last_price, depth.bids, depth.asks);
        });
    }

    /// The command is over: what it placed and neither filled nor closed rests.
    fn end(&mut self, stamp: Stamp) -> Result<(), Unknown> {
        for symbol in std::mem::take(&mut self.touched) {
            let market = self.markets.get_mut(&symbol).expect("it was touched");
            if let Some((order, side, price)) = market.arriving.take() {
                let left = self.left.get(&order).copied().ok_or(Unknown::Order(order))?;
                market.book.add(side, price, left);
            }
            let traded = std::mem::take(&mut market.traded);
            let bucket = self.settings.snapshots.bucket(stamp.time);
            let over = bucket.end().unwrap_or(stamp.time);
            let begin = || MarketSnapshotRow {
                bucket,
                symbol,
                time: stamp.time,
                last_price: None,
                bids: Vec::new(),
                asks: Vec::new(),
                trades: 0,
                volume: 0,
                quote_volume: Amount::ZERO,
                expires_at: over.plus(self.settings.snapshot_ttl_ns),
                last_seq: stamp.seq,
            };
            let Some(row) = self.sums.row((symbol, bucket), stamp.seq, begin) else { continue };
            row.time = stamp.time;
            row.trades += traded.trades;
            row.volume = row.volume.saturating_add(traded.volume);
            row.quote_volume = row.quote_volume.bounded_add(traded.quote);
        }
        Ok(())
    }
}

impl Derived for SnapshotsFold {
    fn begin_at(&mut self, state: &State) {
        for symbol in &state.symbols {
            let market = Market { last_price: symbol.last_price, ..Market::default() };
            self.markets.insert(symbol.instrument.id(), market);
        }
        for order in &state.orders {
            let left = order.quantity.checked_sub(order.executed).expect("an open order is not over-filled");
            self.left.insert(order.order, left);
            self.markets.entry(order.symbol).or_default().book.add(order.side, order.price, left);
        }
    }

    fn open_at(&self, time: UnixNanos) -> Vec<Bucket> {
        vec![self.settings.snapshots.bucket(time)]
    }

    fn remember(&mut self, rows: Vec<StoredRow>, _at: Seq) {
        self.sums.remember(rows.into_iter().filter_map(|row| {
            if let StoredRow::MarketSnapshot(row) = row { Some(((row.symbol, row.bucket), row)) } else { None }
        }));
    }

    fn apply(&mut self, committed: CommittedCommand<'_>) -> Result<(), Unknown> {
        let stamp = Stamp::of(committed);
        let bucket = self.settings.snapshots.bucket(stamp.time);
        if let Some(before) = self.current.replace(bucket).filter(|before| *before != bucket) {
            self.write_prices(before);
        }
        self.sums.pass(stamp.time);
        for event in committed.events {
            match event {
                Event::OrderPlaced(placed) => self.placed(placed),
                Event::Trade(trade) => self.traded(trade),
                Event::OrderFilled(fill) => self.filled(fill)?,
                Event::OrderAmended(amended) => self.amended(amended)?,
                Event::OrderClosed(closed) => self.closed(closed)?,
                Event::Refused(_)
                | Event::OrderRepeated(_)
                | Event::BalanceChanged(_)
                | Event::PositionChanged(_)
                | Event::RequestRepeated(_)
                | Event::Noted(_)
                | Event::Deposited(_)
                | Event::WithdrawalRequested(_)
                | Event::WithdrawalSettled(_)
                | Event::WithdrawalCanceled(_)
                | Event::CreditLimitChanged(_)
                | Event::Reference(_)
                | Event::ShardMap(_) => {}
            }
        }
        self.end(stamp)
    }

    fn has_rows(&self) -> bool {
        self.sums.has_changed()
    }

    fn take(&mut self) -> Rows {
        if let Some(current) = self.current {
            self.write_prices(current);
        }
        Rows::MarketSnapshots(self.sums.take())
    }
}
