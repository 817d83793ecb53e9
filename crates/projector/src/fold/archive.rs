//! What is only ever added: completed trades and audit logs.

use domain::event::{Event, Trade};
use domain::ids::{EventId, Hash256};

use super::Stamp;
use crate::audit;
use crate::block::CommittedCommand;
use crate::rows::{AuditRow, TradeRow};

/// Collects trades.
#[derive(Debug, Default)]
pub(super) struct TradesFold {
    rows: Vec<TradeRow>,
}

impl TradesFold {
    pub(super) fn apply(&mut self, committed: CommittedCommand<'_>) {
        let stamp = Stamp::of(committed);
        for (index, event) in (0..).zip(committed.events) {
            if let Event::Trade(trade) = event {
                self.rows.push(row(stamp, EventId { seq: stamp.seq, index }, trade));
            }
        }
    }

    pub(super) fn has_rows(&self) -> bool {
        !self.rows.is_empty()
    }

    pub(super) fn take(&mut self) -> Vec<TradeRow> {
        std::mem::take(&mut self.rows)
    }
}

/// The row of a trade.
pub(super) fn row(stamp: Stamp, id: EventId, trade: &Trade) -> TradeRow {
    TradeRow {
        id,
        time: stamp.time,
        symbol: trade.symbol,
        trade: trade.trade,
        price: trade.price,
        quantity: trade.quantity,
        quote: trade.quote,
        taker_side: trade.taker_side,
        maker_order: trade.maker_order,
        maker_user: trade.maker_user,
        taker_order: trade.taker_order,
        taker_user: trade.taker_user,
    }
}

/// Collects one row for each command.
#[derive(Debug, Default)]
pub(super) struct AuditFold {
    rows: Vec<AuditRow>,
}

impl AuditFold {
    pub(super) fn apply(&mut self, committed: CommittedCommand<'_>, block: Hash256) {
        self.rows.push(audit::row(committed, block));
    }

    pub(super) fn has_rows(&self) -> bool {
        !self.rows.is_empty()
    }

    pub(super) fn take(&mut self) -> Vec<AuditRow> {
        std::mem::take(&mut self.rows)
    }
}
