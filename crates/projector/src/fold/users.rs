//! Balances, credit limits, the ledger and withdrawals.

use std::collections::HashMap;

use domain::event::{Event, WithdrawalEnded};
use domain::ids::{AssetId, EventId, UserId, WithdrawalId};

use super::Stamp;
use crate::batch::UsersRows;
use crate::block::CommittedCommand;
use crate::ledger;
use crate::rows::{BalanceRow, CreditLimitRow, WithdrawalRow, WithdrawalStatus};

/// Collects the stream's rows. The maps are only looked up in, never iterated.
#[derive(Debug, Default)]
pub(super) struct UsersFold {
    rows: UsersRows,
    balances: HashMap<(UserId, AssetId), usize>,
    credit_limits: HashMap<(UserId, AssetId), usize>,
    withdrawals: HashMap<WithdrawalId, usize>,
}

impl UsersFold {
    pub(super) fn apply(&mut self, committed: CommittedCommand<'_>) {
        for (place, event) in committed.events.iter().enumerate() {
            self.event(Stamp::of(committed), place, event, &committed.events[place + 1..]);
        }
    }

    pub(super) fn has_rows(&self) -> bool {
        self.rows.count() > 0
    }

    pub(super) fn take(&mut self) -> UsersRows {
        self.balances.clear();
        self.credit_limits.clear();
        self.withdrawals.clear();
        let mut rows = std::mem::take(&mut self.rows);
        rows.balances.sort_unstable_by_key(|row| (row.user, row.asset));
        rows.credit_limits.sort_unstable_by_key(|row| (row.user, row.asset));
        rows.withdrawals.sort_unstable_by_key(|row| row.withdrawal);
        rows
    }

    fn event(&mut self, stamp: Stamp, place: usize, event: &Event, following: &[Event]) {
        let index = u32::try_from(place).expect("a command yields a bounded number of events");
        let id = EventId { seq: stamp.seq, index };
        let (last_seq, updated_time) = (stamp.seq, stamp.time);
        match event {
            Event::BalanceChanged(event) => {
                let (user, asset) = (event.user, event.asset);
                let row = BalanceRow { user, asset, free: event.free, locked: event.locked, last_seq };
                super::put(&mut self.rows.balances, &mut self.balances, (user, asset), row);
            }
            Event::CreditLimitChanged(event) => {
                let (user, asset) = (event.user, event.asset);
                let row = CreditLimitRow { user, asset, limit: event.limit, last_seq };
                super::put(&mut self.rows.credit_limits, &mut self.credit_limits, (user, asset), row);
            }
            Event::Trade(trade) => {
                let fills = ledger::fills_of(trade, following);
                ledger::traded(id, stamp.time, trade, fills, &mut self.rows.ledger);
            }
            Event::OrderFilled(fill) => ledger::charged(id, stamp.time, fill, &mut self.rows.ledger),
            Event::Deposited(deposit) => ledger::deposited(id, stamp.time, deposit, &mut self.rows.ledger),
            Event::WithdrawalRequested(event) => self.withdrawal(WithdrawalRow {
                withdrawal: event.withdrawal,
                user: event.user,
                asset: event.asset,
                amount: event.amount,
                status: WithdrawalStatus::Pending,
                last_seq,
                updated_time,
            }),
            Event::WithdrawalSettled(event) => {
                ledger::withdrawn(id, stamp.time, event, &mut self.rows.ledger);
                self.ended(stamp, event, WithdrawalStatus::Settled);
            }
            Event::WithdrawalCanceled(event) => self.ended(stamp, event, WithdrawalStatus::Canceled),
            Event::Refused(_)
            | Event::OrderPlaced(_)
            | Event::OrderRepeated(_)
            | Event::OrderAmended(_)
            | Event::OrderClosed(_)
            | Event::PositionChanged(_)
            | Event::RequestRepeated(_)
            | Event::Reference(_)
            | Event::ShardMap(_) => {}
        }
    }

    fn ended(&mut self, stamp: Stamp, event: &WithdrawalEnded, status: WithdrawalStatus) {
        let (withdrawal, user, asset, amount) = (event.withdrawal, event.user, event.asset, event.amount);
        let (last_seq, updated_time) = (stamp.seq, stamp.time);
        self.withdrawal(WithdrawalRow { withdrawal, user, asset, amount, status, last_seq, updated_time });
    }

    fn withdrawal(&mut self, row: WithdrawalRow) {
        super::put(&mut self.rows.withdrawals, &mut self.withdrawals, row.withdrawal, row);
    }
}
