//! A state with one of everything.

use domain::command::RequestContent;
use domain::command::create_api_key::Credential;
use domain::command::create_user::CreateUser;
use domain::event::Created;
use domain::ids::{AssetId, ExecutionNumber, KeyId, OrderId, SessionId, SymbolId, TradeId, UserId, WithdrawalId};
use domain::instrument::SymbolStatus;
use domain::order::{Side, TimeInForce};
use domain::state::{
    AssetState, BalanceState, ClosedIdState, KeyState, OrderState, PositionState, RequestState, State, SymbolState,
    UserState, WithdrawalState,
};
use domain::units::{Amount, Lots, Seq, Ticks};

use super::{FEES, LIMITS, TRADER, assets, header, instrument, limit, request, sealed, text};
use crate::payload::TIME;

const USER: UserId = UserId(1);
const SYMBOL: SymbolId = SymbolId(3);

fn keys() -> Vec<KeyState> {
    let key = |key, api_key, credential, revoked| KeyState {
        key: KeyId(key),
        user: USER,
        roles: TRADER,
        api_key: text(api_key),
        credential,
        revoked,
    };
    vec![key(1, "first", sealed(), true), key(2, "second", Credential::Ed25519 { public_key: [0xed; 32] }, false)]
}

fn order() -> OrderState {
    OrderState {
        order: OrderId(4_711),
        user: USER,
        session: SessionId(77),
        symbol: SYMBOL,
        side: Side::Sell,
        kind: limit(TimeInForce::PostOnly),
        client_order_id: text("now"),
        price: Ticks(6_500_000),
        quantity: Lots(150),
        executed: Lots(50),
        executed_quote: Amount(325_000_000),
        fees: FEES,
        placed: Seq(8_000),
        placed_time: TIME,
    }
}

fn closed_id() -> ClosedIdState {
    ClosedIdState {
        user: USER,
        client_order_id: text("before"),
        order: OrderId(4_710),
        symbol: SYMBOL,
        side: Side::Buy,
        kind: limit(TimeInForce::FillOrKill),
        placed: Seq(7_999),
        closed_time: TIME,
    }
}

/// That of [`header`].
pub(crate) fn state() -> State {
    let (asset, amount) = (AssetId(1), Amount(1_000_000_000));
    let request = request(RequestContent::CreateUser(CreateUser));
    let symbol = SymbolState {
        instrument: instrument(),
        status: SymbolStatus::Trading,
        limits: LIMITS,
        fees: FEES,
        last_price: Some(Ticks(6_500_000)),
        last_trade: TradeId(99),
    };
    let user = |fees, killed, last_execution| UserState { fees, killed, last_execution };
    let (quantity, cost, realised) = (Amount(-1), Amount(-2), Amount(3));
    State {
        seq: header().seq,
        time: header().time,
        cell: 1,
        last_order: 4_711,
        last_withdrawal: 5,
        killed: true,
        assets: assets().map(|asset| AssetState { asset, total: amount, credit: Amount(7) }).to_vec(),
        symbols: vec![symbol],
        users: vec![user(None, false, ExecutionNumber(0)), user(Some(FEES), true, ExecutionNumber(12))],
        keys: keys(),
        balances: vec![BalanceState { user: USER, asset, free: Amount(-4), locked: amount, credit_limit: Amount(7) }],
        positions: vec![PositionState { user: USER, symbol: SYMBOL, quantity, cost, realised }],
        orders: vec![order()],
        closed_ids: vec![closed_id()],
        withdrawals: vec![WithdrawalState { withdrawal: WithdrawalId(5), user: USER, asset, amount }],
        requests: vec![RequestState {
            user: UserId::VENUE,
            request,
            seq: Seq(2),
            time: TIME,
            created: Created::User(USER),
        }],
        shards: super::shards::map(),
    }
}
