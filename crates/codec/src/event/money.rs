//! Balances, positions, deposits and withdrawals.

use domain::event::{
    BalanceChanged, CreditLimitChanged, Deposited, PositionChanged, WithdrawalEnded, WithdrawalRequested,
};

use crate::field::fields;

fields!(BalanceChanged { user, asset, free, locked });
fields!(PositionChanged { user, symbol, quantity, cost, realised });
fields!(Deposited { user, execution, asset, amount });
fields!(WithdrawalRequested { withdrawal, user, execution, asset, amount });
fields!(WithdrawalEnded { withdrawal, user, execution, asset, amount });
fields!(CreditLimitChanged { user, asset, limit });
