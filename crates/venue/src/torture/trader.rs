//! One REST client: trades until its connection breaks, and remembers every word of the venue.

use std::net::SocketAddr;
use std::sync::mpsc::Sender;

use anyhow::Context;
use outside::client::{Client, Key};
use outside::http::Answer;
use serde_json::Value;

use crate::market::SYMBOLS;
use crate::orders::Order;
use crate::random::Random;

/// The middle of every book, in hundredths.
const MIDDLE: u64 = 10_000;
/// Orders a trader leaves resting before it begins to cancel.
const RESTING_MAX: usize = 20;

/// An order that was sent and not answered.
#[derive(Debug, Clone)]
pub(crate) struct Unknown {
    pub(crate) client_id: String,
    pub(crate) query: String,
}

/// What a trader has heard in one round.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Orders acknowledged, with what was said of them last.
    pub(crate) orders: Vec<Order>,
    pub(crate) cancels: u64,
    /// At most one: a trader waits for each answer.
    pub(crate) unknown: Option<Unknown>,
    /// The highest sequence of an acknowledgement.
    pub(crate) sequence: u64,
    /// What must never be said, and was.
    pub(crate) wrong: Option<anyhow::Error>,
}

/// A trader in one round.
#[derive(Debug)]
pub(crate) struct Trader {
    client: Client,
    /// Begins all its client order ids: no other has it, in no round.
    name: String,
    random: Random,
    sent: u64,
    log: Log,
    /// Says that something was acknowledged.
    acknowledged: Sender<()>,
    /// The round is over.
    over: bool,
}

/// Why a trader stops.
enum End {
    /// The venue is gone, and with it perhaps the answer to this order.
    Gone(Option<Unknown>),
    /// The venue has contradicted itself.
    Wrong(anyhow::Error),
}

impl From<anyhow::Error> for End {
    fn from(error: anyhow::Error) -> Self {
        Self::Wrong(error)
    }
}

impl Trader {
    pub(crate) fn new(address: SocketAddr, key: &Key, name: String, seed: u64, acknowledged: Sender<()>) -> Self {
        let client = Client::new(address, key);
        Self { client, name, random: Random::new(seed), sent: 0, log: Log::default(), acknowledged, over: false }
    }

    /// Trades until the venue is gone, or nobody counts any more.
    pub(crate) fn run(mut self) -> Log {
        while !self.over {
            let step = match self.random.below(100) {
                0..20 => self.cancel(),
                20..25 => self.place_again(),
                _ => self.place(),
            };
            match step {
                Ok(()) => {}
                Err(End::Gone(unknown)) => {
                    self.log.unknown = unknown;
                    return self.log;
                }
                Err(End::Wrong(error)) => {
                    self.log.wrong = Some(error);
                    return self.log;
                }
            }
        }
        self.log
    }

    fn place(&mut self) -> Result<(), End> {
        self.sent += 1;
        let client_id = format!("{}-{}", self.name, self.sent);
        let query = format!("{}&newClientOrderId={client_id}&newOrderRespType=RESULT", self.order());
        let answer = self.client.ask("POST", "/api/v3/order", &query);
        match Placed::read(answer, &query)? {
            Placed::Acknowledged(order, sequence) => {
                self.acknowledged(sequence);
                self.log.orders.push(order);
                Ok(())
            }
            Placed::Refused | Placed::NotTaken => Ok(()),
            Placed::TooManyOpen => self.cancel_all(),
            Placed::Unknown => Err(End::Gone(Some(Unknown { client_id, query }))),
        }
    }

    fn acknowledged(&mut self, sequence: u64) {
        self.log.sequence = self.log.sequence.max(sequence);
        self.over |= self.acknowledged.send(()).is_err();
    }

    /// The last order once more, as a client does that is not sure: the same answer must come.
    fn place_again(&mut self) -> Result<(), End> {
        let Some(last) = self.log.orders.last().filter(|order| order.status.is_open()).cloned() else {
            return Ok(());
        };
        let (symbol, id) = (last.symbol.clone(), last.client_id.clone());
        let answer = self.client.ask("GET", "/api/v3/order", &format!("symbol={symbol}&origClientOrderId={id}"));
        let answer = answer.map_err(|_broken| End::Gone(None))?;
        if answer.status == 503 {
            return Ok(());
        }
        let order = Order::queried(&answer.body)?;
        last.check_later(&order)?;
        let query = format!("{}&newClientOrderId={id}&newOrderRespType=RESULT", repeat(&answer.body)?);
        match Placed::read(self.client.ask("POST", "/api/v3/order", &query), &query)? {
            Placed::Acknowledged(again, sequence) if again.id == last.id => {
                self.acknowledged(sequence);
                Ok(())
            }
            Placed::Acknowledged(again, _) => {
                Err(End::Wrong(anyhow::anyhow!("{last:?} was placed a second time: {again:?}")))
            }
            Placed::Refused | Placed::TooManyOpen => {
                Err(End::Wrong(anyhow::anyhow!("{last:?} was refused the second time")))
            }
            Placed::NotTaken => Ok(()),
            // It is acknowledged already, so nothing about it is unknown.
            Placed::Unknown => Err(End::Gone(None)),
        }
    }

    /// Cancels one of its orders that may still be open.
    fn cancel(&mut self) -> Result<(), End> {
        let open: Vec<_> =
            (0..self.log.orders.len()).filter(|index| self.log.orders[*index].status.is_open()).collect();
        if open.len() < RESTING_MAX {
            return self.place();
        }
        let index = open[usize::try_from(self.random.below(u64::try_from(open.len()).unwrap_or(1))).unwrap_or(0)];
        let order = &self.log.orders[index];
        let name = match self.random.below(2) {
            0 => format!("orderId={}", order.id),
            _ => format!("origClientOrderId={}", order.client_id),
        };
        let answer = self.client.ask("DELETE", "/api/v3/order", &format!("symbol={}&{name}", order.symbol));
        let answer = answer.map_err(|_broken| End::Gone(None))?;
        match (answer.status, answer.code()) {
            (200, _) => {
                self.log.orders[index].update(&Order::canceled(&answer.body)?)?;
                self.log.cancels += 1;
                self.acknowledged(answer.sequence.unwrap_or(0));
                Ok(())
            }
            (_, Some(-1006 | -1007)) => Err(End::Gone(None)),
            // Shutting down.
            (503, _) => Ok(()),
            // Somebody was faster and took it.
            (_, Some(-2011)) => self.look(index),
            (status, _) => Err(End::Wrong(anyhow::anyhow!("cancel {name}: {status} {}", answer.body))),
        }
    }

    /// Cancels all its orders on a symbol, those of earlier rounds as well.
    fn cancel_all(&mut self) -> Result<(), End> {
        let symbol = SYMBOLS[usize::from(self.random.below(2) == 1)];
        let answer = self.client.ask("DELETE", "/api/v3/openOrders", &format!("symbol={symbol}"));
        let answer = answer.map_err(|_broken| End::Gone(None))?;
        match (answer.status, answer.code()) {
            (200, _) => {
                for canceled in answer.body.as_array().context("a list of canceled orders")? {
                    let canceled = Order::canceled(canceled)?;
                    if let Some(order) = self.log.orders.iter_mut().find(|order| order.id == canceled.id) {
                        order.update(&canceled)?;
                    }
                    self.log.cancels += 1;
                }
                self.acknowledged(answer.sequence.unwrap_or(0));
                Ok(())
            }
            (_, Some(-1006 | -1007)) => Err(End::Gone(None)),
            // Shutting down, or none of them is on this symbol.
            (503, _) | (_, Some(-2011)) => Ok(()),
            (status, _) => Err(End::Wrong(anyhow::anyhow!("cancel all on {symbol}: {status} {}", answer.body))),
        }
    }

    /// Asks what became of an order that cannot be canceled.
    fn look(&mut self, index: usize) -> Result<(), End> {
        let order = &mut self.log.orders[index];
        let query = format!("symbol={}&orderId={}", order.symbol, order.id);
        let answer = self.client.ask("GET", "/api/v3/order", &query).map_err(|_broken| End::Gone(None))?;
        if answer.status == 503 {
            return Ok(());
        }
        let now = Order::queried(&answer.body)?;
        order.update(&now)?;
        if now.status.is_open() {
            return Err(End::Wrong(anyhow::anyhow!("open, and yet it could not be canceled: {now:?}")));
        }
        Ok(())
    }

    /// Symbol, side, type, price and quantity of a random order.
    fn order(&mut self) -> String {
        let symbol = SYMBOLS[usize::from(self.random.below(2) == 1)];
        let side = if self.random.below(2) == 0 { "BUY" } else { "SELL" };
        let quantity = 1 + self.random.below(5_000);
        let quantity = format!("{}.{:04}", quantity / 10_000, quantity % 10_000);
        // Both sides overlap a little: most orders rest, some trade.
        let away = self.random.below(200);
        let price = if side == "BUY" { MIDDLE + 20 - away } else { MIDDLE - 20 + away };
        let price = format!("{}.{:02}", price / 100, price % 100);
        let terms = match self.random.below(10) {
            0 => format!("MARKET&quantity={quantity}"),
            1 | 2 => format!("LIMIT&timeInForce=IOC&quantity={quantity}&price={price}"),
            _ => format!("LIMIT&timeInForce=GTC&quantity={quantity}&price={price}"),
        };
        format!("symbol={symbol}&side={side}&type={terms}")
    }
}

/// What came of sending an order.
#[derive(Debug)]
pub(crate) enum Placed {
    /// It is in the book, or was; with the sequence of the acknowledgement.
    Acknowledged(Order, u64),
    /// The engine has said no: not enough money, nobody to trade with, the name is in use.
    Refused,
    /// The same, because of how many of the user's orders are open.
    TooManyOpen,
    /// The venue did not take it: overloaded, or shutting down. Nothing was recorded.
    NotTaken,
    /// Nobody knows.
    Unknown,
}

impl Placed {
    pub(crate) fn read(answer: std::io::Result<Answer>, query: &str) -> anyhow::Result<Self> {
        let Ok(answer) = answer else { return Ok(Self::Unknown) };
        match (answer.status, answer.code()) {
            (200, _) => {
                let sequence = answer.sequence.context("an acknowledgement without a sequence")?;
                Ok(Self::Acknowledged(Order::placed(&answer.body)?, sequence))
            }
            (_, Some(-1006 | -1007)) => Ok(Self::Unknown),
            (503, _) => Ok(Self::NotTaken),
            (_, Some(-2010)) => Ok(Self::Refused),
            (_, Some(-1013)) if answer.body["msg"] == "Filter failure: EXCHANGE_MAX_NUM_ORDERS" => {
                Ok(Self::TooManyOpen)
            }
            (status, _) => anyhow::bail!("{query}: {status} {}", answer.body),
        }
    }
}

/// The parameters that ask for an open order once more.
fn repeat(order: &Value) -> anyhow::Result<String> {
    let text = |name: &str| order[name].as_str().ok_or_else(|| anyhow::anyhow!("{name} in {order}"));
    Ok(format!(
        "symbol={}&side={}&type={}&timeInForce={}&quantity={}&price={}",
        text("symbol")?,
        text("side")?,
        text("type")?,
        text("timeInForce")?,
        text("origQty")?,
        text("price")?
    ))
}
