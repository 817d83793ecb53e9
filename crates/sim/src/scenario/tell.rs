//! Says what came of a command.

use std::collections::BTreeMap;

use domain::event::{Created, Event, OrderFilled, ReferenceEvent, RefusedPart};
use domain::ids::{OrderId, SymbolId};
use domain::order::OrderKind;
use domain::state::State;
use domain::text::ClientOrderId;
use domain::units::{Amount, Lots};

use super::names::{instrument, show_money, show_name, show_price, show_quantity};
use super::shards;
use super::words::spaced;

/// More fills than this are counted, not listed.
const FILLS_LISTED_MAX: usize = 8;

/// What came of a command, in words.
pub(super) struct Told {
    /// The facts, separated by semicolons.
    pub said: String,
    /// Whether all or a part of it was refused.
    pub refused: bool,
}

/// What the orders seen so far are called.
#[derive(Debug, Default)]
pub(super) struct OrderNames {
    names: BTreeMap<OrderId, ClientOrderId>,
}

impl OrderNames {
    fn show(&self, order: OrderId) -> String {
        self.names.get(&order).map_or_else(|| format!("#{}", order.counter()), |name| show_name(*name))
    }
}

/// The facts among the events; balances and positions are asked for by lines of their own.
pub(super) fn tell(state: &State, names: &mut OrderNames, events: &[Event]) -> Told {
    let mut teller = Teller { state, names, said: Vec::new(), fills: Vec::new(), maker: None, left: None };
    let mut refused = false;
    for event in events {
        refused |= matches!(event, Event::Refused(_));
        teller.tell_one(event);
    }
    teller.tell_fills();
    if let Some((_, left)) = teller.left {
        teller.said.push(format!("rests {left}"));
    }
    Told { said: teller.said.join("; "), refused }
}

struct Teller<'a> {
    state: &'a State,
    names: &'a mut OrderNames,
    said: Vec<String>,
    fills: Vec<(String, OrderFilled)>,
    /// The maker's fill, until the taker's comes.
    maker: Option<OrderFilled>,
    /// What is left of the order placed by this command, also in words.
    left: Option<(Lots, String)>,
}

impl Teller<'_> {
    fn say(&mut self, fact: impl Into<String>) {
        self.tell_fills();
        self.said.push(fact.into());
    }

    fn tell_fills(&mut self) {
        let fills = std::mem::take(&mut self.fills);
        match fills.first() {
            Some((_, first)) if fills.len() > FILLS_LISTED_MAX => {
                let total = Lots(fills.iter().map(|(_, fill)| fill.quantity.0).sum());
                self.said.push(format!("fills {} times, {} in all", fills.len(), self.lots(first.symbol, total)));
            }
            Some(_) | None => self.said.extend(fills.into_iter().map(|(said, _)| said)),
        }
    }

    fn tell_one(&mut self, event: &Event) {
        match event {
            Event::Refused(refused) => {
                let part = match refused.part {
                    RefusedPart::Whole => "refused",
                    RefusedPart::ReplaceCancel => "cancel refused",
                    RefusedPart::ReplacePlace => "order refused",
                };
                self.say(format!("{part}: {}", super::say_reason(refused.reason)));
            }
            Event::OrderPlaced(placed) => {
                self.names.names.insert(placed.order, placed.client_order_id);
                self.left = limit_quantity(placed.kind).map(|lots| (lots, self.lots(placed.symbol, lots)));
                self.say(format!("placed #{}", placed.order.counter()));
            }
            Event::OrderRepeated(repeated) => self.say(format!("repeats #{}", repeated.order.counter())),
            Event::OrderAmended(amended) => {
                self.names.names.insert(amended.order, amended.client_order_id);
                let left = self.lots(amended.symbol, amended.remaining);
                self.say(format!("{} has {left} left", show_name(amended.client_order_id)));
            }
            Event::OrderFilled(filled) => self.tell_fill(filled),
            Event::OrderClosed(closed) => {
                let reason = spaced(&format!("{:?}", closed.reason));
                if let Some(rested) = closed.rested {
                    let price = show_price(rested.price, instrument(self.state, closed.symbol));
                    let (name, left) = (self.names.show(closed.order), self.lots(closed.symbol, rested.quantity));
                    self.say(format!("{name} closes with {left}@{price}: {reason}"));
                } else {
                    self.left = None;
                    self.say(format!("closes: {reason}"));
                }
            }
            Event::Trade(_) | Event::BalanceChanged(_) | Event::PositionChanged(_) => {}
            Event::RequestRepeated(repeated) => {
                self.say(format!("repeats command {}: {}", repeated.first.0, created(repeated.created)));
            }
            Event::Noted(_) => self.say("noted"),
            Event::Deposited(_) => self.say("deposited"),
            Event::WithdrawalRequested(requested) => self.say(created(Created::Withdrawal(requested.withdrawal))),
            Event::WithdrawalSettled(ended) => self.say(format!("withdrawal {} settled", ended.withdrawal.0)),
            Event::WithdrawalCanceled(ended) => self.say(format!("withdrawal {} canceled", ended.withdrawal.0)),
            Event::CreditLimitChanged(changed) => {
                self.say(format!("may draw {}", show_money(self.state, changed.limit, changed.asset)));
            }
            Event::Reference(event) => self.say(tell_reference(event)),
            Event::ShardMap(event) => self.say(shards::tell(self.state, event)),
        }
    }

    fn tell_fill(&mut self, filled: &OrderFilled) {
        let Some(maker) = self.maker.take() else {
            self.maker = Some(*filled);
            return;
        };
        let price = show_price(filled.price, instrument(self.state, filled.symbol));
        let quantity = self.lots(filled.symbol, filled.quantity);
        let whole = if maker.filled { "all" } else { "part" };
        let mut said = vec![format!("fills {quantity}@{price} with {whole} of {}", self.names.show(maker.order))];
        for (who, part) in [("fee", filled), ("maker fee", &maker)] {
            if part.fee != Amount::ZERO {
                said.push(format!("{who} {}", show_money(self.state, part.fee, part.fee_asset)));
            }
        }
        self.fills.push((said.join(", "), *filled));
        let left = self.left.as_ref().and_then(|(left, _)| left.checked_sub(filled.quantity));
        self.left = left.filter(|_| !filled.filled).map(|left| (left, self.lots(filled.symbol, left)));
        if filled.filled {
            self.say("done");
        }
    }

    fn lots(&self, symbol: SymbolId, quantity: Lots) -> String {
        show_quantity(quantity, instrument(self.state, symbol))
    }
}

fn limit_quantity(kind: OrderKind) -> Option<Lots> {
    match kind {
        OrderKind::Limit { quantity, .. } => Some(quantity),
        OrderKind::Market { .. } => None,
    }
}

fn created(created: Created) -> String {
    match created {
        Created::Nothing => "nothing new".to_owned(),
        Created::Asset(id) => format!("asset {}", id.0),
        Created::Symbol(id) => format!("symbol {}", id.0),
        Created::User(id) => format!("user {}", id.0),
        Created::Key(id) => format!("key {}", id.0),
        Created::Withdrawal(id) => format!("withdrawal {}", id.0),
        Created::Shard(id) => format!("shard {}", id.0),
    }
}

fn switched(engaged: bool) -> &'static str {
    if engaged { "killed" } else { "revived" }
}

fn tell_reference(event: &ReferenceEvent) -> String {
    match event {
        ReferenceEvent::AssetCreated(asset) => created(Created::Asset(asset.id)),
        ReferenceEvent::SymbolCreated(symbol) => created(Created::Symbol(symbol.instrument.id())),
        ReferenceEvent::SymbolStatusChanged(changed) => spaced(&format!("{:?}", changed.status)),
        ReferenceEvent::SymbolLimitsChanged(_) => "limits changed".to_owned(),
        ReferenceEvent::SymbolFeesChanged(_) | ReferenceEvent::UserFeesChanged(_) => "fees changed".to_owned(),
        ReferenceEvent::UserCreated(user) => created(Created::User(user.user)),
        ReferenceEvent::ApiKeyCreated(key) => created(Created::Key(key.key)),
        ReferenceEvent::ApiKeyRevoked(key) => format!("key {} revoked", key.key.0),
        ReferenceEvent::VenueKillSwitchChanged(changed) => switched(changed.engaged).to_owned(),
        ReferenceEvent::UserKillSwitchChanged(changed) => switched(changed.engaged).to_owned(),
    }
}
