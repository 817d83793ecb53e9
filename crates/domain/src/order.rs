//! What an order is, independent of who sent it.

use crate::units::{Amount, Lots, Ticks};

/// Which way an order trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Receives base, pays quote.
    Buy,
    /// Receives quote, pays base.
    Sell,
}

impl Side {
    /// The other side of the book.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// Whether an order of this side with limit `limit` may trade at `price`.
    pub const fn accepts(self, limit: Ticks, price: Ticks) -> bool {
        match self {
            Self::Buy => price.0 <= limit.0,
            Self::Sell => price.0 >= limit.0,
        }
    }
}

/// What becomes of the part of a limit order that does not trade at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeInForce {
    /// It rests until canceled.
    GoodTilCanceled,
    /// It rests until canceled; an order any part of which would trade at once is refused (Binance: `LIMIT_MAKER`).
    PostOnly,
    /// It expires.
    ImmediateOrCancel,
    /// The order trades whole at once, or expires without a trade.
    FillOrKill,
}

/// How much a market order is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarketSize {
    /// So many lots of base.
    Quantity(Lots),
    /// As many lots as this much quote pays for (a buy) or as are needed to receive at most this much (a sell).
    Quote(Amount),
}

/// What to trade and how. Stop, iceberg and good-til-date orders will be further kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderKind {
    /// At `price` or better; the whole is held at placement.
    Limit {
        /// Worst price accepted.
        price: Ticks,
        /// How much.
        quantity: Lots,
        /// What becomes of the rest.
        time_in_force: TimeInForce,
    },
    /// At whatever the book offers inside the price band; nothing is held, each fill is checked against the funds, the rest expires.
    Market {
        /// How much.
        size: MarketSize,
    },
}

/// Why an order left the book, or never entered it, other than by being filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CloseReason {
    /// Its owner canceled it.
    Canceled,
    /// Its owner replaced it by another.
    Replaced,
    /// The kill switch canceled it.
    KillSwitch,
    /// Immediate-or-cancel, fill-or-kill or market: nothing (more) to trade with inside limit and band.
    NoLiquidity,
    /// Market: the funds did not pay for more.
    NoFunds,
    /// The command had its `FILLS_PER_COMMAND_MAX` fills.
    FillLimit,
}

/// Which side of a trade an order was on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Liquidity {
    /// Rested in the book.
    Maker,
    /// Came and took.
    Taker,
}
