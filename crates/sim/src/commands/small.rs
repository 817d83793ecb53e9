//! The adversarial profile: a venue so small that everything meets, and values nobody would send.

use domain::command::amend_order::AmendOrder;
use domain::command::cancel_all::CancelAll;
use domain::command::cancel_order::CancelOrder;
use domain::command::create_api_key::{CreateApiKey, Credential, Roles};
use domain::command::create_asset::CreateAsset;
use domain::command::create_symbol::CreateSymbol;
use domain::command::create_user::CreateUser;
use domain::command::deposit::Deposit;
use domain::command::note_access::AccessKind;
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
use domain::command::{Action, Command, Envelope, Note, OrderRef, Request, RequestContent};
use domain::ids::{AssetId, KeyId, OrderId, SessionId, SymbolId, UserId, WithdrawalId};
use domain::instrument::{Fees, PriceBand, Step, SymbolLimits, SymbolStatus};
use domain::limits::{AMOUNT_MAX, CLOSED_ID_AGE_NS, LOTS_MAX, TICKS_MAX};
use domain::order::{MarketSize, OrderKind, Side, TimeInForce};
use domain::text::ClientOrderId;
use domain::units::{Amount, Lots, Ppm, Seq, Ticks, UnixNanos};

use super::{CELL, Writer, fees, step, text};
use crate::scenario::notes;

/// What a command may be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Place,
    Cancel,
    Amend,
    Replace,
    CancelAll,
    Money,
    Credit,
    Brought,
    Switch,
    Rules,
    Listing,
    Shards,
    Note,
    Again,
}

const KINDS: &[(u64, Kind)] = &[
    (460, Kind::Place),
    (60, Kind::Cancel),
    (100, Kind::Amend),
    (120, Kind::Replace),
    (10, Kind::CancelAll),
    (100, Kind::Money),
    (20, Kind::Credit),
    (25, Kind::Switch),
    (30, Kind::Rules),
    (20, Kind::Listing),
    (60, Kind::Again),
];

/// What comes on top where there are no shards.
pub(super) const NOTES: &[(u64, Kind)] = &[(15, Kind::Note)];

/// What comes on top where there are shards, and users that bring something along.
pub(super) const SHARDS: &[(u64, Kind)] = &[(160, Kind::Shards), (60, Kind::Brought)];

const USERS: u32 = 4;

pub(super) fn write(writer: &mut Writer, count: usize, more: &[(u64, Kind)]) {
    let kinds = [KINDS, more].concat();
    open(writer);
    while writer.commands.len() < count {
        pass_time(writer);
        let kind = writer.random.weighted(&kinds);
        let action = match kind {
            Kind::Place => Action::PlaceOrder(place(writer)),
            Kind::Cancel => Action::CancelOrder(CancelOrder { symbol: symbol(writer), order: order_ref(writer) }),
            Kind::Amend => Action::AmendOrder(amend(writer)),
            Kind::Replace => Action::ReplaceOrder(Box::new(replace(writer))),
            Kind::CancelAll => {
                let symbol = symbol(writer);
                Action::CancelAll(CancelAll { symbol: writer.random.chance(500).then_some(symbol) })
            }
            Kind::Money => request(writer, money),
            Kind::Credit => request(writer, credit),
            Kind::Brought => request(writer, brought),
            Kind::Switch => request(writer, switch),
            Kind::Rules => request(writer, rules),
            Kind::Listing => request(writer, listing),
            Kind::Shards => request(writer, super::shards::request),
            Kind::Note => Action::Note(note(writer)),
            Kind::Again => {
                let command = past(writer);
                writer.write(command.envelope, command.action);
                continue;
            }
        };
        let envelope = envelope(writer, &action);
        writer.write(envelope, action);
    }
}

/// Three assets, two or three symbols and four users. In one seed of four the amounts are as large as they can be.
fn open(writer: &mut Writer) {
    let huge = writer.ranges.huge;
    let (lot, tick, most) = if huge {
        let lot =
            writer.random.pick(&[1_000_000, 100_000_000_000_000, 10_000_000_000_000_000, 100_000_000_000_000_000]);
        (step(lot, 0), step(1, 2), AMOUNT_MAX)
    } else {
        (step(1, 2), step(1, 1), 1_000_000)
    };
    for (code, scale) in [("BASE", 2), ("QUOTE", 3), ("OTHER", 3)] {
        writer.list_asset(code, if huge { 18 } else { scale });
    }
    for (code, assets) in [("BASEQUOTE", (0, 1)), ("BASEOTHER", (0, 2)), ("QUOTEOTHER", (1, 2))] {
        let (maker, taker) = (writer.random.pick(&[0, 1_000, 33_333]), writer.random.pick(&[0, 2_000, 100_000]));
        let limits = if writer.random.chance(300) { limits(writer) } else { SymbolLimits::WIDEST };
        let limits = if limits.is_valid() { limits } else { SymbolLimits::WIDEST };
        writer.list_symbol(code, assets, (tick, lot), limits, fees(maker, taker));
    }
    for user in 1..=USERS {
        writer.open_account();
        for asset in 0..3 {
            let amount = if huge {
                most / i128::from(writer.random.between(1, 20))
            } else {
                i128::from(writer.random.between(1, 2_000))
            };
            writer.deposit(user, asset, amount);
        }
    }
}

/// One of the last commands.
fn past(writer: &mut Writer) -> Command {
    let count = u64::try_from(writer.commands.len()).expect("a list is shorter than 2^64");
    let back = writer.random.between(1, count.min(100));
    let place = usize::try_from(count - back).expect("within the list");
    writer.commands[place].command.clone()
}

fn pass_time(writer: &mut Writer) {
    let nanos = match writer.random.below(1_000) {
        0..300 => 0,
        300..960 => writer.random.below(200_000_000),
        960..990 => writer.random.below(20_000_000_000),
        990..995 => CLOSED_ID_AGE_NS - 1,
        995..998 => CLOSED_ID_AGE_NS,
        _ => CLOSED_ID_AGE_NS + writer.random.below(1_000_000_000),
    };
    writer.now = writer.now.plus(nanos);
}

/// Trading is the users' own, requests mostly the venue's.
fn envelope(writer: &mut Writer, action: &Action) -> Envelope {
    let own = match action {
        Action::Request(_) => writer.random.chance(100),
        Action::Note(_) => writer.random.chance(500),
        Action::PlaceOrder(_)
        | Action::CancelOrder(_)
        | Action::AmendOrder(_)
        | Action::ReplaceOrder(_)
        | Action::CancelAll(_) => writer.random.chance(980),
    };
    let caller = if own { user(writer) } else { UserId::VENUE };
    let deadline = writer.random.chance(30).then(|| {
        let early = writer.random.below(3);
        UnixNanos(writer.now.0 + writer.random.below(2) - early.min(1))
    });
    let session = SessionId(writer.random.below(3));
    Envelope { user: caller, session, deadline, ..Envelope::VENUE }
}

pub(super) fn user(writer: &mut Writer) -> UserId {
    if writer.random.chance(5) {
        return UserId(writer.random.pick(&[17, u32::MAX]));
    }
    UserId(u32::try_from(writer.random.between(1, u64::from(USERS))).expect("few users"))
}

/// What is noted makes no difference, so a little of everything will do.
fn note(writer: &mut Writer) -> Note {
    if writer.random.chance(200) {
        return notes::head(Seq(writer.random.below(1_000)));
    }
    let kind = writer.random.pick(&[AccessKind::UnknownKey, AccessKind::RoleMissing, AccessKind::Read]);
    notes::access(kind, writer.random.between(1, 100), writer.now)
}

fn asset(writer: &mut Writer) -> AssetId {
    AssetId(writer.random.weighted(&[(330, 0), (330, 1), (330, 2), (5, 3), (5, u32::MAX)]))
}

pub(super) fn symbol(writer: &mut Writer) -> SymbolId {
    SymbolId(writer.random.weighted(&[(800, 0), (100, 1), (94, 2), (3, 3), (3, u32::MAX)]))
}

fn side(writer: &mut Writer) -> Side {
    writer.random.pick(&[Side::Buy, Side::Sell])
}

fn price(writer: &mut Writer) -> Ticks {
    if writer.random.chance(10) {
        return Ticks(writer.random.pick(&[0, 1, TICKS_MAX, TICKS_MAX + 1, u64::MAX]));
    }
    let range = writer.ranges.prices;
    Ticks(writer.random.between(100 - range, 100 + range))
}

fn quantity(writer: &mut Writer) -> Lots {
    if writer.random.chance(10) {
        return Lots(writer.random.pick(&[0, 1, LOTS_MAX, LOTS_MAX + 1, u64::MAX]));
    }
    Lots(writer.random.between(1, writer.ranges.quantities))
}

fn amount(writer: &mut Writer) -> Amount {
    match writer.random.below(100) {
        0..3 => Amount(writer.random.pick(&[0, -1, 1, AMOUNT_MAX, AMOUNT_MAX + 1, -AMOUNT_MAX, i128::MAX, i128::MIN])),
        3..10 => Amount(AMOUNT_MAX / i128::from(writer.random.between(1, 50))),
        10..70 if writer.ranges.huge => Amount(AMOUNT_MAX / i128::from(writer.random.between(1, 50))),
        10..40 => Amount(i128::from(writer.random.between(1, 20))),
        _ => Amount(i128::from(writer.random.between(1, 3_000))),
    }
}

fn client_order_id(writer: &mut Writer) -> ClientOrderId {
    let number = writer.random.below(writer.ranges.names);
    text(&format!("c{number}"))
}

fn order_ref(writer: &mut Writer) -> OrderRef {
    if writer.random.chance(600) {
        return OrderRef::Client(client_order_id(writer));
    }
    if writer.random.chance(10) {
        return OrderRef::Id(OrderId(writer.random.pick(&[0, u64::MAX, 1 << 47])));
    }
    // About half of the orders are refused and have no id.
    let likely = writer.orders / 2;
    let counter = writer.random.between(likely.saturating_sub(30), likely + 30);
    OrderRef::Id(OrderId::new(CELL, counter).expect("few orders"))
}

fn kind(writer: &mut Writer) -> OrderKind {
    let time_in_force = writer.random.weighted(&[
        (600, TimeInForce::GoodTilCanceled),
        (120, TimeInForce::PostOnly),
        (140, TimeInForce::ImmediateOrCancel),
        (140, TimeInForce::FillOrKill),
    ]);
    match writer.random.below(100) {
        0..85 => OrderKind::Limit { price: price(writer), quantity: quantity(writer), time_in_force },
        85..92 => OrderKind::Market { size: MarketSize::Quantity(quantity(writer)) },
        _ => OrderKind::Market { size: MarketSize::Quote(amount(writer)) },
    }
}

fn place(writer: &mut Writer) -> PlaceOrder {
    if writer.random.chance(200)
        && let Action::PlaceOrder(earlier) = past(writer).action
    {
        return earlier;
    }
    let (symbol, side, kind) = (symbol(writer), side(writer), kind(writer));
    PlaceOrder { symbol, side, kind, client_order_id: client_order_id(writer) }
}

fn amend(writer: &mut Writer) -> AmendOrder {
    let renamed = writer.random.chance(300);
    AmendOrder {
        symbol: symbol(writer),
        order: order_ref(writer),
        quantity: quantity(writer),
        new_client_order_id: renamed.then(|| client_order_id(writer)),
    }
}

fn replace(writer: &mut Writer) -> ReplaceOrder {
    let only_if = writer.random.pick(&[ReplaceOnlyIf::Open, ReplaceOnlyIf::New, ReplaceOnlyIf::PartiallyFilled]);
    let mode = writer.random.pick(&[ReplaceMode::StopOnFailure, ReplaceMode::AllowFailure]);
    let place = place(writer);
    let same_name = writer.random.chance(400);
    let cancel = if same_name { OrderRef::Client(place.client_order_id) } else { order_ref(writer) };
    ReplaceOrder { cancel, only_if, mode, place }
}

/// Mostly under a new id, now and then under one that may have been used.
fn request(writer: &mut Writer, content: fn(&mut Writer) -> RequestContent) -> Action {
    let content = content(writer);
    writer.requests += 1;
    let used = writer.random.between(1, writer.requests);
    let number = if writer.random.chance(30) { used } else { writer.requests };
    Action::Request(Request { id: text(&format!("r{number}")), content })
}

fn money(writer: &mut Writer) -> RequestContent {
    let (user, asset, amount) = (user(writer), asset(writer), amount(writer));
    let withdrawal = WithdrawalId(writer.random.below(30));
    match writer.random.below(100) {
        0..50 => RequestContent::Deposit(Deposit { user, asset, amount }),
        50..75 => RequestContent::RequestWithdrawal(RequestWithdrawal { user, asset, amount }),
        75..88 => RequestContent::SettleWithdrawal(SettleWithdrawal { withdrawal }),
        _ => RequestContent::CancelWithdrawal(CancelWithdrawal { withdrawal }),
    }
}

fn credit(writer: &mut Writer) -> RequestContent {
    let nothing = writer.random.chance(400);
    let limit = if nothing { Amount::ZERO } else { amount(writer) };
    RequestContent::SetCreditLimit(SetCreditLimit { user: user(writer), asset: asset(writer), limit })
}

fn brought(writer: &mut Writer) -> RequestContent {
    let (user, symbol) = (user(writer), symbol(writer));
    if writer.random.chance(700) {
        let (side, price, quantity) = (side(writer), price(writer), quantity(writer));
        let client_order_id = client_order_id(writer);
        return RequestContent::OpenOrder(OpenOrder { user, symbol, side, price, quantity, client_order_id });
    }
    let quantity = amount(writer);
    let short = writer.random.chance(500);
    let signed = |amount: Amount| if short { Amount(amount.0.saturating_neg()) } else { amount };
    let (cost, realised) = (amount(writer), amount(writer));
    RequestContent::OpenPosition(OpenPosition {
        user,
        symbol,
        quantity: signed(quantity),
        cost: if writer.random.chance(50) { cost } else { signed(cost) },
        realised: if writer.random.chance(300) { Amount::ZERO } else { realised },
    })
}

/// Kill switches and halts, more often released than engaged.
fn switch(writer: &mut Writer) -> RequestContent {
    let engaged = writer.random.chance(100);
    if writer.random.chance(400) {
        let status = if engaged { SymbolStatus::Halted } else { SymbolStatus::Trading };
        return RequestContent::SetSymbolStatus(SetSymbolStatus { symbol: symbol(writer), status });
    }
    let scope = if writer.random.chance(150) { KillScope::Venue } else { KillScope::User(user(writer)) };
    RequestContent::SetKillSwitch(SetKillSwitch { scope, engaged })
}

fn rules(writer: &mut Writer) -> RequestContent {
    match writer.random.below(3) {
        0 => {
            let set = SetSymbolLimits { symbol: symbol(writer), limits: limits(writer) };
            RequestContent::SetSymbolLimits(Box::new(set))
        }
        1 => RequestContent::SetSymbolFees(SetSymbolFees { symbol: symbol(writer), fees: random_fees(writer) }),
        _ => {
            let own = writer.random.chance(500);
            let fees = own.then(|| random_fees(writer));
            RequestContent::SetUserFees(SetUserFees { user: user(writer), fees })
        }
    }
}

fn limits(writer: &mut Writer) -> SymbolLimits {
    let random = &mut writer.random;
    let mut limits = SymbolLimits::WIDEST;
    if random.chance(300) {
        limits.price_min = Ticks(random.pick(&[0, 1, 92, TICKS_MAX]));
        limits.price_max = Ticks(random.pick(&[108, TICKS_MAX, TICKS_MAX + 1]));
    }
    if random.chance(300) {
        limits.quantity_min = Lots(random.pick(&[0, 1, 2, 3]));
        limits.quantity_max = Lots(random.pick(&[1, 10, LOTS_MAX, LOTS_MAX + 1]));
    }
    if random.chance(300) {
        limits.notional_min = Amount(random.pick(&[-1, 0, 300, i128::MIN]));
        limits.notional_max = Amount(random.pick(&[1_000, AMOUNT_MAX, AMOUNT_MAX + 1, i128::MAX]));
    }
    if random.chance(500) {
        let above = Ppm(random.pick(&[0, 30_000, 50_000, 9_000_000, 9_000_001]));
        let below = Ppm(random.pick(&[0, 30_000, 50_000, 1_000_000, 1_000_001]));
        limits.band = Some(PriceBand { above, below });
    }
    limits
}

fn random_fees(writer: &mut Writer) -> Fees {
    let rates = [0, 1, 1_000, 1_000, 33_333, 100_000, 100_000, 100_001];
    fees(writer.random.pick(&rates), writer.random.pick(&rates))
}

fn listing(writer: &mut Writer) -> RequestContent {
    let name = writer.random.pick(&["BASE", "BASEQUOTE", "NEW1", "NEW2"]);
    match writer.random.below(6) {
        0 => {
            let scale = writer.random.pick(&[0, 18, 19, u8::MAX]);
            RequestContent::CreateAsset(CreateAsset { code: text(name), scale })
        }
        1 => {
            let steps = [step(1, 1), step(1, 2), step(0, 0), step(1, 18), step(1, 19), step(u64::MAX, 0)];
            let (tick_size, lot_size): (Step, Step) = (writer.random.pick(&steps), writer.random.pick(&steps));
            let (base, quote) = (asset(writer), asset(writer));
            let (limits, fees) = (limits(writer), random_fees(writer));
            let create = CreateSymbol { code: text(name), base, quote, tick_size, lot_size, limits, fees };
            RequestContent::CreateSymbol(Box::new(create))
        }
        2 => RequestContent::CreateUser(CreateUser),
        3 | 4 => {
            let sealed_secret = vec![7; writer.random.pick(&[0, 1, 255, 256])].into_boxed_slice();
            let hmac = writer.random.chance(500);
            let credential = if hmac {
                Credential::HmacSha256 { sealed_secret }
            } else {
                Credential::Ed25519 { public_key: [7; 32] }
            };
            let roles = Roles { read: true, trade: hmac, admin: false, audit: false };
            RequestContent::CreateApiKey(Box::new(CreateApiKey {
                user: user(writer),
                roles,
                api_key: text(name),
                credential,
            }))
        }
        _ => RequestContent::RevokeApiKey(RevokeApiKey { key: KeyId(writer.random.pick(&[0, 1, 2, 3, u32::MAX])) }),
    }
}
