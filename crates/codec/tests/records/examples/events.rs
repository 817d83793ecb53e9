//! Examples of events.

use domain::event::{
    ApiKeyCreated, ApiKeyRevoked, BalanceChanged, Created, CreditLimitChanged, Deposited, Event, Noted, OrderAmended,
    OrderClosed, OrderFilled, OrderPlaced, OrderRepeated, PositionChanged, ReferenceEvent, Refused, RefusedPart,
    RequestRepeated, RestedPart, SymbolCreated, SymbolFeesChanged, SymbolLimitsChanged, SymbolStatusChanged, Trade,
    UserCreated, UserFeesChanged, UserKillSwitchChanged, VenueKillSwitchChanged, WithdrawalEnded, WithdrawalRequested,
};
use domain::ids::{AssetId, ExecutionNumber, KeyId, OrderId, ShardId, SymbolId, TradeId, UserId, WithdrawalId};
use domain::instrument::SymbolStatus;
use domain::order::{CloseReason, Liquidity, Side};
use domain::reject::RejectReason;
use domain::units::{Amount, Lots, Seq, Ticks};

use super::{FEES, LIMITS, REASONS, TRADER, assets, instrument, kinds_of_order, sealed, text};
use crate::payload::TIME;

const USER: UserId = UserId(7);
const EXECUTION: ExecutionNumber = ExecutionNumber(12);
const SYMBOL: SymbolId = SymbolId(3);
const ORDER: OrderId = OrderId(4_711);
const PRICE: Ticks = Ticks(6_500_000);
const QUANTITY: Lots = Lots(150);
const ASSET: AssetId = AssetId(1);
const AMOUNT: Amount = Amount(975_000_000);

fn orders() -> Vec<(&'static str, Vec<Event>)> {
    let refused = |part, reason| Event::Refused(Refused { part, reason });
    let parts = [RefusedPart::ReplaceCancel, RefusedPart::ReplacePlace];
    let reasons = REASONS.map(|reason| refused(RefusedPart::Whole, reason));
    let placed = |kind| {
        Event::OrderPlaced(OrderPlaced {
            order: ORDER,
            user: USER,
            execution: EXECUTION,
            symbol: SYMBOL,
            side: Side::Buy,
            kind,
            client_order_id: text("x-TKT5PX2F0123456789ab"),
            fees: FEES,
        })
    };
    let amended = OrderAmended {
        order: ORDER,
        user: USER,
        execution: EXECUTION,
        symbol: SYMBOL,
        side: Side::Sell,
        price: PRICE,
        quantity: QUANTITY,
        remaining: Lots(100),
        client_order_id: text("new:1"),
        previous_client_order_id: text("old:1"),
    };
    vec![
        ("refused", reasons.into_iter().chain(parts.map(|part| refused(part, RejectReason::UnknownOrder))).collect()),
        ("order-placed", kinds_of_order().into_iter().map(placed).collect()),
        ("order-repeated", vec![Event::OrderRepeated(OrderRepeated { order: ORDER, first: Seq(8_999) })]),
        ("order-amended", vec![Event::OrderAmended(amended)]),
        ("trade", vec![trade()]),
        ("order-filled", vec![filled(Liquidity::Maker, Side::Sell, true), filled(Liquidity::Taker, Side::Buy, false)]),
        ("order-closed", closed()),
    ]
}

fn trade() -> Event {
    Event::Trade(Trade {
        trade: TradeId(99),
        symbol: SYMBOL,
        price: PRICE,
        quantity: QUANTITY,
        base: Amount(1_500_000),
        quote: AMOUNT,
        taker_side: Side::Buy,
        maker_order: ORDER,
        maker_user: USER,
        taker_order: OrderId(4_712),
        taker_user: UserId(8),
    })
}

fn filled(liquidity: Liquidity, side: Side, filled: bool) -> Event {
    Event::OrderFilled(OrderFilled {
        order: ORDER,
        user: USER,
        execution: EXECUTION,
        symbol: SYMBOL,
        trade: TradeId(99),
        side,
        liquidity,
        price: PRICE,
        quantity: QUANTITY,
        quote: AMOUNT,
        fee: Amount(731_250),
        fee_asset: ASSET,
        executed: Lots(200),
        executed_quote: Amount(1_300_000_000),
        filled,
    })
}

fn closed() -> Vec<Event> {
    let reasons = [
        CloseReason::Canceled,
        CloseReason::Replaced,
        CloseReason::KillSwitch,
        CloseReason::NoLiquidity,
        CloseReason::NoFunds,
        CloseReason::FillLimit,
    ];
    let closed = |reason, rested| {
        let (order, user, execution, symbol, side) = (ORDER, USER, EXECUTION, SYMBOL, Side::Buy);
        Event::OrderClosed(OrderClosed { order, user, execution, symbol, side, reason, rested })
    };
    let rested = closed(CloseReason::Canceled, Some(RestedPart { price: PRICE, quantity: QUANTITY }));
    reasons.into_iter().map(|reason| closed(reason, None)).chain([rested]).collect()
}

fn money() -> Vec<(&'static str, Vec<Event>)> {
    let (user, asset, execution, amount) = (USER, ASSET, EXECUTION, AMOUNT);
    let withdrawal = WithdrawalId(5);
    let ended = WithdrawalEnded { withdrawal, user, execution, asset, amount };
    let requested = WithdrawalRequested { withdrawal, user, execution, asset, amount };
    let balance = BalanceChanged { user, asset, free: Amount(-5), locked: amount };
    let position = PositionChanged {
        user,
        symbol: SYMBOL,
        quantity: Amount(-1_500_000),
        cost: Amount(-975_000_000),
        realised: Amount(12_345),
    };
    vec![
        ("balance-changed", vec![Event::BalanceChanged(balance)]),
        ("position-changed", vec![Event::PositionChanged(position)]),
        ("deposited", vec![Event::Deposited(Deposited { user, execution, asset, amount })]),
        ("withdrawal-requested", vec![Event::WithdrawalRequested(requested)]),
        ("withdrawal-settled", vec![Event::WithdrawalSettled(ended)]),
        ("withdrawal-canceled", vec![Event::WithdrawalCanceled(ended)]),
        ("credit-limit-changed", vec![Event::CreditLimitChanged(CreditLimitChanged { user, asset, limit: amount })]),
    ]
}

fn admin() -> Vec<(&'static str, Vec<Event>)> {
    let (user, symbol, key) = (USER, SYMBOL, KeyId(8));
    let created = [
        Created::Nothing,
        Created::Asset(ASSET),
        Created::Symbol(symbol),
        Created::User(user),
        Created::Key(key),
        Created::Withdrawal(WithdrawalId(5)),
        Created::Shard(ShardId(2)),
    ];
    let repeated =
        created.map(|created| Event::RequestRepeated(RequestRepeated { first: Seq(17), first_time: TIME, created }));
    let listed = SymbolCreated { instrument: instrument(), limits: LIMITS, fees: FEES };
    let limits = SymbolLimitsChanged { symbol, limits: LIMITS };
    let status = |status| Event::Reference(ReferenceEvent::SymbolStatusChanged(SymbolStatusChanged { symbol, status }));
    let user_fees = |fees| Event::Reference(ReferenceEvent::UserFeesChanged(UserFeesChanged { user, fees }));
    let api_key = text("vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A");
    let issued = ApiKeyCreated { key, user, roles: TRADER, api_key, credential: sealed() };
    vec![
        ("request-repeated", repeated.to_vec()),
        ("noted", vec![Event::Noted(Noted)]),
        ("asset-created", assets().map(|asset| ReferenceEvent::AssetCreated(asset).into()).to_vec()),
        ("symbol-created", vec![Event::Reference(ReferenceEvent::SymbolCreated(Box::new(listed)))]),
        ("symbol-status-changed", vec![status(SymbolStatus::Trading), status(SymbolStatus::Halted)]),
        ("symbol-limits-changed", vec![Event::Reference(ReferenceEvent::SymbolLimitsChanged(Box::new(limits)))]),
        (
            "symbol-fees-changed",
            vec![Event::Reference(ReferenceEvent::SymbolFeesChanged(SymbolFeesChanged { symbol, fees: FEES }))],
        ),
        ("user-fees-changed", vec![user_fees(Some(FEES)), user_fees(None)]),
        ("user-created", vec![Event::Reference(ReferenceEvent::UserCreated(UserCreated { user }))]),
        ("api-key-created", vec![Event::Reference(ReferenceEvent::ApiKeyCreated(Box::new(issued)))]),
        ("api-key-revoked", vec![Event::Reference(ReferenceEvent::ApiKeyRevoked(ApiKeyRevoked { key, user }))]),
        (
            "venue-kill-switch-changed",
            vec![Event::Reference(ReferenceEvent::VenueKillSwitchChanged(VenueKillSwitchChanged { engaged: true }))],
        ),
        (
            "user-kill-switch-changed",
            vec![Event::Reference(ReferenceEvent::UserKillSwitchChanged(UserKillSwitchChanged {
                user,
                engaged: false,
            }))],
        ),
    ]
}

/// Events by golden file.
pub(crate) fn events() -> Vec<(&'static str, Vec<Event>)> {
    [orders(), money(), admin(), super::shards::events()].concat()
}
