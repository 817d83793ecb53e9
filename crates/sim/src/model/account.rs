//! Requests about money and permission: deposits, withdrawals, credit limits, kill switches.

use domain::command::deposit::Deposit;
use domain::command::set_credit_limit::SetCreditLimit;
use domain::command::set_kill_switch::{KillScope, SetKillSwitch};
use domain::command::withdrawal::{CancelWithdrawal, RequestWithdrawal, SettleWithdrawal};
use domain::event::{
    Created, CreditLimitChanged, Deposited, Event, ReferenceEvent, UserKillSwitchChanged, VenueKillSwitchChanged,
    WithdrawalEnded, WithdrawalRequested,
};
use domain::ids::WithdrawalId;
use domain::limits::AMOUNT_MAX;
use domain::order::CloseReason;
use domain::reject::RejectReason;
use domain::state::{BalanceState, WithdrawalState};
use domain::units::Amount;

use super::{Model, Outcome};

impl Model {
    pub(super) fn deposit(&mut self, deposit: &Deposit, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        let Deposit { user, asset, amount } = *deposit;
        self.target_user(user)?;
        self.asset(asset)?;
        if !amount.is_positive() {
            return Err(RejectReason::AmountNotPositive);
        }
        let total = Amount(self.asset(asset)?.total.0.saturating_add(amount.0));
        let before = self.balance(user, asset);
        let after = BalanceState { free: Amount(before.free.0.saturating_add(amount.0)), ..before };
        if self.reach(total, &after) > AMOUNT_MAX {
            return Err(RejectReason::TotalTooLarge);
        }
        self.state.assets[asset.0 as usize].total = total;
        let execution = self.next_execution(user);
        outcome.facts.push(Event::Deposited(Deposited { user, execution, asset, amount }));
        self.move_money(user, asset, amount.0, 0, outcome);
        Ok(Created::Nothing)
    }

    pub(super) fn request_withdrawal(
        &mut self,
        request: &RequestWithdrawal,
        outcome: &mut Outcome,
    ) -> Result<Created, RejectReason> {
        let RequestWithdrawal { user, asset, amount } = *request;
        self.target_user(user)?;
        self.asset(asset)?;
        if !amount.is_positive() {
            return Err(RejectReason::AmountNotPositive);
        }
        // Credit does not count: it backs orders only.
        if self.balance(user, asset).free < amount {
            return Err(RejectReason::InsufficientFunds);
        }
        self.state.last_withdrawal += 1;
        let withdrawal = WithdrawalId(self.state.last_withdrawal);
        self.state.withdrawals.push(WithdrawalState { withdrawal, user, asset, amount });
        let execution = self.next_execution(user);
        let requested = WithdrawalRequested { withdrawal, user, execution, asset, amount };
        outcome.facts.push(Event::WithdrawalRequested(requested));
        self.move_money(user, asset, -amount.0, amount.0, outcome);
        Ok(Created::Withdrawal(withdrawal))
    }

    pub(super) fn settle_withdrawal(
        &mut self,
        settle: SettleWithdrawal,
        outcome: &mut Outcome,
    ) -> Result<Created, RejectReason> {
        let ended = self.end_withdrawal(settle.withdrawal)?;
        self.state.assets[ended.asset.0 as usize].total.0 -= ended.amount.0;
        outcome.facts.push(Event::WithdrawalSettled(ended));
        self.move_money(ended.user, ended.asset, 0, -ended.amount.0, outcome);
        Ok(Created::Nothing)
    }

    pub(super) fn cancel_withdrawal(
        &mut self,
        cancel: CancelWithdrawal,
        outcome: &mut Outcome,
    ) -> Result<Created, RejectReason> {
        let ended = self.end_withdrawal(cancel.withdrawal)?;
        outcome.facts.push(Event::WithdrawalCanceled(ended));
        self.move_money(ended.user, ended.asset, ended.amount.0, -ended.amount.0, outcome);
        Ok(Created::Nothing)
    }

    fn end_withdrawal(&mut self, withdrawal: WithdrawalId) -> Result<WithdrawalEnded, RejectReason> {
        let place = self.state.withdrawals.iter().position(|pending| pending.withdrawal == withdrawal);
        let pending = self.state.withdrawals.remove(place.ok_or(RejectReason::UnknownWithdrawal)?);
        let WithdrawalState { user, asset, amount, .. } = pending;
        let execution = self.next_execution(user);
        Ok(WithdrawalEnded { withdrawal, user, execution, asset, amount })
    }

    pub(super) fn set_credit_limit(
        &mut self,
        set: &SetCreditLimit,
        outcome: &mut Outcome,
    ) -> Result<Created, RejectReason> {
        let SetCreditLimit { user, asset, limit } = *set;
        self.target_user(user)?;
        let total = self.asset(asset)?.total;
        if limit < Amount::ZERO {
            return Err(RejectReason::AmountNotPositive);
        }
        let after = BalanceState { credit_limit: limit, ..self.balance(user, asset) };
        if self.reach(total, &after) > AMOUNT_MAX {
            return Err(RejectReason::TotalTooLarge);
        }
        let balance = self.balance_entry(user, asset);
        let change = limit.0 - balance.credit_limit.0;
        balance.credit_limit = limit;
        self.state.assets[asset.0 as usize].credit.0 += change;
        outcome.facts.push(Event::CreditLimitChanged(CreditLimitChanged { user, asset, limit }));
        Ok(Created::Nothing)
    }

    pub(super) fn set_kill_switch(
        &mut self,
        set: &SetKillSwitch,
        outcome: &mut Outcome,
    ) -> Result<Created, RejectReason> {
        let engaged = set.engaged;
        match set.scope {
            KillScope::Venue => {
                self.state.killed = engaged;
                outcome.facts.push(ReferenceEvent::VenueKillSwitchChanged(VenueKillSwitchChanged { engaged }).into());
            }
            KillScope::User(user) => {
                self.target_user(user)?;
                self.user(user).killed = engaged;
                outcome
                    .facts
                    .push(ReferenceEvent::UserKillSwitchChanged(UserKillSwitchChanged { user, engaged }).into());
                if engaged {
                    for order in self.open_orders_by_id(user, None) {
                        self.close_open_order(order, CloseReason::KillSwitch, outcome);
                    }
                }
            }
        }
        Ok(Created::Nothing)
    }

    /// The total plus, of each user, the larger of the credit limit and what is drawn, where one balance is as it would be.
    /// Nobody can own more than this: what one user has beyond the total, others are below zero.
    fn reach(&self, total: Amount, after: &BalanceState) -> i128 {
        let same_asset = self.state.balances.iter().filter(|balance| balance.asset == after.asset);
        let others = same_asset.filter(|balance| balance.user != after.user);
        let drawable = |balance: &BalanceState| balance.credit_limit.0.max(-balance.free.0);
        others.chain([after]).map(drawable).fold(total.0, i128::saturating_add)
    }
}
