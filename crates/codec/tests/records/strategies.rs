//! Any value of the domain that the types allow, edges more often than chance would have them.

use codec::snapshot::SnapshotHeader;
use domain::command::abort_move::AbortMove;
use domain::command::add_shard::AddShard;
use domain::command::amend_order::AmendOrder;
use domain::command::begin_move::BeginMove;
use domain::command::cancel_all::CancelAll;
use domain::command::cancel_order::CancelOrder;
use domain::command::commit_move::CommitMove;
use domain::command::create_api_key::{CreateApiKey, Credential, Roles};
use domain::command::create_asset::CreateAsset;
use domain::command::create_symbol::CreateSymbol;
use domain::command::create_user::CreateUser;
use domain::command::deposit::Deposit;
use domain::command::note_access::{AccessKind, AccessMethod, Claim, EndpointName, NoteAccess};
use domain::command::note_head::NoteHead;
use domain::command::open_order::OpenOrder;
use domain::command::open_position::OpenPosition;
use domain::command::place_order::PlaceOrder;
use domain::command::replace_order::{ReplaceMode, ReplaceOnlyIf, ReplaceOrder};
use domain::command::revoke_api_key::RevokeApiKey;
use domain::command::set_credit_limit::SetCreditLimit;
use domain::command::set_fees::{SetSymbolFees, SetUserFees};
use domain::command::set_kill_switch::{KillScope, SetKillSwitch};
use domain::command::set_shard::SetShard;
use domain::command::set_symbol_limits::SetSymbolLimits;
use domain::command::set_symbol_status::SetSymbolStatus;
use domain::command::withdrawal::{CancelWithdrawal, RequestWithdrawal, SettleWithdrawal};
use domain::command::{Action, Command, Envelope, Note, OrderRef, Request, RequestContent, Transport};
use domain::event::{
    ApiKeyCreated, ApiKeyRevoked, BalanceChanged, Created, CreditLimitChanged, Deposited, Event, Moving, Noted,
    OrderAmended, OrderClosed, OrderFilled, OrderPlaced, OrderRepeated, PositionChanged, ReferenceEvent, Refused,
    RefusedPart, RequestRepeated, RestedPart, ShardAdded, ShardMapEvent, SymbolCreated, SymbolFeesChanged,
    SymbolLimitsChanged, SymbolPlaced, SymbolStatusChanged, Trade, UserCreated, UserFeesChanged, UserKillSwitchChanged,
    UserPlaced, VenueKillSwitchChanged, WithdrawalEnded, WithdrawalRequested,
};
use domain::ids::{
    AddressId, AssetId, ExecutionNumber, Hash256, KeyId, OrderId, SessionId, ShardId, SymbolId, TradeId, UserId,
    VenueId, WithdrawalId,
};
use domain::instrument::{Asset, Fees, Instrument, Leg, PriceBand, Step, SymbolLimits, SymbolStatus};
use domain::limits::{AMOUNT_MAX, SCALE_MAX};
use domain::order::{CloseReason, Liquidity, MarketSize, OrderKind, Side, TimeInForce};
use domain::shards::{Move, Shard, ShardStatus, Subject};
use domain::state::{
    AssetState, BalanceState, ClosedIdState, KeyState, MovedState, OrderState, PositionState, RequestState,
    ShardMapState, State, SymbolState, UserState, WithdrawalState,
};
use domain::text::Text;
use domain::units::{Amount, Epoch, Lots, Ppm, Seq, Ticks, UnixNanos, Weight};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;

use crate::examples::REASONS;

/// A type and how to come by any of its values, so that a struct is drawn field by field without naming each type again.
pub(crate) trait Any: Sized + std::fmt::Debug + Clone + 'static {
    fn any() -> BoxedStrategy<Self>;
}

macro_rules! wrapped {
    ($($name:ident($inner:ty)),+ $(,)?) => {
        $(impl Any for $name {
            fn any() -> BoxedStrategy<Self> {
                <$inner as Any>::any().prop_map($name).boxed()
            }
        })+
    };
}

macro_rules! chosen {
    ($($name:ty: $values:expr;)+) => {
        $(impl Any for $name {
            fn any() -> BoxedStrategy<Self> {
                select(&$values[..]).boxed()
            }
        })+
    };
}

macro_rules! drawn {
    ($($name:ident { $($field:ident),* $(,)? })+) => {
        $(impl Any for $name {
            #[allow(unused_parens, reason = "a struct of one field is drawn from a tuple of one")]
            fn any() -> BoxedStrategy<Self> {
                fields![$($field)*].prop_map(|unfold![$($field)*]| Self { $($field),* }).boxed()
            }
        })+
    };
}

/// Tuples of strategies end at twelve; pairs of pairs do not.
macro_rules! fields {
    () => { Just(()) };
    ($first:ident $($rest:ident)*) => { (Any::any(), fields![$($rest)*]) };
}

macro_rules! unfold {
    () => { () };
    ($first:ident $($rest:ident)*) => { ($first, unfold![$($rest)*]) };
}

macro_rules! one_of {
    ($($name:ident { $($variant:ident),+ $(,)? })+) => {
        $(impl Any for $name {
            fn any() -> BoxedStrategy<Self> {
                Union::new([$(Any::any().prop_map($name::$variant).boxed()),+]).boxed()
            }
        })+
    };
}

impl Any for u8 {
    fn any() -> BoxedStrategy<Self> {
        any::<Self>().boxed()
    }
}

impl Any for bool {
    fn any() -> BoxedStrategy<Self> {
        any::<Self>().boxed()
    }
}

impl Any for u16 {
    fn any() -> BoxedStrategy<Self> {
        any::<Self>().boxed()
    }
}

impl Any for u32 {
    fn any() -> BoxedStrategy<Self> {
        prop_oneof![any::<Self>(), select(&[0, 1, Self::MAX][..])].boxed()
    }
}

impl Any for u64 {
    fn any() -> BoxedStrategy<Self> {
        prop_oneof![any::<Self>(), select(&[0, 1, Self::MAX][..])].boxed()
    }
}

impl<const N: usize> Any for [u8; N] {
    fn any() -> BoxedStrategy<Self> {
        any::<[u8; N]>().boxed()
    }
}

impl<const N: usize> Any for Text<N> {
    fn any() -> BoxedStrategy<Self> {
        prop::collection::vec(0x21_u8..=0x7e, 1..=N).prop_map(|bytes| Self::from_bytes(&bytes).unwrap()).boxed()
    }
}

impl<T: Any> Any for Option<T> {
    fn any() -> BoxedStrategy<Self> {
        prop::option::of(T::any()).boxed()
    }
}

impl<T: Any> Any for Box<T> {
    fn any() -> BoxedStrategy<Self> {
        T::any().prop_map(Self::new).boxed()
    }
}

impl<T: Any> Any for Vec<T> {
    fn any() -> BoxedStrategy<Self> {
        prop::collection::vec(T::any(), 0..4).boxed()
    }
}

impl Any for Amount {
    fn any() -> BoxedStrategy<Self> {
        let numbers = prop_oneof![-AMOUNT_MAX..=AMOUNT_MAX, select(&[-AMOUNT_MAX, -1, 0, 1, AMOUNT_MAX][..])];
        numbers.prop_map(Amount).boxed()
    }
}

impl Any for OrderKind {
    fn any() -> BoxedStrategy<Self> {
        let limit = (Any::any(), Any::any(), Any::any());
        prop_oneof![
            limit.prop_map(|(price, quantity, time_in_force)| Self::Limit { price, quantity, time_in_force }),
            Any::any().prop_map(|size| Self::Market { size }),
        ]
        .boxed()
    }
}

impl Any for Credential {
    fn any() -> BoxedStrategy<Self> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300)
                .prop_map(|secret| Self::HmacSha256 { sealed_secret: secret.into() }),
            Any::any().prop_map(|public_key| Self::Ed25519 { public_key }),
        ]
        .boxed()
    }
}

impl Any for CreateUser {
    fn any() -> BoxedStrategy<Self> {
        Just(Self).boxed()
    }
}

impl Any for Noted {
    fn any() -> BoxedStrategy<Self> {
        Just(Self).boxed()
    }
}

impl Any for KillScope {
    fn any() -> BoxedStrategy<Self> {
        prop_oneof![Just(Self::Venue), Any::any().prop_map(Self::User)].boxed()
    }
}

impl Any for Created {
    fn any() -> BoxedStrategy<Self> {
        prop_oneof![
            Just(Self::Nothing),
            Any::any().prop_map(Self::Asset),
            Any::any().prop_map(Self::Symbol),
            Any::any().prop_map(Self::User),
            Any::any().prop_map(Self::Key),
            Any::any().prop_map(Self::Withdrawal),
            Any::any().prop_map(Self::Shard),
        ]
        .boxed()
    }
}

impl Any for Asset {
    fn any() -> BoxedStrategy<Self> {
        (Any::any(), Any::any(), 0..=SCALE_MAX).prop_map(|(id, code, scale)| Self { id, code, scale }).boxed()
    }
}

impl Any for Instrument {
    /// Decimals such that tick and lot come out whole.
    fn any() -> BoxedStrategy<Self> {
        let scales = (0..=SCALE_MAX, 0..=SCALE_MAX).prop_flat_map(|(base, quote)| {
            (0..=base.min(quote)).prop_flat_map(move |lot| (Just((base, quote, lot)), 0..=quote - lot))
        });
        let rest = (any::<u32>(), SymbolId::any(), Text::any(), 1..1_000_000_u64, 1..1_000_000_u64);
        (scales, rest)
            .prop_map(|(((base, quote, lot), tick), (asset, id, code, tick_mantissa, lot_mantissa))| {
                let base = Leg { asset: AssetId(asset), scale: base };
                let quote = Leg { asset: AssetId(asset.wrapping_add(1)), scale: quote };
                let tick_size = Step { mantissa: tick_mantissa, scale: tick };
                Self::of_legs(id, code, base, quote, tick_size, Step { mantissa: lot_mantissa, scale: lot }).unwrap()
            })
            .boxed()
    }
}

/// A header with the state it is of.
pub(crate) fn snapshots() -> impl Strategy<Value = (SnapshotHeader, State)> {
    (SnapshotHeader::any(), State::any()).prop_map(|(header, state)| {
        let header = SnapshotHeader { seq: state.seq, time: state.time, ..header };
        (header, state)
    })
}

wrapped!(UserId(u32), AssetId(u32), SymbolId(u32), KeyId(u32), AddressId(u32), ShardId(u16), Ppm(u32), Weight(u32));
wrapped!(OrderId(u64), TradeId(u64), WithdrawalId(u64), SessionId(u64), ExecutionNumber(u64));
wrapped!(Seq(u64), Epoch(u64), Ticks(u64), Lots(u64), UnixNanos(u64));
wrapped!(VenueId([u8; 16]), Hash256([u8; 32]));

chosen! {
    Side: [Side::Buy, Side::Sell];
    Liquidity: [Liquidity::Maker, Liquidity::Taker];
    Transport: [Transport::Internal, Transport::Rest];
    SymbolStatus: [SymbolStatus::Trading, SymbolStatus::Halted];
    ShardStatus: [ShardStatus::Active, ShardStatus::Draining];
    ReplaceMode: [ReplaceMode::StopOnFailure, ReplaceMode::AllowFailure];
    ReplaceOnlyIf: [ReplaceOnlyIf::Open, ReplaceOnlyIf::New, ReplaceOnlyIf::PartiallyFilled];
    AccessKind: [
        AccessKind::BadSignature, AccessKind::UnknownKey, AccessKind::RevokedKey, AccessKind::RoleMissing,
        AccessKind::Replayed, AccessKind::Read
    ];
    AccessMethod: [AccessMethod::Get, AccessMethod::Post, AccessMethod::Put, AccessMethod::Delete];
    RefusedPart: [RefusedPart::Whole, RefusedPart::ReplaceCancel, RefusedPart::ReplacePlace];
    TimeInForce: [
        TimeInForce::GoodTilCanceled, TimeInForce::PostOnly, TimeInForce::ImmediateOrCancel, TimeInForce::FillOrKill
    ];
    CloseReason: [
        CloseReason::Canceled, CloseReason::Replaced, CloseReason::KillSwitch, CloseReason::NoLiquidity,
        CloseReason::NoFunds, CloseReason::FillLimit
    ];
    domain::reject::RejectReason: REASONS;
}

one_of! {
    OrderRef { Id, Client }
    MarketSize { Quantity, Quote }
    Subject { Symbol, User }
    Action { PlaceOrder, CancelOrder, AmendOrder, ReplaceOrder, CancelAll, Request, Note }
    Note { Access, Head }
    Claim { Key, Text }
    RequestContent {
        CreateAsset, CreateSymbol, SetSymbolStatus, SetSymbolLimits, SetSymbolFees, SetUserFees, CreateUser,
        CreateApiKey, RevokeApiKey, Deposit, RequestWithdrawal, SettleWithdrawal, CancelWithdrawal, SetCreditLimit,
        SetKillSwitch, OpenPosition, OpenOrder, AddShard, SetShard, BeginMove, CommitMove, AbortMove,
    }
    Event {
        Refused, OrderPlaced, OrderRepeated, OrderAmended, Trade, OrderFilled, OrderClosed, BalanceChanged,
        PositionChanged, RequestRepeated, Deposited, WithdrawalRequested, WithdrawalSettled, WithdrawalCanceled,
        CreditLimitChanged, Reference, ShardMap, Noted,
    }
    ReferenceEvent {
        AssetCreated, SymbolCreated, SymbolStatusChanged, SymbolLimitsChanged, SymbolFeesChanged, UserFeesChanged,
        UserCreated, ApiKeyCreated, ApiKeyRevoked, VenueKillSwitchChanged, UserKillSwitchChanged,
    }
    ShardMapEvent { ShardAdded, ShardChanged, SymbolPlaced, UserPlaced, MoveBegun, MoveCommitted, MoveAborted }
}

drawn! {
    Command { envelope, action }
    Envelope { user, key, session, transport, address, client_time, deadline }
    Request { id, content }
    PlaceOrder { symbol, side, kind, client_order_id }
    CancelOrder { symbol, order }
    AmendOrder { symbol, order, quantity, new_client_order_id }
    ReplaceOrder { cancel, only_if, mode, place }
    CancelAll { symbol }
    CreateAsset { code, scale }
    CreateSymbol { code, base, quote, tick_size, lot_size, limits, fees }
    SetSymbolStatus { symbol, status }
    SetSymbolLimits { symbol, limits }
    SetSymbolFees { symbol, fees }
    SetUserFees { user, fees }
    CreateApiKey { user, roles, api_key, credential }
    RevokeApiKey { key }
    Deposit { user, asset, amount }
    RequestWithdrawal { user, asset, amount }
    SettleWithdrawal { withdrawal }
    CancelWithdrawal { withdrawal }
    SetCreditLimit { user, asset, limit }
    SetKillSwitch { scope, engaged }
    OpenPosition { user, symbol, quantity, cost, realised }
    OpenOrder { user, symbol, side, price, quantity, client_order_id }
    AddShard { name, weight }
    SetShard { shard, weight, status }
    BeginMove { subject, to }
    CommitMove { subject }
    AbortMove { subject }
    NoteAccess { kind, endpoint, claim, about, count, first, last }
    EndpointName { method, path }
    NoteHead { seq, block }
    Roles { read, trade, admin, audit }
    Step { mantissa, scale }
    Fees { maker, taker }
    PriceBand { above, below }
    SymbolLimits { price_min, price_max, quantity_min, quantity_max, notional_min, notional_max, band }
}

drawn! {
    Refused { part, reason }
    OrderPlaced { order, user, execution, symbol, side, kind, client_order_id, fees }
    OrderRepeated { order, first }
    OrderAmended {
        order, user, execution, symbol, side, price, quantity, remaining, client_order_id, previous_client_order_id
    }
    Trade {
        trade, symbol, price, quantity, base, quote, taker_side, maker_order, maker_user, taker_order, taker_user
    }
    OrderFilled {
        order, user, execution, symbol, trade, side, liquidity, price, quantity, quote, fee, fee_asset, executed,
        executed_quote, filled
    }
    OrderClosed { order, user, execution, symbol, side, reason, rested }
    RestedPart { price, quantity }
    BalanceChanged { user, asset, free, locked }
    PositionChanged { user, symbol, quantity, cost, realised }
    RequestRepeated { first, first_time, created }
    SymbolCreated { instrument, limits, fees }
    SymbolStatusChanged { symbol, status }
    SymbolLimitsChanged { symbol, limits }
    SymbolFeesChanged { symbol, fees }
    UserFeesChanged { user, fees }
    UserCreated { user }
    ApiKeyCreated { key, user, roles, api_key, credential }
    ApiKeyRevoked { key, user }
    Deposited { user, execution, asset, amount }
    WithdrawalRequested { withdrawal, user, execution, asset, amount }
    WithdrawalEnded { withdrawal, user, execution, asset, amount }
    CreditLimitChanged { user, asset, limit }
    VenueKillSwitchChanged { engaged }
    UserKillSwitchChanged { user, engaged }
    ShardAdded { shard, symbols_placed, users_placed }
    SymbolPlaced { symbol, shard }
    UserPlaced { user, shard }
    Moving { subject, from, to }
    Shard { id, name, weight, status }
}

drawn! {
    SnapshotHeader { venue_id, epoch, seq, time, journal_hash, event_log_hash }
    State {
        seq, time, cell, last_order, last_withdrawal, killed, assets, symbols, users, keys, balances, positions,
        orders, closed_ids, withdrawals, requests, shards
    }
    AssetState { asset, total, credit }
    SymbolState { instrument, status, limits, fees, last_price, last_trade }
    UserState { fees, killed, last_execution }
    KeyState { key, user, roles, api_key, credential, revoked }
    BalanceState { user, asset, free, locked, credit_limit }
    PositionState { user, symbol, quantity, cost, realised }
    OrderState {
        order, user, session, symbol, side, kind, client_order_id, price, quantity, executed, executed_quote, fees,
        placed, placed_time
    }
    ClosedIdState { user, client_order_id, order, symbol, side, kind, placed, closed_time }
    WithdrawalState { withdrawal, user, asset, amount }
    RequestState { user, request, seq, time, created }
    ShardMapState { shards, symbols, users, moved, moves }
    MovedState { subject, to, seq }
    Move { subject, to, begun }
}
