//! Movements of money, read off the events that report them.

use domain::event::{Deposited, Event, OrderFilled, Trade, WithdrawalEnded};
use domain::ids::{AssetId, EventId, UserId};
use domain::order::Side;
use domain::units::{Amount, UnixNanos};

use crate::rows::{LedgerRow, Movement};

/// Writes the legs of one event after the other, so that each pair sums to zero by construction.
#[derive(Debug)]
struct Legs<'a> {
    id: EventId,
    time: UnixNanos,
    movement: Movement,
    leg: u8,
    rows: &'a mut Vec<LedgerRow>,
}

impl Legs<'_> {
    /// `amount` goes from one account to another.
    fn pair(&mut self, from: Option<UserId>, to: Option<UserId>, asset: AssetId, amount: Amount) {
        for (user, change) in [(from, amount.negated()), (to, amount)] {
            let (id, time, leg, movement) = (self.id, self.time, self.leg, self.movement);
            self.rows.push(LedgerRow { id, leg, time, user, asset, change, movement });
            self.leg += 1;
        }
    }
}

/// Adds the rows of a deposit: from the world outside to the user.
pub fn deposited(id: EventId, time: UnixNanos, event: &Deposited, rows: &mut Vec<LedgerRow>) {
    let mut legs = Legs { id, time, movement: Movement::Deposit, leg: 0, rows };
    legs.pair(None, Some(event.user), event.asset, event.amount);
}

/// Adds the rows of a withdrawal that has left: from the user to the world outside.
pub fn withdrawn(id: EventId, time: UnixNanos, event: &WithdrawalEnded, rows: &mut Vec<LedgerRow>) {
    let mut legs = Legs { id, time, movement: Movement::Withdrawal(event.withdrawal), leg: 0, rows };
    legs.pair(Some(event.user), None, event.asset, event.amount);
}

/// Adds the rows of a trade: base from the seller to the buyer, quote the other way.
///
/// The trade does not name its two assets, but the fills after it do: each side's fee is charged in the asset it received.
pub fn traded(id: EventId, time: UnixNanos, trade: &Trade, fills: [&OrderFilled; 2], rows: &mut Vec<LedgerRow>) {
    let [maker, taker] = fills;
    let (buy, sell) = match taker.side {
        Side::Buy => (taker, maker),
        Side::Sell => (maker, taker),
    };
    let mut legs = Legs { id, time, movement: Movement::Trade(trade.trade), leg: 0, rows };
    legs.pair(Some(sell.user), Some(buy.user), buy.fee_asset, trade.base);
    legs.pair(Some(buy.user), Some(sell.user), sell.fee_asset, trade.quote);
}

/// Adds the rows of a fee, if there is one: from the user to the venue.
pub fn charged(id: EventId, time: UnixNanos, fill: &OrderFilled, rows: &mut Vec<LedgerRow>) {
    if fill.fee.is_zero() {
        return;
    }
    let mut legs = Legs { id, time, movement: Movement::Fee(fill.trade), leg: 0, rows };
    legs.pair(Some(fill.user), Some(UserId::VENUE), fill.fee_asset, fill.fee);
}

/// Of the rows from `first` on, keeps the sides of these users. The side of the world outside goes with the user of its pair.
pub fn keep(rows: &mut Vec<LedgerRow>, first: usize, is_kept: impl Fn(UserId) -> bool) {
    let mut end = first;
    for place in (first..rows.len()).step_by(2) {
        let (one, other) = (rows[place], rows[place + 1]);
        assert_eq!((one.leg / 2, one.id), (other.leg / 2, other.id), "the legs of a pair follow each other");
        for (leg, paired) in [(one, other), (other, one)] {
            if leg.user.or(paired.user).is_some_and(&is_kept) {
                rows[end] = leg;
                end += 1;
            }
        }
    }
    rows.truncate(end);
}

/// The two fills that follow a trade: the maker's, the taker's.
///
/// # Panics
/// Where they do not: no engine writes such a log.
pub fn fills_of<'a>(trade: &Trade, following: &'a [Event]) -> [&'a OrderFilled; 2] {
    match following {
        [Event::OrderFilled(maker), Event::OrderFilled(taker), ..] => {
            assert_eq!(
                (maker.order, taker.order),
                (trade.maker_order, trade.taker_order),
                "the fills of another trade"
            );
            [maker, taker]
        }
        _ => panic!("the trade {trade:?} is not followed by the fills of its maker and its taker"),
    }
}
