//! The audit content of each command, pinned: it can be rendered again from the journal for ever.
//! `UPDATE_GOLDEN=1 cargo test -p projector` writes the file anew: a difference is a new form of an old record, and a mistake.

use std::fmt::Write as _;
use std::path::Path;

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
use domain::command::{Action, Command, Envelope, Note, OrderRef, Request, RequestContent, Sequenced};
use domain::event::{
    Created, Event, Noted, OrderRepeated, ReferenceEvent, Refused, RefusedPart, RequestRepeated, UserCreated,
};
use domain::ids::{AssetId, Hash256, KeyId, OrderId, ShardId, SymbolId, UserId, WithdrawalId};
use domain::instrument::{Fees, InstrumentError, PriceBand, Step, SymbolLimits, SymbolStatus};
use domain::order::{MarketSize, OrderKind, Side, TimeInForce};
use domain::reject::RejectReason;
use domain::shards::{ShardStatus, Subject};
use domain::text::Text;
use domain::units::{Amount, Lots, Ppm, Seq, Ticks, UnixNanos, Weight};
use projector::audit;
use projector::block::CommittedCommand;
use projector::rows::AuditRow;

fn text<const N: usize>(text: &str) -> Text<N> {
    Text::new(text).unwrap()
}

fn place(kind: OrderKind) -> PlaceOrder {
    PlaceOrder { symbol: SymbolId(3), side: Side::Buy, kind, client_order_id: text("my-1") }
}

fn limit(time_in_force: TimeInForce) -> PlaceOrder {
    place(OrderKind::Limit { price: Ticks(6_500_000), quantity: Lots(150), time_in_force })
}

fn orders() -> Vec<Action> {
    let market = |size| Action::PlaceOrder(place(OrderKind::Market { size }));
    let replace = ReplaceOrder {
        cancel: OrderRef::Client(text("my-1")),
        only_if: ReplaceOnlyIf::PartiallyFilled,
        mode: ReplaceMode::AllowFailure,
        place: limit(TimeInForce::PostOnly),
    };
    let amend = AmendOrder {
        symbol: SymbolId(3),
        order: OrderRef::Id(OrderId(17)),
        quantity: Lots(5),
        new_client_order_id: Some(text("my-2")),
    };
    vec![
        Action::PlaceOrder(limit(TimeInForce::GoodTilCanceled)),
        Action::PlaceOrder(PlaceOrder { client_order_id: text(r#"a"b\c"#), ..limit(TimeInForce::FillOrKill) }),
        market(MarketSize::Quantity(Lots(7))),
        market(MarketSize::Quote(Amount(i128::MAX))),
        Action::CancelOrder(CancelOrder { symbol: SymbolId(3), order: OrderRef::Id(OrderId(17)) }),
        Action::CancelOrder(CancelOrder { symbol: SymbolId(3), order: OrderRef::Client(text("my-1")) }),
        Action::AmendOrder(amend),
        Action::AmendOrder(AmendOrder { new_client_order_id: None, ..amend }),
        Action::ReplaceOrder(Box::new(replace)),
        Action::CancelAll(CancelAll { symbol: None }),
        Action::CancelAll(CancelAll { symbol: Some(SymbolId(0)) }),
    ]
}

fn requests() -> Vec<Action> {
    let (user, asset, amount) = (UserId(9), AssetId(1), Amount(1_250_000_000_000_000_000_000));
    let fees = Fees { maker: Ppm(100), taker: Ppm(200) };
    let limits = SymbolLimits { band: Some(PriceBand { above: Ppm(5), below: Ppm(6) }), ..SymbolLimits::WIDEST };
    let symbol = CreateSymbol {
        code: text("BTCUSDT"),
        base: AssetId(0),
        quote: AssetId(1),
        tick_size: Step { mantissa: 1, scale: 255 },
        lot_size: Step { mantissa: 5, scale: 3 },
        limits: SymbolLimits::WIDEST,
        fees,
    };
    let key = |credential| {
        let roles = Roles { read: true, trade: true, admin: false, audit: false };
        RequestContent::CreateApiKey(Box::new(CreateApiKey { user, roles, api_key: text("key-text"), credential }))
    };
    let kill = |scope, engaged| RequestContent::SetKillSwitch(SetKillSwitch { scope, engaged });
    let contents = vec![
        RequestContent::CreateAsset(CreateAsset { code: text("BTC"), scale: 8 }),
        RequestContent::CreateSymbol(Box::new(symbol)),
        RequestContent::SetSymbolStatus(SetSymbolStatus { symbol: SymbolId(3), status: SymbolStatus::Halted }),
        RequestContent::SetSymbolLimits(Box::new(SetSymbolLimits { symbol: SymbolId(3), limits })),
        RequestContent::SetSymbolFees(SetSymbolFees { symbol: SymbolId(3), fees }),
        RequestContent::SetUserFees(SetUserFees { user, fees: Some(fees) }),
        RequestContent::SetUserFees(SetUserFees { user, fees: None }),
        RequestContent::CreateUser(CreateUser),
        key(Credential::HmacSha256 { sealed_secret: Box::from(*b"sealed") }),
        key(Credential::Ed25519 { public_key: [0xab; 32] }),
        RequestContent::RevokeApiKey(RevokeApiKey { key: KeyId(4) }),
        RequestContent::Deposit(Deposit { user, asset, amount }),
        RequestContent::RequestWithdrawal(RequestWithdrawal { user, asset, amount: Amount(-1) }),
        RequestContent::SettleWithdrawal(SettleWithdrawal { withdrawal: WithdrawalId(2) }),
        RequestContent::CancelWithdrawal(CancelWithdrawal { withdrawal: WithdrawalId(2) }),
        RequestContent::SetCreditLimit(SetCreditLimit { user, asset, limit: amount }),
        kill(KillScope::Venue, true),
        kill(KillScope::User(user), false),
        RequestContent::OpenPosition(OpenPosition {
            user,
            symbol: SymbolId(3),
            quantity: Amount(-5),
            cost: Amount(-70),
            realised: Amount(1),
        }),
        RequestContent::OpenOrder(OpenOrder {
            user,
            symbol: SymbolId(3),
            side: Side::Sell,
            price: Ticks(100),
            quantity: Lots(5),
            client_order_id: text("brought"),
        }),
        RequestContent::AddShard(AddShard { name: text("east"), weight: Weight(3) }),
        RequestContent::SetShard(SetShard { shard: ShardId(1), weight: Weight(0), status: ShardStatus::Draining }),
        RequestContent::BeginMove(BeginMove { subject: Subject::Symbol(SymbolId(3)), to: ShardId(1) }),
        RequestContent::BeginMove(BeginMove { subject: Subject::User(user), to: ShardId(1) }),
        RequestContent::CommitMove(CommitMove { subject: Subject::Symbol(SymbolId(3)) }),
        RequestContent::AbortMove(AbortMove { subject: Subject::User(user) }),
    ];
    let request = |content| Action::Request(Request { id: text("req-1"), content });
    contents.into_iter().map(request).collect()
}

fn notes() -> Vec<Action> {
    let endpoint = EndpointName { method: AccessMethod::Get, path: text("/v1/ledger") };
    let read = NoteAccess {
        kind: AccessKind::Read,
        endpoint: Some(endpoint),
        claim: None,
        about: Some(UserId(9)),
        count: 1,
        first: UnixNanos(1_700_000_000_000_000_001),
        last: UnixNanos(1_700_000_000_000_000_002),
    };
    let tried = |kind, claim| NoteAccess { kind, claim, about: None, count: 7, ..read };
    let access = |note| Action::Note(Note::Access(Box::new(note)));
    vec![
        access(read),
        access(tried(AccessKind::BadSignature, Some(Claim::Key(KeyId(4))))),
        access(tried(AccessKind::UnknownKey, Some(Claim::Text(Hash256([0xab; 32]))))),
        access(tried(AccessKind::RevokedKey, Some(Claim::Key(KeyId(4))))),
        access(tried(AccessKind::RoleMissing, None)),
        access(tried(AccessKind::Replayed, None)),
        access(NoteAccess { endpoint: None, ..tried(AccessKind::UnknownKey, None) }),
        Action::Note(Note::Head(NoteHead { seq: Seq(41), block: Hash256([0xcd; 32]) })),
    ]
}

fn row(action: Action, events: &[Event]) -> AuditRow {
    let content = Command { envelope: Envelope::VENUE, action };
    let command = Sequenced { seq: Seq(1), time: UnixNanos(2), content };
    audit::row(CommittedCommand { command: &command, events }, Hash256([3; 32]))
}

#[test]
fn the_content_of_each_command_is_pinned() {
    let created = [Event::Reference(ReferenceEvent::UserCreated(UserCreated { user: UserId(1) }))];
    let mut lines = String::new();
    for action in orders().into_iter().chain(requests()).chain(notes()) {
        let row = row(action, &created);
        writeln!(lines, "{} {}", row.action, row.content).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/audit.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &lines).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(lines, golden, "{} (UPDATE_GOLDEN=1 writes it)", path.display());
    assert!(!lines.contains("sealed\"") && !lines.contains("7365616c6564"), "the secret itself is nowhere");
}

#[test]
fn the_outcome_says_what_became_of_each_part() {
    let refused = |part, reason| Event::Refused(Refused { part, reason });
    let whole = refused(RefusedPart::Whole, RejectReason::InsufficientFunds);
    let cancel = refused(RefusedPart::ReplaceCancel, RejectReason::UnknownOrder);
    let place = refused(RefusedPart::ReplacePlace, RejectReason::WouldTrade);
    let instrument = refused(RefusedPart::Whole, RejectReason::InvalidInstrument(InstrumentError::TickLotNotWhole));
    let placed = Event::Reference(ReferenceEvent::UserCreated(UserCreated { user: UserId(1) }));
    let order = Event::OrderRepeated(OrderRepeated { order: OrderId(1), first: Seq(1) });
    let (first, first_time) = (Seq(1), UnixNanos(1));
    let request = Event::RequestRepeated(RequestRepeated { first, first_time, created: Created::Nothing });
    for (events, expected) in [
        (vec![placed.clone()], "accepted"),
        (vec![Event::Noted(Noted)], "accepted"),
        (vec![order], "repeated"),
        (vec![request], "repeated"),
        (vec![whole], "refused insufficient_funds"),
        (vec![instrument], "refused invalid_instrument.tick_lot_not_whole"),
        (vec![cancel.clone()], "refused cancel unknown_order"),
        (vec![placed.clone(), place.clone()], "refused place would_trade"),
        (vec![cancel.clone(), placed], "refused cancel unknown_order"),
        (vec![cancel, place], "refused cancel unknown_order, place would_trade"),
    ] {
        assert_eq!(row(Action::CancelAll(CancelAll { symbol: None }), &events).outcome, expected);
    }
}
