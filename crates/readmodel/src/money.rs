//! Movements of money that an event says, as rows of the ledger.

use domain::event::{Deposited, OrderFilled, Trade, WithdrawalEnded};
use domain::ids::{AssetId, EventId, UserId};
use domain::order::Side;
use domain::units::UnixNanos;
use projector::rows::{LedgerRow, Movement};

/// The event a row is of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    pub(crate) id: EventId,
    pub(crate) time: UnixNanos,
}

/// An event that moves money between accounts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LedgerEvent<'a> {
    /// Money came in from outside.
    Deposit(&'a Deposited),
    /// Money left.
    Withdrawal(&'a WithdrawalEnded),
    /// Base for quote.
    Trade { trade: &'a Trade, base: AssetId, quote: AssetId },
    /// The fee of a fill.
    Fee(&'a OrderFilled),
}

impl LedgerEvent<'_> {
    /// The rows, in the order of their legs.
    pub(crate) fn rows(&self, at: At, mut row: impl FnMut(LedgerRow)) {
        let leg = |leg, user, asset, change, movement| LedgerRow {
            id: at.id,
            leg,
            time: at.time,
            user,
            asset,
            change,
            movement,
        };
        match *self {
            Self::Deposit(deposited) => {
                let (asset, amount, movement) = (deposited.asset, deposited.amount, Movement::Deposit);
                row(leg(0, Some(deposited.user), asset, amount, movement));
                row(leg(1, None, asset, amount.negated(), movement));
            }
            Self::Withdrawal(ended) => {
                let (asset, amount, movement) = (ended.asset, ended.amount, Movement::Withdrawal(ended.withdrawal));
                row(leg(0, Some(ended.user), asset, amount.negated(), movement));
                row(leg(1, None, asset, amount, movement));
            }
            Self::Trade { trade, base, quote } => {
                let (taker_base, taker_quote) = match trade.taker_side {
                    Side::Buy => (trade.base, trade.quote.negated()),
                    Side::Sell => (trade.base.negated(), trade.quote),
                };
                let movement = Movement::Trade(trade.trade);
                row(leg(0, Some(trade.maker_user), base, taker_base.negated(), movement));
                row(leg(1, Some(trade.taker_user), base, taker_base, movement));
                row(leg(2, Some(trade.maker_user), quote, taker_quote.negated(), movement));
                row(leg(3, Some(trade.taker_user), quote, taker_quote, movement));
            }
            Self::Fee(filled) if filled.fee.is_zero() => {}
            Self::Fee(filled) => {
                let (asset, movement) = (filled.fee_asset, Movement::Fee(filled.trade));
                row(leg(0, Some(filled.user), asset, filled.fee.negated(), movement));
                row(leg(1, Some(UserId::VENUE), asset, filled.fee, movement));
            }
        }
    }
}
