//! Questions after a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Context;
use outside::client::Client;
use outside::http::Answer;

use crate::market::SYMBOLS;
use crate::orders::Order;
use crate::random::Random;
use crate::trader::{Placed, Unknown};

/// Orders the venue lists at once.
const PAGE: usize = 1_000;
/// How long a store may be away or behind after everything is up again.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two questions to one that is.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks on behalf of one trader.
#[derive(Debug)]
pub(crate) struct Checker {
    client: Client,
    random: Random,
}

impl Checker {
    pub(crate) fn new(client: Client, seed: u64) -> Self {
        Self { client, random: Random::new(seed) }
    }

    /// No acknowledged sequence may be ahead of where the venue is.
    pub(crate) fn check_sequence(&mut self, acknowledged: u64) -> anyhow::Result<()> {
        let status = self.client.look("/v1/status")?;
        let sequence = status["sequence"].as_u64().context("a sequence")?;
        anyhow::ensure!(
            sequence >= acknowledged,
            "sequence {acknowledged} was acknowledged, the venue is at {sequence}"
        );
        Ok(())
    }

    /// Asks for an acknowledged order: it is there, and has not gone back.
    pub(crate) fn ask(&mut self, order: &mut Order) -> anyhow::Result<()> {
        let name = match self.random.below(2) {
            0 => format!("orderId={}", order.id),
            _ => format!("origClientOrderId={}", order.client_id),
        };
        let found = self.find(&order.symbol, &name)?;
        order.update(&found.with_context(|| format!("lost: {order:?}"))?)
    }

    fn find(&mut self, symbol: &str, name: &str) -> anyhow::Result<Option<Order>> {
        let answer = self.ask_until_answered("/api/v3/order", &format!("symbol={symbol}&{name}"))?;
        match (answer.status, answer.code()) {
            (200, _) => Order::queried(&answer.body).map(Some),
            (_, Some(-2013)) => Ok(None),
            (status, _) => anyhow::bail!("{name}: {status} {}", answer.body),
        }
    }

    /// Asks until the store that has the answer is there: one that is away, or behind, must be said to be so and never be made up for.
    fn ask_until_answered(&mut self, path: &str, query: &str) -> anyhow::Result<Answer> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.client.ask("GET", path, query)?;
            if answer.status != 503 {
                return Ok(answer);
            }
            anyhow::ensure!(Instant::now() < deadline, "{path} {query}: {} {}", answer.status, answer.body);
            std::thread::sleep(PAUSE);
        }
    }

    /// The same for an order that may be there already: its first answer may have to come from a store.
    fn place_until_answered(&mut self, query: &str) -> anyhow::Result<Placed> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let placed = Placed::read(self.client.ask("POST", "/api/v3/order", query), query)?;
            if !matches!(placed, Placed::NotTaken) || Instant::now() > deadline {
                return Ok(placed);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Sends an order of unknown outcome once more, as its client would; absent: it is refused now, and was not placed before.
    pub(crate) fn resolve(&mut self, unknown: &Unknown) -> anyhow::Result<Option<Order>> {
        let symbol = SYMBOLS.into_iter().find(|symbol| unknown.query.contains(symbol)).context("a symbol")?;
        let name = format!("origClientOrderId={}", unknown.client_id);
        let before = if self.random.below(2) == 0 { self.find(symbol, &name)? } else { None };
        let placed = self.place_until_answered(&unknown.query)?;
        let after = self.find(symbol, &name)?;
        match (before, placed, after) {
            (before, Placed::Acknowledged(order, _), Some(after)) => {
                if let Some(before) = before {
                    anyhow::ensure!(before.id == order.id, "placed twice: {before:?} and {order:?}");
                }
                order.check_later(&after)?;
                Ok(Some(after))
            }
            (None, Placed::Refused | Placed::TooManyOpen, None) => Ok(None),
            outcome => anyhow::bail!("asked again for {unknown:?}: before, answer, after: {outcome:?}"),
        }
    }

    /// Asks for the list of all orders from the first of these on: each is in it once, as acknowledged, and no other is.
    pub(crate) fn check_list(&mut self, orders: &mut [Order]) -> anyhow::Result<()> {
        let mut known: BTreeMap<String, &mut Order> = BTreeMap::new();
        let first = orders.iter().map(|order| order.id).min();
        for order in orders {
            let other = known.insert(order.client_id.clone(), order);
            anyhow::ensure!(other.is_none(), "acknowledged under the same name twice: {other:?}");
        }
        let mut listed = BTreeSet::new();
        for symbol in SYMBOLS {
            let mut next = first;
            while let Some(from) = next {
                let query = format!("symbol={symbol}&orderId={from}&limit={PAGE}");
                let page = self.ask_until_answered("/api/v3/allOrders", &query)?;
                let page = page.body.as_array().with_context(|| format!("a list: {} {}", page.status, page.body))?;
                for order in page {
                    let order = Order::queried(order)?;
                    let known = known.get_mut(&order.client_id);
                    known.with_context(|| format!("never acknowledged: {order:?}"))?.update(&order)?;
                    next = Some(order.id + 1);
                    anyhow::ensure!(listed.insert(order.client_id.clone()), "listed twice: {order:?}");
                }
                if page.len() < PAGE {
                    break;
                }
            }
        }
        let missing = known.values().find(|order| !listed.contains(&order.client_id));
        anyhow::ensure!(missing.is_none(), "not in the list of all orders: {missing:?}");
        Ok(())
    }
}
