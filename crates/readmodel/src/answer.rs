//! What a caller is told of a command: its events, and the orders that no event shows whole.

use domain::command::{Command, Sequenced};
use domain::event::{Event, OrderAmended};
use domain::ids::{OrderId, UserId};
use domain::units::{Amount, Lots, Seq, UnixNanos};
use projector::history::OrderKey;
use projector::rows::{OrderRow, OrderStatus};

use crate::model::ReadModel;

/// What came of one command, once it is committed. Nothing else is needed to answer whoever sent it, whatever the stores have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The command's sequence.
    pub seq: Seq,
    /// Its block time.
    pub time: UnixNanos,
    /// Its events.
    pub events: Vec<Event>,
    /// The orders it amended or closed, as it left them, in the order of its events.
    pub orders: Vec<OrderRow>,
}

impl Answer {
    /// An order that the command amended or closed.
    pub fn order(&self, order: OrderId) -> Option<&OrderRow> {
        self.orders.iter().find(|row| row.order == order)
    }
}

impl ReadModel {
    /// The answer to a command of the block that was applied last; `later` are the events behind it in that block. By the thread
    /// that applies: what a block closes stays in memory until the next one comes.
    pub fn answer(&self, command: &Sequenced<Command>, events: &[Event], later: &[Event]) -> Answer {
        let (seq, time) = (command.seq, command.time);
        let row = |user: UserId, order: OrderId| {
            self.recent_order(user, OrderKey::Id(order)).expect("an order that a block closed is in memory")
        };
        let mut orders = Vec::new();
        for event in events {
            if let Event::OrderClosed(closed) = event {
                orders.push(row(closed.user, closed.order));
            }
            if let Event::OrderAmended(amended) = event {
                let row = OrderRow { last_seq: seq, updated_time: time, ..row(amended.user, amended.order) };
                orders.push(as_amended(row, amended, later));
            }
        }
        Answer { seq, time, events: events.to_vec(), orders }
    }
}

/// The order as the amendment left it: without what later commands did to it.
fn as_amended(row: OrderRow, amended: &OrderAmended, later: &[Event]) -> OrderRow {
    let executed = Lots(amended.quantity.0.saturating_sub(amended.remaining.0));
    let later_quote: i128 = later
        .iter()
        .filter_map(|event| {
            let Event::OrderFilled(filled) = event else { return None };
            (filled.order == amended.order).then_some(filled.quote.0)
        })
        .sum();
    OrderRow {
        client_order_id: amended.client_order_id,
        quantity: Some(amended.quantity),
        executed,
        executed_quote: Amount(row.executed_quote.0.saturating_sub(later_quote)),
        status: if executed.is_zero() { OrderStatus::New } else { OrderStatus::PartiallyFilled },
        ..row
    }
}
