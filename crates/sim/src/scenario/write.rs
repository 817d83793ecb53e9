//! Writes a command as a line that can be read again.

use domain::command::create_api_key::{CreateApiKey, Credential};
use domain::command::create_symbol::CreateSymbol;
use domain::command::place_order::PlaceOrder;
use domain::command::replace_order::{ReplaceMode, ReplaceOnlyIf};
use domain::command::set_kill_switch::KillScope;
use domain::command::{Action, Command, Envelope, RequestContent, Sequenced};
use domain::ids::{SessionId, UserId};
use domain::instrument::{Fees, Instrument, Step, SymbolLimits, SymbolStatus};
use domain::order::{MarketSize, OrderKind, Side, TimeInForce};
use domain::state::State;

use super::decimal::Decimal;
use super::names::{
    instrument, show_amount, show_asset, show_money, show_name, show_order_ref, show_price, show_quantity, show_rate,
    show_symbol, show_user,
};
use super::{brought, notes, shards};

/// The line of a command; the state is the one before it. Block time is written as the wait before it.
pub(super) fn write(state: &State, command: &Sequenced<Command>) -> String {
    let envelope = &command.content.envelope;
    let user = show_user(envelope.user);
    let mut line = match &command.content.action {
        Action::PlaceOrder(place) => {
            let verb = match place.side {
                Side::Buy => "buys",
                Side::Sell => "sells",
            };
            format!("{user} {verb} {}", placing(state, place))
        }
        Action::CancelOrder(cancel) => {
            let order = show_order_ref(cancel.order, state.cell);
            format!("{user} cancels {order} on {}", show_symbol(state, cancel.symbol))
        }
        Action::CancelAll(cancel) => {
            let on = cancel.symbol.map(|symbol| format!(" on {}", show_symbol(state, symbol)));
            format!("{user} cancels all{}", on.unwrap_or_default())
        }
        Action::AmendOrder(amend) => {
            let quantity = show_quantity(amend.quantity, instrument(state, amend.symbol));
            let renamed = amend.new_client_order_id.map(|name| format!(" as {}", show_name(name)));
            let order = show_order_ref(amend.order, state.cell);
            let on = show_symbol(state, amend.symbol);
            format!("{user} amends {order} to {quantity}{} on {on}", renamed.unwrap_or_default())
        }
        Action::ReplaceOrder(replace) => {
            let verb = match replace.place.side {
                Side::Buy => "buying",
                Side::Sell => "selling",
            };
            let only_if = match replace.only_if {
                ReplaceOnlyIf::Open => "",
                ReplaceOnlyIf::New => " if-new",
                ReplaceOnlyIf::PartiallyFilled => " if-partly-filled",
            };
            let anyway = match replace.mode {
                ReplaceMode::StopOnFailure => "",
                ReplaceMode::AllowFailure => " anyway",
            };
            let order = show_order_ref(replace.cancel, state.cell);
            format!("{user} replaces {order} by {verb} {}{only_if}{anyway}", placing(state, &replace.place))
        }
        Action::Request(request) => {
            let by = if envelope.user == UserId::VENUE { String::new() } else { format!(" by {user}") };
            format!("{} request {}{by}", content(state, &request.content), request.id)
        }
        Action::Note(note) => {
            let by = if envelope.user == UserId::VENUE { String::new() } else { format!(" by {user}") };
            format!("{}{by}", notes::write(note))
        }
    };
    line.push_str(&ending(envelope, command));
    let waited = command.time.since(state.time);
    if waited == 0 { line } else { format!("after {waited}ns: {line}") }
}

fn ending(envelope: &Envelope, command: &Sequenced<Command>) -> String {
    let mut ending = Vec::new();
    if envelope.session != SessionId(0) {
        ending.push(format!(" session {}", envelope.session.0));
    }
    if let Some(deadline) = envelope.deadline {
        let late = command.time.since(deadline);
        if late > 0 {
            ending.push(format!(" late {late}ns"));
        } else {
            ending.push(format!(" within {}ns", deadline.since(command.time)));
        }
    }
    ending.concat()
}

fn placing(state: &State, place: &PlaceOrder) -> String {
    let listed = instrument(state, place.symbol);
    let (size, price, in_force) = match place.kind {
        OrderKind::Limit { price, quantity, time_in_force } => {
            let in_force = match time_in_force {
                TimeInForce::GoodTilCanceled => "",
                TimeInForce::PostOnly => " post-only",
                TimeInForce::ImmediateOrCancel => " ioc",
                TimeInForce::FillOrKill => " fok",
            };
            (show_quantity(quantity, listed), show_price(price, listed), in_force)
        }
        OrderKind::Market { size: MarketSize::Quantity(quantity) } => {
            (show_quantity(quantity, listed), "market".to_owned(), "")
        }
        OrderKind::Market { size: MarketSize::Quote(amount) } => {
            let scale = listed.map(|listed| listed.quote_leg().scale);
            (format!("for {}", show_amount(amount, scale)), "market".to_owned(), "")
        }
    };
    let (name, on) = (show_name(place.client_order_id), show_symbol(state, place.symbol));
    format!("{size} at {price} as {name} on {on}{in_force}")
}

fn content(state: &State, content: &RequestContent) -> String {
    match content {
        RequestContent::CreateAsset(create) => format!("asset {} {}", create.code, create.scale),
        RequestContent::CreateSymbol(create) => symbol(state, create),
        RequestContent::SetSymbolStatus(set) => {
            let verb = match set.status {
                SymbolStatus::Halted => "halt",
                SymbolStatus::Trading => "resume",
            };
            format!("{verb} {}", show_symbol(state, set.symbol))
        }
        RequestContent::SetSymbolLimits(set) => {
            let listed = instrument(state, set.symbol);
            format!("limits {}{}", show_symbol(state, set.symbol), limits(&set.limits, listed))
        }
        RequestContent::SetSymbolFees(set) => format!("fees on {} {}", show_symbol(state, set.symbol), fees(set.fees)),
        RequestContent::SetUserFees(set) => {
            format!("fees for {} {}", show_user(set.user), set.fees.map_or_else(|| "none".to_owned(), fees))
        }
        RequestContent::CreateUser(_) => "user someone".to_owned(),
        RequestContent::CreateApiKey(create) => key(create),
        RequestContent::RevokeApiKey(revoke) => format!("revoke key {}", revoke.key.0),
        RequestContent::Deposit(deposit) => {
            let money = show_money(state, deposit.amount, deposit.asset);
            format!("{} deposits {money}", show_user(deposit.user))
        }
        RequestContent::RequestWithdrawal(request) => {
            let money = show_money(state, request.amount, request.asset);
            format!("{} withdraws {money}", show_user(request.user))
        }
        RequestContent::SettleWithdrawal(settle) => format!("settle withdrawal {}", settle.withdrawal.0),
        RequestContent::CancelWithdrawal(cancel) => format!("cancel withdrawal {}", cancel.withdrawal.0),
        RequestContent::SetCreditLimit(set) => {
            format!("{} may draw {}", show_user(set.user), show_money(state, set.limit, set.asset))
        }
        RequestContent::SetKillSwitch(set) => {
            let scope = match set.scope {
                KillScope::Venue => "venue".to_owned(),
                KillScope::User(user) => format!("user#{}", user.0),
            };
            format!("{} {scope}", if set.engaged { "kill" } else { "revive" })
        }
        RequestContent::OpenPosition(open) => brought::write_position(state, open),
        RequestContent::OpenOrder(open) => brought::write_order(state, open),
        RequestContent::AddShard(add) => shards::write_add(add),
        RequestContent::SetShard(set) => shards::write_set(state, *set),
        RequestContent::BeginMove(begin) => shards::write_begin(state, begin),
        RequestContent::CommitMove(commit) => shards::write_end(state, "commit", commit.subject),
        RequestContent::AbortMove(abort) => shards::write_end(state, "abort", abort.subject),
    }
}

fn symbol(state: &State, create: &CreateSymbol) -> String {
    let (base, quote) = (show_asset(state, create.base), show_asset(state, create.quote));
    let step = |step: Step| Decimal { units: i128::from(step.mantissa), scale: step.scale }.full();
    let (tick, lot) = (step(create.tick_size), step(create.lot_size));
    // In raw units: the symbol that would give them meaning may never come to be.
    let limits = limits(&create.limits, None);
    format!("symbol {} {base}/{quote} tick {tick} lot {lot} fees {}{limits}", create.code, fees(create.fees))
}

fn fees(fees: Fees) -> String {
    format!("{} {}", show_rate(fees.maker), show_rate(fees.taker))
}

fn limits(limits: &SymbolLimits, listed: Option<&Instrument>) -> String {
    let (widest, mut shown) = (SymbolLimits::WIDEST, Vec::new());
    let price = |price| show_price(price, listed);
    if (limits.price_min, limits.price_max) != (widest.price_min, widest.price_max) {
        shown.push(format!(" price {}..{}", price(limits.price_min), price(limits.price_max)));
    }
    let quantity = |quantity| show_quantity(quantity, listed);
    if (limits.quantity_min, limits.quantity_max) != (widest.quantity_min, widest.quantity_max) {
        shown.push(format!(" quantity {}..{}", quantity(limits.quantity_min), quantity(limits.quantity_max)));
    }
    let amount = |amount| show_amount(amount, listed.map(|listed| listed.quote_leg().scale));
    if (limits.notional_min, limits.notional_max) != (widest.notional_min, widest.notional_max) {
        shown.push(format!(" notional {}..{}", amount(limits.notional_min), amount(limits.notional_max)));
    }
    if let Some(band) = limits.band {
        shown.push(format!(" band -{} +{}", show_rate(band.below), show_rate(band.above)));
    }
    shown.concat()
}

fn key(create: &CreateApiKey) -> String {
    let roles = [
        (create.roles.read, " read"),
        (create.roles.trade, " trade"),
        (create.roles.admin, " admin"),
        (create.roles.audit, " audit"),
    ];
    let roles: String = roles.into_iter().filter_map(|(has, role)| has.then_some(role)).collect();
    let credential = match &create.credential {
        Credential::Ed25519 { .. } => "ed25519".to_owned(),
        Credential::HmacSha256 { sealed_secret } => format!("hmac {}", sealed_secret.len()),
    };
    format!("key {} for {}{roles} {credential}", create.api_key, show_user(create.user))
}
