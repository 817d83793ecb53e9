//! Trades added up.

use domain::ids::TradeId;
use domain::order::Side;
use domain::units::{Amount, Ticks, UnixNanos};

use crate::rows::TradeRow;

/// Trades of a symbol in one stretch of time, added up. Prices in ticks, volumes in lots and quote minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candle {
    /// Beginning of the stretch.
    pub open_time: UnixNanos,
    /// First price.
    pub open: Ticks,
    /// Highest price.
    pub high: Ticks,
    /// Lowest price.
    pub low: Ticks,
    /// Last price.
    pub close: Ticks,
    /// Traded quantity.
    pub volume: u128,
    /// Traded quote.
    pub quote_volume: Amount,
    /// Of these, bought by takers.
    pub taker_buy_volume: u128,
    /// Of these, paid by takers who bought.
    pub taker_buy_quote_volume: Amount,
    /// First trade.
    pub first_trade: TradeId,
    /// Last trade.
    pub last_trade: TradeId,
    /// Number of trades.
    pub trades: u64,
}

impl Candle {
    /// A candle of one trade, open at `open_time`.
    pub fn of(open_time: UnixNanos, trade: &TradeRow) -> Self {
        let lots = u128::from(trade.quantity.0);
        let (taker_buy_volume, taker_buy_quote_volume) = match trade.taker_side {
            Side::Buy => (lots, trade.quote),
            Side::Sell => (0, Amount::ZERO),
        };
        Self {
            open_time,
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume: lots,
            quote_volume: trade.quote,
            taker_buy_volume,
            taker_buy_quote_volume,
            first_trade: trade.trade,
            last_trade: trade.trade,
            trades: 1,
        }
    }

    /// Adds a later candle. Sums stop at the end of their range: such a volume says only "very much".
    pub fn add(&mut self, later: &Self) {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.volume = self.volume.saturating_add(later.volume);
        self.quote_volume = self.quote_volume.bounded_add(later.quote_volume);
        self.taker_buy_volume = self.taker_buy_volume.saturating_add(later.taker_buy_volume);
        self.taker_buy_quote_volume = self.taker_buy_quote_volume.bounded_add(later.taker_buy_quote_volume);
        self.last_trade = later.last_trade;
        self.trades += later.trades;
    }
}
