//! What is known of an order from the venue's answers, and what may not be said of it later.

use anyhow::Context;
use serde_json::Value;

use crate::market::amount;

/// How far an order is in its life. It only ever goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    New,
    PartiallyFilled,
    Filled,
    Canceled,
    Expired,
}

impl Status {
    fn read(value: &Value) -> anyhow::Result<Self> {
        Ok(match value.as_str() {
            Some("NEW") => Self::New,
            Some("PARTIALLY_FILLED") => Self::PartiallyFilled,
            Some("FILLED") => Self::Filled,
            Some("CANCELED") => Self::Canceled,
            Some("EXPIRED") => Self::Expired,
            _ => anyhow::bail!("no status: {value}"),
        })
    }

    pub(crate) fn is_open(self) -> bool {
        self < Self::Filled
    }
}

/// An order as one answer has shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) symbol: String,
    pub(crate) id: u64,
    pub(crate) client_id: String,
    side: String,
    price: i128,
    quantity: i128,
    executed: i128,
    pub(crate) status: Status,
    /// Milliseconds; absent where an answer does not say when it was placed.
    placed: Option<u64>,
}

impl Order {
    /// Reads an answer to a new order.
    pub(crate) fn placed(answer: &Value) -> anyhow::Result<Self> {
        Self::read(answer, "clientOrderId", answer["transactTime"].as_u64())
    }

    /// Reads an answer to a cancel.
    pub(crate) fn canceled(answer: &Value) -> anyhow::Result<Self> {
        Self::read(answer, "origClientOrderId", None)
    }

    /// Reads an answer to a question.
    pub(crate) fn queried(answer: &Value) -> anyhow::Result<Self> {
        Self::read(answer, "clientOrderId", answer["time"].as_u64())
    }

    fn read(answer: &Value, client_id: &str, placed: Option<u64>) -> anyhow::Result<Self> {
        let text = |name: &str| answer[name].as_str().map(str::to_owned).with_context(|| format!("{name} in {answer}"));
        Ok(Self {
            symbol: text("symbol")?,
            id: answer["orderId"].as_u64().with_context(|| format!("an order id in {answer}"))?,
            client_id: text(client_id)?,
            side: text("side")?,
            price: amount(&answer["price"])?,
            quantity: amount(&answer["origQty"])?,
            executed: amount(&answer["executedQty"])?,
            status: Status::read(&answer["status"])?,
            placed,
        })
    }

    /// Whether `later`, said after this, can be true as well.
    pub(crate) fn check_later(&self, later: &Self) -> anyhow::Result<()> {
        let same = (&later.symbol, later.id, &later.client_id, &later.side, later.price, later.quantity)
            == (&self.symbol, self.id, &self.client_id, &self.side, self.price, self.quantity);
        anyhow::ensure!(same, "was {self:?}, is another order: {later:?}");
        let placed = self.placed.is_none() || later.placed.is_none() || self.placed == later.placed;
        anyhow::ensure!(placed, "was {self:?}, is placed at another time: {later:?}");
        let went_on = if self.status.is_open() {
            later.status >= self.status && later.executed >= self.executed
        } else {
            (later.status, later.executed) == (self.status, self.executed)
        };
        anyhow::ensure!(went_on, "was {self:?}, has gone back to {later:?}");
        Ok(())
    }

    /// Takes in what a later answer said.
    pub(crate) fn update(&mut self, later: &Self) -> anyhow::Result<()> {
        self.check_later(later)?;
        *self = Self { placed: self.placed.or(later.placed), ..later.clone() };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order(status: &str, executed: &str) -> Order {
        Order::queried(&json!({
            "symbol": "AB", "orderId": 1, "clientOrderId": "x", "side": "BUY", "price": "1.00", "origQty": "3",
            "executedQty": executed, "status": status, "time": 5,
        }))
        .unwrap()
    }

    #[test]
    fn an_order_only_goes_on() {
        let (new, partly, filled) = (order("NEW", "0"), order("PARTIALLY_FILLED", "1"), order("FILLED", "3"));
        let canceled = order("CANCELED", "1");
        for (was, is) in [(&new, &new), (&new, &partly), (&partly, &filled), (&partly, &canceled), (&filled, &filled)] {
            was.check_later(is).unwrap();
        }
        for (was, is) in [(&partly, &new), (&filled, &partly), (&canceled, &filled), (&filled, &canceled)] {
            was.check_later(is).unwrap_err();
        }
        new.check_later(&Order { id: 2, ..new.clone() }).unwrap_err();
    }
}
