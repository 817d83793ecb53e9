//! Balances, credit limits, the ledger and withdrawals, and which shard owns the users.

use std::collections::HashMap;

use domain::event::{Event, Moving, ShardMapEvent, WithdrawalEnded};
use domain::ids::{AssetId, EventId, UserId, WithdrawalId};
use domain::shards::Subject;
use domain::units::Seq;

use super::Stamp;
use crate::batch::{Stream, UsersRows};
use crate::block::CommittedCommand;
use crate::ledger;
use crate::rows::{BalanceRow, CreditLimitRow, UserTenureRow, WithdrawalRow, WithdrawalStatus};
use crate::share::Share;

/// Collects the stream's rows. The maps are only looked up in, never iterated.
#[derive(Debug, Default)]
pub(super) struct UsersFold {
    rows: UsersRows,
    balances: HashMap<(UserId, AssetId), usize>,
    credit_limits: HashMap<(UserId, AssetId), usize>,
    withdrawals: HashMap<WithdrawalId, usize>,
}

impl UsersFold {
    pub(super) fn apply(&mut self, committed: CommittedCommand<'_>, share: &mut Share) {
        for (place, event) in committed.events.iter().enumerate() {
            self.event(Stamp::of(committed), place, event, &committed.events[place + 1..], share);
        }
    }

    /// What there is before the first command.
    pub(super) fn begin(&mut self, share: &mut Share) {
        self.rows.holds.extend(share.begin(Stream::Users));
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

    fn event(&mut self, stamp: Stamp, place: usize, event: &Event, following: &[Event], share: &mut Share) {
        let index = u32::try_from(place).expect("a command yields a bounded number of events");
        let id = EventId { seq: stamp.seq, index };
        let (last_seq, updated_time) = (stamp.seq, stamp.time);
        let has = |user: UserId| share.has_user(user, stamp.seq);
        let before = self.rows.ledger.len();
        match event {
            Event::BalanceChanged(event) if has(event.user) => {
                let (user, asset) = (event.user, event.asset);
                let row = BalanceRow { user, asset, free: event.free, locked: event.locked, last_seq };
                super::put(&mut self.rows.balances, &mut self.balances, (user, asset), row);
            }
            Event::CreditLimitChanged(event) if has(event.user) => {
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
            Event::WithdrawalRequested(event) if has(event.user) => self.withdrawal(WithdrawalRow {
                withdrawal: event.withdrawal,
                user: event.user,
                asset: event.asset,
                amount: event.amount,
                status: WithdrawalStatus::Pending,
                last_seq,
                updated_time,
            }),
            Event::WithdrawalSettled(event) if has(event.user) => {
                ledger::withdrawn(id, stamp.time, event, &mut self.rows.ledger);
                self.ended(stamp, event, WithdrawalStatus::Settled);
            }
            Event::WithdrawalCanceled(event) if has(event.user) => {
                self.ended(stamp, event, WithdrawalStatus::Canceled);
            }
            Event::ShardMap(event) => self.map_changed(stamp.seq, event, share),
            Event::Refused(_)
            | Event::OrderPlaced(_)
            | Event::OrderRepeated(_)
            | Event::OrderAmended(_)
            | Event::OrderClosed(_)
            | Event::BalanceChanged(_)
            | Event::CreditLimitChanged(_)
            | Event::WithdrawalRequested(_)
            | Event::WithdrawalSettled(_)
            | Event::WithdrawalCanceled(_)
            | Event::PositionChanged(_)
            | Event::RequestRepeated(_)
            | Event::Noted(_)
            | Event::Reference(_) => {}
        }
        if share.shard().is_some() {
            ledger::keep(&mut self.rows.ledger, before, |user| share.has_user(user, stamp.seq));
        }
    }

    /// Every shard has the tenures of all users.
    fn map_changed(&mut self, seq: Seq, event: &ShardMapEvent, share: &mut Share) {
        self.rows.holds.extend(share.know(Stream::Users, seq, event));
        if share.shard().is_none() {
            return;
        }
        if let ShardMapEvent::ShardAdded(added) = event {
            let shard = added.shard.id;
            let begun = (0..added.users_placed).map(|id| UserTenureRow { user: UserId(id), from: Seq::ZERO, shard });
            self.rows.tenures.extend(begun);
        }
        if let ShardMapEvent::UserPlaced(placed) = event {
            let (user, shard) = (placed.user, placed.shard);
            self.rows.tenures.push(UserTenureRow { user, from: Seq::ZERO, shard });
        }
        if let ShardMapEvent::MoveCommitted(Moving { subject: Subject::User(user), from: _, to }) = event {
            self.rows.tenures.push(UserTenureRow { user: *user, from: seq, shard: *to });
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
