//! Movements of money that events say, as the rows of the ledger that stores have too.

use domain::event::Event;
use domain::ids::EventId;
use domain::units::{Seq, UnixNanos};
use projector::ledger;
use projector::rows::LedgerRow;

/// The event a row is of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    pub(crate) id: EventId,
    pub(crate) time: UnixNanos,
}

/// The rows of a command, in the order of its events.
pub(crate) fn rows_of(events: &[Event], seq: Seq, time: UnixNanos) -> Vec<LedgerRow> {
    let mut rows = Vec::new();
    for (index, place) in (0..).zip(0..events.len()) {
        add_rows_of(&events[place..], EventId { seq, index }, time, &mut rows);
    }
    rows
}

/// Adds the rows of the first of the events, which are all that are left of its command.
pub(crate) fn add_rows_of(events: &[Event], id: EventId, time: UnixNanos, rows: &mut Vec<LedgerRow>) {
    let Some((event, following)) = events.split_first() else { return };
    match event {
        Event::Trade(trade) => {
            let fills = ledger::fills_of(trade, following);
            ledger::traded(id, time, trade, fills, rows);
        }
        Event::OrderFilled(filled) => ledger::charged(id, time, filled, rows),
        Event::Deposited(deposited) => ledger::deposited(id, time, deposited, rows),
        Event::WithdrawalSettled(settled) => ledger::withdrawn(id, time, settled, rows),
        Event::Refused(_)
        | Event::OrderPlaced(_)
        | Event::OrderRepeated(_)
        | Event::OrderAmended(_)
        | Event::OrderClosed(_)
        | Event::BalanceChanged(_)
        | Event::PositionChanged(_)
        | Event::RequestRepeated(_)
        | Event::Noted(_)
        | Event::Reference(_)
        | Event::WithdrawalRequested(_)
        | Event::WithdrawalCanceled(_)
        | Event::CreditLimitChanged(_)
        | Event::ShardMap(_) => {}
    }
}
