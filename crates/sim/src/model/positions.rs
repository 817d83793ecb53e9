//! Positions: what a user gained in base, what it cost in quote, and what was made of the part that was closed.

use domain::ids::{SymbolId, UserId};
use domain::limits::AMOUNT_MAX;
use domain::order::Side;
use domain::state::{OrderState, PositionState};
use domain::units::{Amount, mul_div};

use super::money::Exchange;
use super::{Model, Outcome};

impl Model {
    pub(super) fn position(&self, user: UserId, symbol: SymbolId) -> PositionState {
        let mut positions = self.state.positions.iter();
        let touched = positions.find(|position| position.user == user && position.symbol == symbol);
        touched.copied().unwrap_or(PositionState {
            user,
            symbol,
            quantity: Amount::ZERO,
            cost: Amount::ZERO,
            realised: Amount::ZERO,
        })
    }

    /// The position follows one side of a trade.
    pub(super) fn follow(&mut self, order: &OrderState, exchange: &Exchange, outcome: &mut Outcome) {
        let (paid, kept) = (exchange.paid.0, exchange.received.0 - exchange.fee.0);
        let position = match order.side {
            Side::Buy => after_fill(self.position(order.user, order.symbol), kept, paid),
            Side::Sell => after_fill(self.position(order.user, order.symbol), -paid, -kept),
        };
        self.put_position(position, outcome);
    }

    pub(super) fn put_position(&mut self, position: PositionState, outcome: &mut Outcome) {
        let key = (position.user, position.symbol);
        let positions = &mut self.state.positions;
        let place = positions.partition_point(|other| (other.user, other.symbol) < key);
        if positions.get(place).is_some_and(|other| (other.user, other.symbol) == key) {
            positions[place] = position;
        } else {
            positions.insert(place, position);
        }
        outcome.touch_position(position.user, position.symbol);
    }
}

/// The table of `docs/rules.md`; `q` and `c` are what the fill adds.
fn after_fill(position: PositionState, q: i128, c: i128) -> PositionState {
    let (quantity, cost, realised) = (position.quantity.0, position.cost.0, position.realised.0);
    let share = |of: i128, part: i128, whole: i128| {
        mul_div(of, part.abs(), whole.abs()).expect("a share is not more than the whole")
    };
    let (cost, realised) = if quantity == 0 || (quantity > 0) == (q > 0) {
        (cost + c, realised)
    } else if q.abs() <= quantity.abs() {
        let k = share(cost, q, quantity);
        (cost - k, realised - c - k)
    } else {
        let k = share(c, quantity, q);
        (c - k, realised - k - cost)
    };
    let clamped = |amount: i128| Amount(amount.clamp(-AMOUNT_MAX, AMOUNT_MAX));
    PositionState { quantity: clamped(quantity + q), cost: clamped(cost), realised: clamped(realised), ..position }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantity, cost and realised before; quantity and cost of the fill; quantity, cost and realised after.
    type Row = ([i128; 3], [i128; 2], [i128; 3], &'static str);

    #[rustfmt::skip]
    const ROWS: &[Row] = &[
        ([0, 0, 0],      [10, 1000],    [10, 1000, 0],   "opens long"),
        ([10, 1000, 0],  [5, 600],      [15, 1600, 0],   "adds"),
        ([15, 1600, 0],  [-5, -700],    [10, 1067, 167], "closes a third: 1600 × 5 / 15 = 533, toward zero"),
        ([10, 1067, 167], [-10, -900],  [0, 0, 0],       "closes at a loss of 167"),
        ([10, 1000, 7],  [-15, -1800],  [-5, -600, 207], "flips: 1200 of the 1800 close, 600 open short"),
        ([-5, -600, 0],  [2, 200],      [-3, -360, 40],  "closes a part of a short below its price"),
        ([-3, -360, 0],  [4, 601],      [1, 151, -90],   "flips back: 450 of the 601 close"),
        ([AMOUNT_MAX, AMOUNT_MAX, 0], [1, AMOUNT_MAX], [AMOUNT_MAX, AMOUNT_MAX, 0], "stops at the end of the range"),
    ];

    #[test]
    fn a_position_follows_its_fills() {
        for &([quantity, cost, realised], [q, c], after, what) in ROWS {
            let before = PositionState {
                user: UserId(1),
                symbol: SymbolId(0),
                quantity: Amount(quantity),
                cost: Amount(cost),
                realised: Amount(realised),
            };
            let position = after_fill(before, q, c);
            assert_eq!([position.quantity.0, position.cost.0, position.realised.0], after, "{what}");
        }
    }
}
