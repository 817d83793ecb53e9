//! What was asked, as JSON text.

use domain::command::amend_order::AmendOrder;
use domain::command::cancel_order::CancelOrder;
use domain::command::create_api_key::{CreateApiKey, Credential};
use domain::command::create_symbol::CreateSymbol;
use domain::command::note_access::{Claim, NoteAccess};
use domain::command::open_position::OpenPosition;
use domain::command::place_order::PlaceOrder;
use domain::command::replace_order::{ReplaceMode, ReplaceOnlyIf, ReplaceOrder};
use domain::command::set_kill_switch::{KillScope, SetKillSwitch};
use domain::command::{Action, Note, OrderRef, Request, RequestContent};
use domain::ids::{AssetId, SymbolId, UserId};
use domain::instrument::{Fees, SymbolLimits};
use domain::order::{MarketSize, OrderKind};
use domain::shards::Subject;
use domain::units::Amount;

use super::json::Object;
use crate::words::Word;

/// Room for the longest content of an order, so that its text is never moved.
const ORDER_LEN: usize = 224;

/// The content of an action.
pub(super) fn render(action: &Action) -> String {
    let mut text = String::with_capacity(ORDER_LEN);
    let mut object = Object::begin(&mut text);
    match action {
        Action::PlaceOrder(order) => place(&mut object, order),
        Action::CancelOrder(cancel) => cancel_order(&mut object, cancel),
        Action::AmendOrder(amend) => amend_order(&mut object, amend),
        Action::ReplaceOrder(replace) => replace_order(&mut object, replace),
        Action::CancelAll(all) => {
            if let Some(id) = all.symbol {
                symbol(&mut object, id);
            }
        }
        Action::Request(asked) => request(&mut object, asked),
        Action::Note(Note::Access(note)) => access(&mut object, note),
        Action::Note(Note::Head(note)) => {
            object.number("head", note.seq.0);
            object.bytes("head_block", &note.block.0);
        }
    }
    object.end();
    text
}

fn place(object: &mut Object<'_>, order: &PlaceOrder) {
    symbol(object, order.symbol);
    object.word("side", order.side.word());
    match order.kind {
        OrderKind::Limit { price, quantity, time_in_force } => {
            object.word("kind", "limit");
            object.number("price_ticks", price.0);
            object.number("quantity_lots", quantity.0);
            object.word("time_in_force", time_in_force.word());
        }
        OrderKind::Market { size: MarketSize::Quantity(quantity) } => {
            object.word("kind", "market");
            object.number("quantity_lots", quantity.0);
        }
        OrderKind::Market { size: MarketSize::Quote(quote) } => {
            object.word("kind", "market");
            object.amount("quote_minor_units", quote);
        }
    }
    object.text("client_order_id", &order.client_order_id);
}

fn cancel_order(object: &mut Object<'_>, cancel: &CancelOrder) {
    symbol(object, cancel.symbol);
    order_ref(object, cancel.order);
}

fn amend_order(object: &mut Object<'_>, amend: &AmendOrder) {
    symbol(object, amend.symbol);
    order_ref(object, amend.order);
    object.number("quantity_lots", amend.quantity.0);
    if let Some(name) = &amend.new_client_order_id {
        object.text("new_client_order_id", name);
    }
}

fn replace_order(object: &mut Object<'_>, replace: &ReplaceOrder) {
    let mut cancel = object.object("cancel");
    order_ref(&mut cancel, replace.cancel);
    cancel.end();
    let only_if = match replace.only_if {
        ReplaceOnlyIf::Open => "open",
        ReplaceOnlyIf::New => "new",
        ReplaceOnlyIf::PartiallyFilled => "partially_filled",
    };
    object.word("only_if", only_if);
    let mode = match replace.mode {
        ReplaceMode::StopOnFailure => "stop_on_failure",
        ReplaceMode::AllowFailure => "allow_failure",
    };
    object.word("mode", mode);
    let mut order = object.object("place");
    place(&mut order, &replace.place);
    order.end();
}

fn request(object: &mut Object<'_>, request: &Request) {
    object.text("request_id", &request.id);
    match &request.content {
        RequestContent::CreateAsset(create) => {
            object.text("code", &create.code);
            object.number("scale", create.scale);
        }
        RequestContent::CreateSymbol(create) => create_symbol(object, create),
        RequestContent::SetSymbolStatus(set) => {
            symbol(object, set.symbol);
            object.word("status", set.status.word());
        }
        RequestContent::SetSymbolLimits(set) => {
            symbol(object, set.symbol);
            limits(object, &set.limits);
        }
        RequestContent::SetSymbolFees(set) => {
            symbol(object, set.symbol);
            fees(object, set.fees);
        }
        RequestContent::SetUserFees(set) => {
            object.number("user", set.user.0);
            match set.fees {
                Some(own) => fees(object, own),
                None => object.null("fees"),
            }
        }
        RequestContent::CreateUser(_) => {}
        RequestContent::CreateApiKey(create) => create_api_key(object, create),
        RequestContent::RevokeApiKey(revoke) => object.number("key", revoke.key.0),
        RequestContent::SetKillSwitch(set) => kill_switch(object, set),
        RequestContent::Deposit(deposit) => {
            money(object, deposit.user, deposit.asset, "amount_minor_units", deposit.amount);
        }
        RequestContent::RequestWithdrawal(asked) => {
            money(object, asked.user, asked.asset, "amount_minor_units", asked.amount);
        }
        RequestContent::SettleWithdrawal(settle) => object.number("withdrawal", settle.withdrawal.0),
        RequestContent::CancelWithdrawal(cancel) => object.number("withdrawal", cancel.withdrawal.0),
        RequestContent::SetCreditLimit(set) => money(object, set.user, set.asset, "limit_minor_units", set.limit),
        RequestContent::OpenPosition(open) => open_position(object, open),
        RequestContent::OpenOrder(open) => {
            object.number("user", open.user.0);
            place(object, &open.place());
        }
        RequestContent::AddShard(add) => {
            object.text("name", &add.name);
            object.number("weight", add.weight.0);
        }
        RequestContent::SetShard(set) => {
            object.number("shard", set.shard.0);
            object.number("weight", set.weight.0);
            object.word("status", set.status.word());
        }
        RequestContent::BeginMove(begin) => {
            subject(object, begin.subject);
            object.number("to", begin.to.0);
        }
        RequestContent::CommitMove(commit) => subject(object, commit.subject),
        RequestContent::AbortMove(abort) => subject(object, abort.subject),
    }
}

fn access(object: &mut Object<'_>, note: &NoteAccess) {
    object.word("kind", note.kind.word());
    if let Some(endpoint) = &note.endpoint {
        object.word("method", endpoint.method.word());
        object.text("path", &endpoint.path);
    }
    match note.claim {
        Some(Claim::Key(key)) => object.number("claimed_key", key.0),
        Some(Claim::Text(hash)) => object.bytes("claimed_api_key_blake3", &hash.0),
        None => {}
    }
    if let Some(user) = note.about {
        object.number("about_user", user.0);
    }
    object.number("count", note.count);
    object.time("first", note.first);
    object.time("last", note.last);
}

/// The steps as they came: a refused one may have more decimals than any asset.
fn create_symbol(object: &mut Object<'_>, create: &CreateSymbol) {
    object.text("code", &create.code);
    object.number("base", create.base.0);
    object.number("quote", create.quote.0);
    for (name, step) in [("tick_size", create.tick_size), ("lot_size", create.lot_size)] {
        let mut size = object.object(name);
        size.number("mantissa", step.mantissa);
        size.number("scale", step.scale);
        size.end();
    }
    limits(object, &create.limits);
    fees(object, create.fees);
}

fn create_api_key(object: &mut Object<'_>, create: &CreateApiKey) {
    object.number("user", create.user.0);
    let mut roles = object.object("roles");
    for (name, held) in [
        ("read", create.roles.read),
        ("trade", create.roles.trade),
        ("admin", create.roles.admin),
        ("audit", create.roles.audit),
    ] {
        roles.flag(name, held);
    }
    roles.end();
    object.text("api_key", &create.api_key);
    match &create.credential {
        Credential::HmacSha256 { sealed_secret } => {
            object.word("credential", "hmac_sha256");
            object.bytes("sealed_secret_blake3", blake3::hash(sealed_secret).as_bytes());
        }
        Credential::Ed25519 { public_key } => {
            object.word("credential", "ed25519");
            object.bytes("public_key", public_key);
        }
    }
}

fn kill_switch(object: &mut Object<'_>, set: &SetKillSwitch) {
    match set.scope {
        KillScope::Venue => object.word("scope", "venue"),
        KillScope::User(user) => object.number("user", user.0),
    }
    object.flag("engaged", set.engaged);
}

fn open_position(object: &mut Object<'_>, open: &OpenPosition) {
    object.number("user", open.user.0);
    symbol(object, open.symbol);
    object.amount("quantity_minor_units", open.quantity);
    object.amount("cost_minor_units", open.cost);
    object.amount("realised_minor_units", open.realised);
}

fn subject(object: &mut Object<'_>, subject: Subject) {
    match subject {
        Subject::Symbol(id) => symbol(object, id),
        Subject::User(user) => object.number("user", user.0),
    }
}

fn symbol(object: &mut Object<'_>, id: SymbolId) {
    object.number("symbol", id.0);
}

fn order_ref(object: &mut Object<'_>, order: OrderRef) {
    match order {
        OrderRef::Id(id) => object.number("order", id.0),
        OrderRef::Client(name) => object.text("client_order_id", &name),
    }
}

fn money(object: &mut Object<'_>, user: UserId, asset: AssetId, name: &str, amount: Amount) {
    object.number("user", user.0);
    object.number("asset", asset.0);
    object.amount(name, amount);
}

fn fees(object: &mut Object<'_>, fees: Fees) {
    let mut rates = object.object("fees");
    rates.number("maker_ppm", fees.maker.0);
    rates.number("taker_ppm", fees.taker.0);
    rates.end();
}

fn limits(object: &mut Object<'_>, limits: &SymbolLimits) {
    let mut ranges = object.object("limits");
    ranges.number("price_min_ticks", limits.price_min.0);
    ranges.number("price_max_ticks", limits.price_max.0);
    ranges.number("quantity_min_lots", limits.quantity_min.0);
    ranges.number("quantity_max_lots", limits.quantity_max.0);
    ranges.amount("notional_min_minor_units", limits.notional_min);
    ranges.amount("notional_max_minor_units", limits.notional_max);
    if let Some(band) = limits.band {
        ranges.number("band_above_ppm", band.above.0);
        ranges.number("band_below_ppm", band.below.0);
    }
    ranges.end();
}
