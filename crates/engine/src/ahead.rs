//! Fetching ahead: what the next commands of a block will need is brought near while earlier ones run, in four steps, each
//! of which finds its places in what the one before it brought. Nothing here changes any state, so a guess that turns out
//! wrong costs time and nothing else.

use domain::command::place_order::PlaceOrder;
use domain::command::{Action, Command, OrderRef, Sequenced};
use domain::event::Event;
use domain::ids::{OrderId, SymbolId, UserId};
use domain::order::{OrderKind, Side};
use domain::units::Ticks;

use crate::apply::{Engine, id_of, index_of};
use crate::books::Hot;
use crate::names::NameHash;
use crate::slab::Slot;

/// Commands from one step to the next.
const STEP: usize = 4;
/// Steps before a command is applied.
const STEPS: usize = 4;
/// Commands that are between the first step and being applied, rounded up to a power of two.
const RING_LEN: usize = 32;

const _: () = assert!(STEP * STEPS < RING_LEN && RING_LEN.is_power_of_two());

/// What a command that is not applied yet seems to become.
#[derive(Debug, Clone, Copy, Default)]
enum Guess {
    /// Nothing to be fetched for.
    #[default]
    Other,
    /// A new order.
    Places,
    /// A new order that rests.
    Rests { symbol: SymbolId, side: Side, price: Ticks },
    /// A new order that meets this maker.
    Meets(Slot),
    /// This order is to go, or to change.
    Cancels(OrderId),
    /// The order of this name is.
    CancelsNamed(NameHash),
    /// It is the one here.
    Leaves(Slot),
}

impl Engine {
    /// Applies commands one after the other; `ends` gets, for each, how long `events` is after it.
    ///
    /// The same as [`Engine::apply`] on each, but faster: what the next commands will need is fetched while earlier ones run.
    pub fn apply_block(&mut self, commands: &[Sequenced<Command>], events: &mut Vec<Event>, ends: &mut Vec<u32>) {
        let mut names = [None; RING_LEN];
        let mut guesses = [Guess::default(); RING_LEN];
        let place = |index: usize| index & RING_LEN.wrapping_sub(1);
        for now in 0..commands.len().saturating_add(STEP.saturating_mul(STEPS)) {
            let back = |steps: usize| {
                let index = now.wrapping_sub(STEP.wrapping_mul(steps));
                commands.get(index).map(|command| (index, command))
            };
            if let Some((index, command)) = back(0) {
                (guesses[place(index)], names[place(index)]) = self.fetch_names(&command.content);
            }
            if let Some((index, command)) = back(1) {
                guesses[place(index)] = self.fetch_order(guesses[place(index)], &command.content);
            }
            if let Some((index, _)) = back(2) {
                self.fetch_neighbours(guesses[place(index)]);
            }
            if let Some((index, _)) = back(3)
                && let Guess::Meets(maker) = guesses[place(index)]
            {
                self.fetch_maker(maker);
            }
            if let Some((index, command)) = back(STEPS) {
                self.apply_named(command, names[place(index)], events);
                ends.push(id_of(events.len()));
            }
        }
    }

    /// First step: the user, and where the order is noted.
    fn fetch_names(&self, command: &Command) -> (Guess, Option<NameHash>) {
        let user = command.envelope.user;
        self.accounts.prefetch(user);
        match &command.action {
            Action::PlaceOrder(order) => {
                let name = NameHash::of(user, &order.client_order_id);
                self.orders.prefetch_name(name);
                (Guess::Places, Some(name))
            }
            Action::CancelOrder(cancel) => self.fetch_target(user, &cancel.order),
            Action::AmendOrder(amend) => self.fetch_target(user, &amend.order),
            // The hash of the target's name must not be taken for that of the new order's.
            Action::ReplaceOrder(replace) => (self.fetch_target(user, &replace.cancel).0, None),
            Action::CancelAll(_) | Action::Request(_) | Action::Note(_) => (Guess::Other, None),
        }
    }

    /// Where an order that exists is noted.
    fn fetch_target(&self, user: UserId, order: &OrderRef) -> (Guess, Option<NameHash>) {
        match order {
            OrderRef::Id(order) => {
                self.orders.books.prefetch_id(*order);
                (Guess::Cancels(*order), None)
            }
            OrderRef::Client(name) => {
                let name = NameHash::of(user, name);
                self.orders.prefetch_name(name);
                (Guess::CancelsNamed(name), Some(name))
            }
        }
    }

    /// Second step: the order itself; of a new one, what it pays with, its level, and the maker it will meet.
    fn fetch_order(&self, guess: Guess, command: &Command) -> Guess {
        let books = &self.orders.books;
        match (guess, &command.action) {
            (Guess::Places, Action::PlaceOrder(order)) => {
                let Some(symbol) = self.symbols.get(index_of(order.symbol.0)) else { return Guess::Other };
                let Some(user) = self.accounts.get(command.envelope.user) else { return Guess::Other };
                user.balances.prefetch(symbol.pays(order.side).0);
                if let Some(maker) = self.maker_for(order) {
                    user.balances.prefetch(symbol.pays(order.side.opposite()).0);
                    user.positions.prefetch(order.symbol.0);
                    books.prefetch_order(maker);
                    books.prefetch_kept(maker);
                    return Guess::Meets(maker);
                }
                let OrderKind::Limit { price, .. } = order.kind else { return Guess::Other };
                books.prefetch_level(order.symbol, order.side, price);
                if let Some(last) = user.last_order {
                    books.prefetch_order(last);
                }
                Guess::Rests { symbol: order.symbol, side: order.side, price }
            }
            (Guess::Cancels(order), _) => books.find(order).map_or(Guess::Other, |slot| {
                books.prefetch_order(slot);
                Guess::Leaves(slot)
            }),
            // The name itself is kept with the order: here it goes by its hash, and needs all of the order to be compared.
            (Guess::CancelsNamed(name), _) => self.orders.guess_named(name).map_or(Guess::Other, |slot| {
                books.prefetch_order(slot);
                books.prefetch_kept(slot);
                Guess::Leaves(slot)
            }),
            (guess, _) => guess,
        }
    }

    /// Third step: the order's neighbours and its money; of a new one, who it stands behind, or the maker's account.
    fn fetch_neighbours(&self, guess: Guess) {
        let books = &self.orders.books;
        match guess {
            Guess::Rests { symbol, side, price } => books.prefetch_last(symbol, side, price),
            Guess::Meets(slot) => {
                books.prefetch_neighbours(slot);
                self.accounts.prefetch(self.orders.record(slot).user);
            }
            Guess::Leaves(slot) => {
                let order = self.orders.record(slot);
                books.prefetch_neighbours(slot);
                self.fetch_listed(order);
                let pays = self.symbols[index_of(order.symbol.0)].pays(order.side);
                self.accounts.user(order.user).balances.prefetch(pays.0);
            }
            Guess::Other | Guess::Places | Guess::Cancels(_) | Guess::CancelsNamed(_) => {}
        }
    }

    /// Fourth step: the maker's money and position.
    fn fetch_maker(&self, maker: Slot) {
        let order = self.orders.record(maker);
        let symbol = &self.symbols[index_of(order.symbol.0)];
        let user = self.accounts.user(order.user);
        self.fetch_listed(order);
        user.balances.prefetch(symbol.pays(Side::Buy).0);
        user.balances.prefetch(symbol.pays(Side::Sell).0);
        user.positions.prefetch(order.symbol.0);
    }

    /// An order's neighbours in its owner's list.
    fn fetch_listed(&self, order: &Hot) {
        for neighbour in [order.of_user.previous, order.of_user.next].into_iter().flatten() {
            self.orders.books.prefetch_order(neighbour);
        }
    }

    /// The first order that an order would trade with if it came now.
    fn maker_for(&self, order: &PlaceOrder) -> Option<Slot> {
        let best = self.orders.books.best(order.symbol, order.side.opposite())?;
        let meets = match order.kind {
            OrderKind::Limit { price, .. } => order.side.accepts(price, best),
            OrderKind::Market { .. } => true,
        };
        if meets { self.orders.books.front(order.symbol, order.side.opposite()) } else { None }
    }
}
