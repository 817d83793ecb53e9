//! Quantity, cost and profit of one user in one symbol.

use domain::limits::AMOUNT_MAX;
use domain::units::{Amount, mul_div};

/// See "Positions" in `docs/rules.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Position {
    pub(crate) quantity: Amount,
    pub(crate) cost: Amount,
    pub(crate) realised: Amount,
}

impl Position {
    /// Adds a fill: `quantity` bought (sold, if negative) for `cost` (received, if negative).
    pub(crate) fn add(&mut self, quantity: Amount, cost: Amount) {
        let (held, added) = (self.quantity.0, quantity.0);
        self.quantity = sum(held, added);
        if held == 0 || added == 0 || (held > 0) == (added > 0) {
            self.cost = sum(self.cost.0, cost.0);
        } else if added.unsigned_abs() <= held.unsigned_abs() {
            let closed = part(self.cost, added, held);
            self.cost = sum(self.cost.0, closed.negated().0);
            self.realise(cost, closed);
        } else {
            let closing = part(cost, held, added);
            self.realise(closing, self.cost);
            self.cost = sum(cost.0, closing.negated().0);
        }
    }

    fn realise(&mut self, paid: Amount, cost: Amount) {
        let profit = paid.0.saturating_neg().saturating_sub(cost.0);
        self.realised = sum(self.realised.0, profit);
    }
}

/// `amount × |numerator| / |denominator|`, toward zero; the fraction is at most one.
fn part(amount: Amount, numerator: i128, denominator: i128) -> Amount {
    let part = mul_div(amount.0, numerator.saturating_abs(), denominator.saturating_abs());
    Amount(part.expect("a part of an amount is an amount"))
}

/// The sum, held inside the range of amounts.
fn sum(a: i128, b: i128) -> Amount {
    Amount(a.saturating_add(b).clamp(-AMOUNT_MAX, AMOUNT_MAX))
}
