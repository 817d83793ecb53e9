//! Fetching ahead: what the next commands of a block will need is brought near while earlier ones run, in four steps, each
//! of which finds its places in what the one before it brought. Nothing here changes any state, so a guess that turns out
//! wrong costs time and nothing else.

use domain::command::cancel_order::CancelOrder;
use domain::command::place_order::PlaceOrder;
use domain::command::{Action, Command, OrderRef, Sequenced};
use domain::event::Event;
use domain::ids::UserId;
use domain::order::{OrderKind, Side};
use domain::units::Ticks;

use crate::apply::{Engine, Symbol, id_of, index_of};
use crate::names::NameHash;

/// Commands from one step to the next.
const STEP: usize = 6;
/// Steps before a command is applied.
const STEPS: usize = 4;
/// Commands that are between the first step and being applied, rounded up to a power of two.
const RING_LEN: usize = 32;

const _: () = assert!(STEP * STEPS < RING_LEN && RING_LEN.is_power_of_two());

impl Engine {
    /// Applies commands one after the other; `ends` gets, for each, how long `events` is after it.
    ///
    /// The same as [`Engine::apply`] on each, but faster: what the next commands will need is fetched while earlier ones run.
    pub fn apply_block(&mut self, commands: &[Sequenced<Command>], events: &mut Vec<Event>, ends: &mut Vec<u32>) {
        let mut names = [None; RING_LEN];
        for now in 0..commands.len().saturating_add(STEP.saturating_mul(STEPS)) {
            let back = |steps: usize| now.checked_sub(STEP.saturating_mul(steps));
            let command = |steps: usize| Some(&commands.get(back(steps)?)?.content);
            if let Some(command) = command(0) {
                names[now & RING_LEN.wrapping_sub(1)] = self.fetch_names(command);
            }
            if let Some(command) = command(1) {
                self.fetch_order(command);
            }
            if let Some(command) = command(2) {
                self.fetch_neighbours(command);
            }
            if let Some(command) = command(3) {
                self.fetch_maker_money(command);
            }
            if let Some(index) = back(STEPS)
                && let Some(command) = commands.get(index)
            {
                self.apply_named(command, names[index & RING_LEN.wrapping_sub(1)], events);
                ends.push(id_of(events.len()));
            }
        }
    }

    /// First step: the user, and where the order is noted.
    fn fetch_names(&self, command: &Command) -> Option<NameHash> {
        let user = command.envelope.user;
        self.accounts.prefetch(user);
        match &command.action {
            Action::PlaceOrder(order) => {
                let name = NameHash::of(user, &order.client_order_id);
                self.orders.prefetch_name(name);
                Some(name)
            }
            Action::CancelOrder(CancelOrder { order: OrderRef::Client(name), .. }) => {
                self.orders.prefetch_name(NameHash::of(user, name));
                None
            }
            Action::CancelOrder(CancelOrder { order: OrderRef::Id(order), .. }) => {
                self.orders.books.prefetch_id(*order);
                None
            }
            Action::AmendOrder(_) | Action::ReplaceOrder(_) | Action::CancelAll(_) | Action::Request(_) => None,
        }
    }

    /// Second step: the order itself; of a new one, what it pays with, its level, and the maker it will meet.
    fn fetch_order(&self, command: &Command) {
        let user = command.envelope.user;
        match &command.action {
            Action::PlaceOrder(order) => {
                let Some(symbol) = self.symbols.get(index_of(order.symbol.0)) else { return };
                let books = &self.orders.books;
                self.fetch_balance(user, symbol, order.side);
                if self.will_trade(order) {
                    self.fetch_balance(user, symbol, order.side.opposite());
                    if let Some(user) = self.accounts.get(user) {
                        user.positions.prefetch(order.symbol.0);
                    }
                    if let Some(maker) = books.front(order.symbol, order.side.opposite()) {
                        books.prefetch_order(maker);
                        self.orders.prefetch_details(maker);
                    }
                } else if let Some(price) = limit_of(order) {
                    books.prefetch_level(order.symbol, order.side, price);
                    if let Some(last) = self.accounts.get(user).and_then(|user| user.last_order) {
                        books.prefetch_order(last);
                    }
                }
            }
            Action::CancelOrder(CancelOrder { order: OrderRef::Id(order), .. }) => {
                if let Some(slot) = self.orders.books.find(*order) {
                    self.orders.books.prefetch_order(slot);
                }
            }
            Action::CancelOrder(CancelOrder { order: OrderRef::Client(_), .. })
            | Action::AmendOrder(_)
            | Action::ReplaceOrder(_)
            | Action::CancelAll(_)
            | Action::Request(_) => {}
        }
    }

    /// Third step: the order's neighbours and its money; of a new one, who it stands behind, or the maker's account.
    fn fetch_neighbours(&self, command: &Command) {
        let books = &self.orders.books;
        match &command.action {
            Action::PlaceOrder(order) => {
                if index_of(order.symbol.0) >= self.symbols.len() {
                    return;
                }
                if !self.will_trade(order) {
                    if let Some(price) = limit_of(order) {
                        books.prefetch_last(order.symbol, order.side, price);
                    }
                } else if let Some(maker) = books.front(order.symbol, order.side.opposite()) {
                    books.prefetch_neighbours(maker);
                    self.accounts.prefetch(self.orders.record(maker).user);
                }
            }
            Action::CancelOrder(CancelOrder { order: OrderRef::Id(order), symbol }) => {
                let Some(slot) = books.find(*order) else { return };
                books.prefetch_neighbours(slot);
                let record = self.orders.record(slot);
                for neighbour in [record.of_user.previous, record.of_user.next].into_iter().flatten() {
                    books.prefetch_order(neighbour);
                }
                if let Some(symbol) = self.symbols.get(index_of(symbol.0)) {
                    self.fetch_balance(command.envelope.user, symbol, record.side);
                }
            }
            Action::CancelOrder(CancelOrder { order: OrderRef::Client(_), .. })
            | Action::AmendOrder(_)
            | Action::ReplaceOrder(_)
            | Action::CancelAll(_)
            | Action::Request(_) => {}
        }
    }

    /// Fourth step: the maker's money.
    fn fetch_maker_money(&self, command: &Command) {
        let Action::PlaceOrder(order) = &command.action else { return };
        let Some(symbol) = self.symbols.get(index_of(order.symbol.0)) else { return };
        if !self.will_trade(order) {
            return;
        }
        let Some(maker) = self.orders.books.front(order.symbol, order.side.opposite()) else { return };
        let record = self.orders.record(maker);
        for neighbour in [record.of_user.previous, record.of_user.next].into_iter().flatten() {
            self.orders.books.prefetch_order(neighbour);
        }
        self.fetch_balance(record.user, symbol, Side::Buy);
        self.fetch_balance(record.user, symbol, Side::Sell);
        if let Some(user) = self.accounts.get(record.user) {
            user.positions.prefetch(order.symbol.0);
        }
    }

    fn fetch_balance(&self, user: UserId, symbol: &Symbol, side: Side) {
        if let Some(user) = self.accounts.get(user) {
            user.balances.prefetch(symbol.pays(side).0);
        }
    }

    /// Whether an order would trade if it came now.
    fn will_trade(&self, order: &PlaceOrder) -> bool {
        let best = self.orders.books.best(order.symbol, order.side.opposite());
        best.is_some_and(|best| limit_of(order).is_none_or(|limit| order.side.accepts(limit, best)))
    }
}

fn limit_of(order: &PlaceOrder) -> Option<Ticks> {
    match order.kind {
        OrderKind::Limit { price, .. } => Some(price),
        OrderKind::Market { .. } => None,
    }
}
