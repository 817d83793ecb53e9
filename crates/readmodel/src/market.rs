//! One symbol: its book, its last trades, its last day.

use domain::event::Trade;
use domain::ids::{EventId, TradeId};
use domain::state::SymbolState;
use domain::units::{Lots, Seq, Ticks, UnixNanos};
use projector::book::{Best, Book};
use projector::rows::TradeRow;

use crate::day::{Day, earliest_kept};
use crate::limits::RECENT_TRADES;
use crate::ring::Place;
use crate::tail::{Allowance, Tail};

/// What the market thinks a symbol is worth, and its last 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticker {
    /// Best prices.
    pub best: Best,
    /// Price of the last trade ever.
    pub last_price: Option<Ticks>,
    /// Quantity of the last trade, where it is remembered.
    pub last_quantity: Option<Lots>,
    /// The last 24 hours, counted in whole minutes.
    pub day: crate::day::Window,
}

#[derive(Debug)]
pub(crate) struct Market {
    /// The last command that is in the book. The model as a whole may not be that far yet.
    pub(crate) seq: Seq,
    pub(crate) book: Book,
    pub(crate) day: Day,
    pub(crate) last_price: Option<Ticks>,
    /// 0: none yet.
    pub(crate) last_trade: TradeId,
    /// At the place that is their id.
    pub(crate) trades: Tail<TradeRow>,
}

impl Market {
    /// As a state says it, without its orders.
    pub(crate) fn new(symbol: &SymbolState, seq: Seq, time: UnixNanos) -> Self {
        let floor = if symbol.last_trade.0 == 0 { Seq::ZERO } else { seq };
        Self {
            seq,
            book: Book::default(),
            day: Day::beginning_at(time, symbol.last_price),
            last_price: symbol.last_price,
            last_trade: symbol.last_trade,
            trades: Tail::beginning_at(Place(symbol.last_trade.0 + 1), floor),
        }
    }

    /// Of a symbol just listed.
    pub(crate) fn listed(seq: Seq) -> Self {
        Self {
            seq,
            book: Book::default(),
            day: Day::beginning_at(UnixNanos(0), None),
            last_price: None,
            last_trade: TradeId(0),
            trades: Tail::beginning_at(Place(1), Seq::ZERO),
        }
    }

    pub(crate) fn trade(&mut self, row: TradeRow, stored: Seq, allow: &Allowance) {
        self.last_price = Some(row.price);
        self.last_trade = row.trade;
        self.day.add(&row);
        self.push_trade(row, stored, allow);
    }

    pub(crate) fn push_trade(&mut self, row: TradeRow, stored: Seq, allow: &Allowance) {
        let place = self.trades.push(row, None);
        assert_eq!(place, Place(row.trade.0), "trade ids are dense");
        let too_many = allow.take(1);
        let surplus = self.trades.rows().len().saturating_sub(RECENT_TRADES);
        allow.give_back(self.trades.drop_front(surplus.min(too_many.max(self.trades.stored_rows(stored, surplus)))));
    }

    pub(crate) fn ticker(&self, now: UnixNanos) -> Ticker {
        let (best, last_price, last_quantity) = (self.book.best(), self.last_price, self.day.last_quantity());
        Ticker { best, last_price, last_quantity, day: self.day.window(earliest_kept(now), now) }
    }

    /// The trades kept with ids from `first` on, at most `limit`.
    pub(crate) fn trades_from(&self, first: TradeId, limit: usize) -> impl Iterator<Item = &TradeRow> {
        let rows = self.trades.rows();
        let first = rows.front().0.max(first.0);
        (first..rows.end().0).take(limit).map(move |place| rows.get(Place(place)).expect("between front and end").0)
    }

    /// Id of the oldest trade kept, or of the next one.
    pub(crate) fn first_trade(&self) -> TradeId {
        TradeId(self.trades.rows().front().0)
    }
}

/// The row of a trade.
pub(crate) fn trade_row(trade: &Trade, id: EventId, time: UnixNanos) -> TradeRow {
    TradeRow {
        id,
        time,
        symbol: trade.symbol,
        trade: trade.trade,
        price: trade.price,
        quantity: trade.quantity,
        quote: trade.quote,
        taker_side: trade.taker_side,
        maker_order: trade.maker_order,
        maker_user: trade.maker_user,
        taker_order: trade.taker_order,
        taker_user: trade.taker_user,
    }
}
