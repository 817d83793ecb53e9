//! The state: numbers, then lists, each in its one canonical order, which is not looked at here.

use domain::state::{
    AssetState, BalanceState, ClosedIdState, KeyState, MovedState, OrderState, PositionState, RequestState,
    ShardMapState, State, SymbolState, UserState, WithdrawalState,
};

use crate::error::DecodeError;
use crate::field::{Field, fields};
use crate::reader::Reader;

/// The fields that every version has, in their order; what later versions added follows them.
macro_rules! of_every_version {
    ($($field:ident),* $(,)?) => {
        pub(super) fn write_state(state: &State, out: &mut Vec<u8>) {
            let State { $($field,)* shards } = state;
            $($field.write(out);)*
            shards.write(out);
        }

        pub(super) fn read_state(version: u16, reader: &mut Reader<'_>) -> Result<State, DecodeError> {
            $(let $field = Field::read(reader)?;)*
            let shards = read_shards(version, reader)?;
            Ok(State { $($field,)* shards })
        }
    };
}

of_every_version!(
    seq,
    time,
    cell,
    last_order,
    last_withdrawal,
    killed,
    assets,
    symbols,
    users,
    keys,
    balances,
    positions,
    orders,
    closed_ids,
    withdrawals,
    requests,
);

/// Version 2 has the shard map. Version 1 has none, but for the builds that had the map already and not yet its version number:
/// there it follows all the same.
fn read_shards(version: u16, reader: &mut Reader<'_>) -> Result<ShardMapState, DecodeError> {
    if version == 1 && reader.is_empty() { Ok(ShardMapState::default()) } else { Field::read(reader) }
}

fields!(AssetState { asset, total, credit });
fields!(SymbolState { instrument, status, limits, fees, last_price, last_trade });
fields!(UserState { fees, killed, last_execution });
fields!(KeyState { key, user, roles, revoked, api_key, credential });
fields!(BalanceState { user, asset, free, locked, credit_limit });
fields!(PositionState { user, symbol, quantity, cost, realised });
fields!(OrderState {
    order,
    user,
    session,
    symbol,
    side,
    kind,
    price,
    quantity,
    executed,
    executed_quote,
    fees,
    placed,
    placed_time,
    client_order_id,
});
fields!(ClosedIdState { user, order, symbol, side, kind, placed, closed_time, client_order_id });
fields!(WithdrawalState { withdrawal, user, asset, amount });
fields!(RequestState { user, seq, time, created, request });
fields!(ShardMapState { shards, symbols, users, moved, moves });
fields!(MovedState { subject, to, seq });

/// Few elements are shorter (the shards of symbols and users); their lists grow as they are read.
const ELEMENT_BYTES_MOSTLY: usize = 10;

/// A list: how many, then each.
impl<T: Field> Field for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        u64::try_from(self.len()).expect("a length fits into 64 bits").write(out);
        for element in self {
            element.write(out);
        }
    }
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = usize::try_from(u64::read(reader)?).unwrap_or(usize::MAX);
        // The count is from outside: it must not make us ask for memory that no bytes stand behind.
        let mut list = Self::with_capacity(count.min(reader.rest_len() / ELEMENT_BYTES_MOSTLY));
        for _ in 0..count {
            list.push(T::read(reader)?);
        }
        Ok(list)
    }
}
