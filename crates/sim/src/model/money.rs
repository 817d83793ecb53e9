//! Balances: what is free, what is held, and what moves when two orders trade.

use domain::ids::{AssetId, UserId};
use domain::instrument::Instrument;
use domain::order::{Liquidity, OrderKind, Side};
use domain::state::{BalanceState, OrderState};
use domain::units::{Amount, Lots, Ticks};

use super::{Model, Outcome};

/// What an order of this side pays with, and how much a limit order holds for `quantity` at `price`.
///
/// Asked only for orders whose notional was found in range.
pub(super) fn hold(instrument: &Instrument, side: Side, price: Ticks, quantity: Lots) -> (AssetId, Amount) {
    match side {
        Side::Buy => (instrument.quote(), instrument.notional(price, quantity).expect("checked at placement")),
        Side::Sell => (instrument.base(), instrument.base_amount(quantity).expect("checked at placement")),
    }
}

/// One side of a trade, in money.
pub(super) struct Exchange {
    pub paid_asset: AssetId,
    pub paid: Amount,
    pub received_asset: AssetId,
    pub received: Amount,
    /// Taken off what is received.
    pub fee: Amount,
}

impl Exchange {
    pub(super) fn of(
        order: &OrderState,
        liquidity: Liquidity,
        instrument: &Instrument,
        base: Amount,
        quote: Amount,
    ) -> Self {
        let rate = match liquidity {
            Liquidity::Maker => order.fees.maker,
            Liquidity::Taker => order.fees.taker,
        };
        let ((paid_asset, paid), (received_asset, received)) = match order.side {
            Side::Buy => ((instrument.quote(), quote), (instrument.base(), base)),
            Side::Sell => ((instrument.base(), base), (instrument.quote(), quote)),
        };
        Self { paid_asset, paid, received_asset, received, fee: rate.of(received) }
    }
}

impl Model {
    pub(super) fn balance(&self, user: UserId, asset: AssetId) -> BalanceState {
        let mut balances = self.state.balances.iter();
        let touched = balances.find(|balance| balance.user == user && balance.asset == asset);
        touched.copied().unwrap_or(empty(user, asset))
    }

    /// The balance itself, which from now on exists in the state.
    pub(super) fn balance_entry(&mut self, user: UserId, asset: AssetId) -> &mut BalanceState {
        let balances = &mut self.state.balances;
        let place = balances.partition_point(|balance| (balance.user, balance.asset) < (user, asset));
        if balances.get(place).is_none_or(|balance| (balance.user, balance.asset) != (user, asset)) {
            balances.insert(place, empty(user, asset));
        }
        &mut balances[place]
    }

    /// What an order may spend.
    pub(super) fn available(&self, user: UserId, asset: AssetId) -> Amount {
        let balance = self.balance(user, asset);
        Amount(balance.free.0 + balance.credit_limit.0)
    }

    /// Adds to free and locked. Within a command a balance may leave the range of amounts for a moment: an order that trades
    /// with another of the same user is paid before it has paid.
    pub(super) fn move_money(&mut self, user: UserId, asset: AssetId, free: i128, locked: i128, outcome: &mut Outcome) {
        if free == 0 && locked == 0 {
            return;
        }
        let balance = self.balance_entry(user, asset);
        balance.free.0 += free;
        balance.locked.0 += locked;
        outcome.touch_balance(user, asset);
    }

    /// One side of a trade: pays, receives, and hands the fee to the venue.
    pub(super) fn exchange(&mut self, order: &OrderState, quantity: Lots, exchange: &Exchange, outcome: &mut Outcome) {
        let paid = exchange.paid.0;
        let (free, locked) = match order.kind {
            OrderKind::Limit { .. } => {
                let instrument = self.state.symbols[order.symbol.0 as usize].instrument;
                let (_, held) = hold(&instrument, order.side, order.price, quantity);
                (held.0 - paid, -held.0)
            }
            OrderKind::Market { .. } => (-paid, 0),
        };
        let fee = exchange.fee.0;
        self.move_money(order.user, exchange.paid_asset, free, locked, outcome);
        self.move_money(order.user, exchange.received_asset, exchange.received.0 - fee, 0, outcome);
        self.move_money(UserId::VENUE, exchange.received_asset, fee, 0, outcome);
    }
}

fn empty(user: UserId, asset: AssetId) -> BalanceState {
    BalanceState { user, asset, free: Amount::ZERO, locked: Amount::ZERO, credit_limit: Amount::ZERO }
}
