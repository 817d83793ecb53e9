//! One example or more of each kind of record, by the name of its golden file.

use codec::snapshot::SnapshotHeader;
use domain::command::amend_order::AmendOrder;
use domain::command::cancel_all::CancelAll;
use domain::command::cancel_order::CancelOrder;
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
use domain::command::set_symbol_limits::SetSymbolLimits;
use domain::command::set_symbol_status::SetSymbolStatus;
use domain::command::withdrawal::{CancelWithdrawal, RequestWithdrawal, SettleWithdrawal};
use domain::command::{Action, Command, Envelope, Note, OrderRef, Request, RequestContent, Transport};
use domain::ids::{AddressId, AssetId, Hash256, KeyId, OrderId, SessionId, SymbolId, UserId, VenueId, WithdrawalId};
use domain::instrument::{Asset, Fees, Instrument, InstrumentError, PriceBand, Step, SymbolLimits, SymbolStatus};
use domain::order::{MarketSize, OrderKind, Side, TimeInForce};
use domain::reject::RejectReason;
use domain::text::{AssetCode, SymbolCode, Text};
use domain::units::{Amount, Epoch, Lots, Ppm, Seq, Ticks, UnixNanos};

use crate::payload::TIME;

mod events;
mod shards;
mod state;

pub(crate) use events::events;
pub(crate) use state::state;

/// All reasons of refusals, in the order of their tags.
pub(crate) const REASONS: [RejectReason; 54] = [
    RejectReason::DeadlinePassed,
    RejectReason::UnknownUser,
    RejectReason::RequestIdReused,
    RejectReason::UnknownTargetUser,
    RejectReason::UnknownAsset,
    RejectReason::UnknownSymbol,
    RejectReason::CodeInUse,
    RejectReason::ScaleTooLarge,
    RejectReason::InvalidInstrument(InstrumentError::SameAsset),
    RejectReason::InvalidInstrument(InstrumentError::StepOutOfRange),
    RejectReason::InvalidInstrument(InstrumentError::LotNotWhole),
    RejectReason::InvalidInstrument(InstrumentError::TickLotNotWhole),
    RejectReason::InvalidInstrument(InstrumentError::TooLarge),
    RejectReason::InvalidLimits,
    RejectReason::FeeTooHigh,
    RejectReason::CapacityReached,
    RejectReason::ApiKeyInUse,
    RejectReason::InvalidCredential,
    RejectReason::UnknownKey,
    RejectReason::UnknownWithdrawal,
    RejectReason::AmountNotPositive,
    RejectReason::TotalTooLarge,
    RejectReason::ClientOrderIdInUse,
    RejectReason::VenueKilled,
    RejectReason::UserKilled,
    RejectReason::SymbolHalted,
    RejectReason::OrderIdsExhausted,
    RejectReason::UnknownOrder,
    RejectReason::OrderStateMismatch,
    RejectReason::NothingToCancel,
    RejectReason::QuantityTooSmall,
    RejectReason::QuantityTooLarge,
    RejectReason::QuantityNotReduced,
    RejectReason::QuantityAlreadyFilled,
    RejectReason::PriceTooLow,
    RejectReason::PriceTooHigh,
    RejectReason::NotionalOverflow,
    RejectReason::NotionalTooSmall,
    RejectReason::NotionalTooLarge,
    RejectReason::PriceOutsideBand,
    RejectReason::TooManyOpenOrders,
    RejectReason::WouldTrade,
    RejectReason::InsufficientFunds,
    RejectReason::UnknownShard,
    RejectReason::SameShard,
    RejectReason::ShardDraining,
    RejectReason::AlreadyMoving,
    RejectReason::TooManyMoves,
    RejectReason::NotMoving,
    RejectReason::ShardNameInUse,
    RejectReason::WeightOutOfRange,
    RejectReason::LastActiveShard,
    RejectReason::InvalidPosition,
    RejectReason::PositionExists,
];

pub(crate) fn text<const N: usize>(text: &str) -> Text<N> {
    Text::new(text).unwrap()
}

pub(crate) const FEES: Fees = Fees { maker: Ppm(750), taker: Ppm(1_000) };
pub(crate) const LIMITS: SymbolLimits = SymbolLimits {
    price_min: Ticks(1),
    price_max: Ticks(100_000_000),
    quantity_min: Lots(1),
    quantity_max: Lots(90_000_000),
    notional_min: Amount(5_000_000),
    notional_max: Amount(9_000_000_000_000),
    band: Some(PriceBand { above: Ppm(400_000), below: Ppm(300_000) }),
};
pub(crate) const TICK: Step = Step { mantissa: 1, scale: 2 };
pub(crate) const LOT: Step = Step { mantissa: 1, scale: 4 };
pub(crate) const TRADER: Roles = Roles { read: true, trade: true, admin: false, audit: false };

pub(crate) fn assets() -> [Asset; 2] {
    let asset = |id, code, scale| Asset { id: AssetId(id), code: AssetCode::new(code).unwrap(), scale };
    [asset(0, "BTC", 8), asset(1, "USDT", 6)]
}

pub(crate) fn instrument() -> Instrument {
    let [base, quote] = assets();
    Instrument::new(SymbolId(3), SymbolCode::new("BTCUSDT").unwrap(), &base, &quote, TICK, LOT).unwrap()
}

pub(crate) fn sealed() -> Credential {
    Credential::HmacSha256 { sealed_secret: (0..60).collect() }
}

pub(crate) const fn limit(time_in_force: TimeInForce) -> OrderKind {
    OrderKind::Limit { price: Ticks(6_500_000), quantity: Lots(150), time_in_force }
}

pub(crate) fn kinds_of_order() -> Vec<OrderKind> {
    vec![
        limit(TimeInForce::GoodTilCanceled),
        limit(TimeInForce::PostOnly),
        limit(TimeInForce::ImmediateOrCancel),
        limit(TimeInForce::FillOrKill),
        OrderKind::Market { size: MarketSize::Quantity(Lots(150)) },
        OrderKind::Market { size: MarketSize::Quote(Amount(975_000_000)) },
    ]
}

pub(crate) fn header() -> SnapshotHeader {
    SnapshotHeader {
        venue_id: VenueId(*b"sixteen bytes id"),
        epoch: Epoch(2),
        seq: Seq(9_001),
        time: TIME,
        journal_hash: Hash256([0x11; 32]),
        event_log_hash: Hash256([0x22; 32]),
    }
}

/// A trader's order over REST.
pub(crate) fn place(side: Side, kind: OrderKind) -> PlaceOrder {
    PlaceOrder { symbol: SymbolId(3), side, kind, client_order_id: text("x-TKT5PX2F0123456789ab") }
}

pub(crate) fn rest(action: Action) -> Command {
    let envelope = Envelope {
        user: UserId(7),
        key: KeyId(8),
        session: SessionId(0),
        transport: Transport::Rest,
        address: AddressId(0x0a0b_0c0d),
        client_time: Some(UnixNanos(TIME.0 - 1_000_000)),
        deadline: Some(UnixNanos(TIME.0 + 5_000_000_000)),
    };
    Command { envelope, action }
}

pub(crate) fn request(content: RequestContent) -> Request {
    Request { id: text("req-0001"), content }
}

pub(crate) fn venue(content: RequestContent) -> Vec<Command> {
    vec![Command { envelope: Envelope::VENUE, action: Action::Request(request(content)) }]
}

fn orders() -> Vec<(&'static str, Vec<Command>)> {
    let by_id = OrderRef::Id(OrderId(4_711));
    let by_name = OrderRef::Client(text("old:1"));
    let symbol = SymbolId(3);
    let placed = kinds_of_order().into_iter().map(|kind| rest(Action::PlaceOrder(place(Side::Buy, kind))));
    let sold = place(Side::Sell, limit(TimeInForce::GoodTilCanceled));
    let internal = Command { envelope: Envelope::VENUE, action: Action::PlaceOrder(sold) };
    let late = Envelope { client_time: None, ..rest(Action::PlaceOrder(sold)).envelope };
    let cancel = |order| rest(Action::CancelOrder(CancelOrder { symbol, order }));
    let amend = |new_client_order_id| {
        rest(Action::AmendOrder(AmendOrder { symbol, order: by_id, quantity: Lots(100), new_client_order_id }))
    };
    let replace = |cancel, only_if, mode| {
        rest(Action::ReplaceOrder(Box::new(ReplaceOrder { cancel, only_if, mode, place: sold })))
    };
    let cancel_all = |symbol| rest(Action::CancelAll(CancelAll { symbol }));
    vec![
        (
            "place-order",
            placed.chain([internal, Command { envelope: late, action: Action::PlaceOrder(sold) }]).collect(),
        ),
        ("cancel-order", vec![cancel(by_id), cancel(by_name)]),
        ("amend-order", vec![amend(None), amend(Some(text("new:1")))]),
        (
            "replace-order",
            vec![
                replace(by_id, ReplaceOnlyIf::Open, ReplaceMode::StopOnFailure),
                replace(by_name, ReplaceOnlyIf::New, ReplaceMode::AllowFailure),
                replace(by_id, ReplaceOnlyIf::PartiallyFilled, ReplaceMode::AllowFailure),
            ],
        ),
        ("cancel-all", vec![cancel_all(None), cancel_all(Some(symbol))]),
    ]
}

fn listing() -> Vec<(&'static str, Vec<Command>)> {
    let (symbol, user) = (SymbolId(3), UserId(7));
    let [base, quote] = assets();
    let create_symbol = CreateSymbol {
        code: text("BTCUSDT"),
        base: base.id,
        quote: quote.id,
        tick_size: TICK,
        lot_size: LOT,
        limits: LIMITS,
        fees: FEES,
    };
    let status = |status| venue(RequestContent::SetSymbolStatus(SetSymbolStatus { symbol, status }));
    let limits = |limits| venue(RequestContent::SetSymbolLimits(Box::new(SetSymbolLimits { symbol, limits })));
    let user_fees = |fees| venue(RequestContent::SetUserFees(SetUserFees { user, fees }));
    vec![
        ("create-asset", venue(RequestContent::CreateAsset(CreateAsset { code: text("BTC"), scale: 8 }))),
        ("create-symbol", venue(RequestContent::CreateSymbol(Box::new(create_symbol)))),
        ("set-symbol-status", [status(SymbolStatus::Halted), status(SymbolStatus::Trading)].concat()),
        ("set-symbol-limits", [limits(LIMITS), limits(SymbolLimits::WIDEST)].concat()),
        ("set-symbol-fees", venue(RequestContent::SetSymbolFees(SetSymbolFees { symbol, fees: FEES }))),
        ("set-user-fees", [user_fees(Some(FEES)), user_fees(None)].concat()),
    ]
}

fn accounts() -> Vec<(&'static str, Vec<Command>)> {
    let (user, asset, amount) = (UserId(7), AssetId(1), Amount(1_000_000_000));
    let withdrawal = WithdrawalId(5);
    let create_key = |roles, credential| {
        let api_key = text("vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A");
        venue(RequestContent::CreateApiKey(Box::new(CreateApiKey { user, roles, api_key, credential })))
    };
    let all_roles = Roles { read: true, trade: true, admin: true, audit: true };
    let ed25519 = Credential::Ed25519 { public_key: [0xed; 32] };
    let kill = |scope, engaged| venue(RequestContent::SetKillSwitch(SetKillSwitch { scope, engaged }));
    let limit = SetCreditLimit { user, asset, limit: amount };
    let realised = Amount(-5);
    let symbol = SymbolId(2);
    let position = OpenPosition { user, symbol, quantity: amount.negated(), cost: Amount(-70_000), realised };
    let (price, quantity) = (Ticks(6_500_050), Lots(15));
    let order = OpenOrder { user, symbol, side: Side::Sell, price, quantity, client_order_id: text("brought-along-1") };
    let leave = RequestWithdrawal { user, asset, amount };
    vec![
        ("create-user", venue(RequestContent::CreateUser(CreateUser))),
        ("create-api-key", [create_key(TRADER, sealed()), create_key(all_roles, ed25519)].concat()),
        ("revoke-api-key", venue(RequestContent::RevokeApiKey(RevokeApiKey { key: KeyId(8) }))),
        ("deposit", venue(RequestContent::Deposit(Deposit { user, asset, amount }))),
        ("request-withdrawal", venue(RequestContent::RequestWithdrawal(leave))),
        ("settle-withdrawal", venue(RequestContent::SettleWithdrawal(SettleWithdrawal { withdrawal }))),
        ("cancel-withdrawal", venue(RequestContent::CancelWithdrawal(CancelWithdrawal { withdrawal }))),
        ("set-credit-limit", venue(RequestContent::SetCreditLimit(limit))),
        ("open-position", venue(RequestContent::OpenPosition(position))),
        ("open-order", venue(RequestContent::OpenOrder(order))),
        ("set-kill-switch", [kill(KillScope::Venue, true), kill(KillScope::User(user), false)].concat()),
    ]
}

fn notes() -> Vec<(&'static str, Vec<Command>)> {
    let endpoint = |method, path| Some(EndpointName { method, path: text(path) });
    let read = NoteAccess {
        kind: AccessKind::Read,
        endpoint: endpoint(AccessMethod::Get, "/v1/ledger"),
        claim: None,
        about: Some(UserId(9)),
        count: 1,
        first: TIME,
        last: TIME,
    };
    let order = endpoint(AccessMethod::Post, "/api/v3/order");
    let refused = |kind, claim| NoteAccess {
        kind,
        endpoint: order,
        claim,
        about: None,
        count: 3,
        last: UnixNanos(TIME.0 + 5),
        ..read
    };
    let tried = Envelope { transport: Transport::Rest, address: AddressId(0x0a0b_0c0d), ..Envelope::VENUE };
    let proven =
        Envelope { client_time: None, deadline: None, ..rest(Action::CancelAll(CancelAll { symbol: None })).envelope };
    let amended = endpoint(AccessMethod::Put, "/api/v3/order/amend/keepPriority");
    let access = |envelope, note| Command { envelope, action: Action::Note(Note::Access(Box::new(note))) };
    let head = NoteHead { seq: Seq(9_000), block: Hash256([0x33; 32]) };
    vec![
        (
            "note-access",
            vec![
                access(proven, read),
                access(tried, refused(AccessKind::BadSignature, Some(Claim::Key(KeyId(8))))),
                access(tried, refused(AccessKind::UnknownKey, Some(Claim::Text(Hash256([0x44; 32]))))),
                access(tried, refused(AccessKind::RevokedKey, Some(Claim::Key(KeyId(8))))),
                access(proven, NoteAccess { endpoint: amended, ..refused(AccessKind::RoleMissing, None) }),
                access(
                    proven,
                    NoteAccess {
                        endpoint: endpoint(AccessMethod::Delete, "/api/v3/openOrders"),
                        ..refused(AccessKind::Replayed, None)
                    },
                ),
                access(
                    Envelope { address: AddressId(0), ..tried },
                    NoteAccess { endpoint: None, count: 70_000, ..refused(AccessKind::UnknownKey, None) },
                ),
            ],
        ),
        ("note-head", vec![Command { envelope: Envelope::VENUE, action: Action::Note(Note::Head(head)) }]),
    ]
}

/// Commands by golden file.
pub(crate) fn commands() -> Vec<(&'static str, Vec<Command>)> {
    [orders(), listing(), accounts(), shards::commands(), notes()].concat()
}
