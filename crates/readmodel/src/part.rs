//! One shard's part of a block.

use domain::event::{
    BalanceChanged, CreditLimitChanged, Event, OrderAmended, OrderClosed, OrderFilled, OrderPlaced, PositionChanged,
};
use domain::ids::OrderId;
use domain::units::{Lots, Seq};

use crate::account::{Account, Position};
use crate::kept::Slot;
use crate::money::At;
use crate::orders::ClientHash;
use crate::shard::{Shard, placed_row};
use crate::sorted::{Item, Sorted};

/// Events that are looked at together: what all of them need is on its way before the first of them is applied.
const AHEAD: usize = 16;

/// An event that changes a user.
#[derive(Debug, Clone, Copy)]
enum Change<'a> {
    Placed(&'a OrderPlaced),
    Amended(&'a OrderAmended),
    Closed(&'a OrderClosed),
    Filled(&'a OrderFilled),
    Balance(&'a BalanceChanged),
    Position(&'a PositionChanged),
    CreditLimit(&'a CreditLimitChanged),
}

/// What an event that is not applied yet seems to change. A guess that turns out wrong costs time and nothing else.
#[derive(Debug, Clone, Copy)]
enum Guess {
    /// No order.
    Other,
    /// A new order, which this is the hash of.
    Opens(ClientHash),
    /// The order here.
    Changes(Slot),
}

/// By how much a command reduced an order in the book.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reduced {
    pub(crate) seq: Seq,
    pub(crate) lots: Lots,
}

impl Shard {
    /// Applies the events of this shard's users. Amendments are added to `reduced`.
    pub(crate) fn apply(&mut self, items: &[Item], block: &Sorted, events: &[Event], reduced: &mut Vec<Reduced>) {
        for items in items.chunks(AHEAD) {
            let mut changes = [const { None }; AHEAD];
            let mut opening = 0;
            for (item, change) in items.iter().zip(&mut changes) {
                *change = Change::of(item.event(events)).map(|change| (change, self.fetch_names(change, &mut opening)));
            }
            for (change, _) in changes.iter().flatten() {
                self.fetch_likely(*change);
            }
            for (change, guess) in changes.iter_mut().flatten() {
                self.fetch_listed(*change, guess);
            }
            for (item, change) in items.iter().zip(changes) {
                if let Some((change, guess)) = change {
                    self.apply_one(change, block.at(*item), guess, reduced);
                }
            }
        }
    }

    /// First step: the account, and where the order is noted.
    fn fetch_names(&self, change: Change<'_>, opening: &mut usize) -> Guess {
        match change {
            Change::Placed(OrderPlaced { order, user, client_order_id, .. }) => {
                self.prefetch_account(*user);
                let hash = self.orders.hash(*user, client_order_id);
                self.orders.prefetch_new(*opening, *order, hash);
                *opening += 1;
                return Guess::Opens(hash);
            }
            Change::Filled(filled) => {
                self.prefetch_account(filled.user);
                self.orders.prefetch_id(filled.order);
            }
            Change::Closed(closed) => {
                self.prefetch_account(closed.user);
                self.orders.prefetch_id(closed.order);
            }
            Change::Amended(amended) => self.orders.prefetch_id(amended.order),
            Change::Balance(changed) => self.prefetch_account(changed.user),
            Change::Position(changed) => self.prefetch_account(changed.user),
            Change::CreditLimit(_) => {}
        }
        Guess::Other
    }

    /// Second step: the order, and what the account points to.
    fn fetch_likely(&self, change: Change<'_>) {
        let account = |user, fetch: &dyn Fn(&Account)| {
            if let Some(account) = self.account(user) {
                fetch(account);
            }
        };
        match change {
            Change::Placed(placed) => account(placed.user, &|account| account.prefetch_end()),
            Change::Filled(filled) => self.orders.prefetch_likely(filled.order),
            Change::Closed(closed) => self.orders.prefetch_likely(closed.order),
            Change::Amended(amended) => self.orders.prefetch_likely(amended.order),
            Change::Balance(changed) => account(changed.user, &|account| account.prefetch_balance(changed.asset)),
            Change::Position(changed) => account(changed.user, &|account| account.prefetch_traded(changed.symbol)),
            Change::CreditLimit(_) => {}
        }
    }

    /// Third step: where the order's owner lists it.
    fn fetch_listed(&self, change: Change<'_>, guess: &mut Guess) {
        // One that is placed in this very group is not there yet.
        if let Some(slot) = change.changes().and_then(|order| self.orders.find(order)) {
            *guess = Guess::Changes(slot);
            if let Some(account) = self.account(self.orders.row(slot).user) {
                account.prefetch_listed(self.orders.listed(slot));
            }
        }
    }

    fn apply_one(&mut self, change: Change<'_>, at: At, guess: Guess, reduced: &mut Vec<Reduced>) {
        let (seq, time) = (at.id.seq, at.time);
        let slot = |shard: &Self, order| match guess {
            Guess::Changes(slot) => slot,
            Guess::Other | Guess::Opens(_) => shard.slot(order),
        };
        match change {
            Change::Placed(placed) => {
                let hash = match guess {
                    Guess::Opens(hash) => hash,
                    Guess::Other | Guess::Changes(_) => self.orders.hash(placed.user, &placed.client_order_id),
                };
                self.open(placed_row(placed, seq, time), hash);
            }
            Change::Amended(amended) => {
                let lots = self.amend(slot(self, amended.order), amended, at);
                reduced.push(Reduced { seq, lots });
            }
            Change::Closed(closed) => self.close(slot(self, closed.order), closed, at),
            Change::Filled(filled) => {
                self.fill(slot(self, filled.order), filled, at);
                self.push_fill(filled, at);
            }
            Change::Balance(changed) => {
                self.account_mut(changed.user).set_balance(changed.asset, changed.free, changed.locked);
            }
            Change::Position(&PositionChanged { user, symbol, quantity, cost, realised }) => {
                self.account_mut(user).set_position(Position { symbol, quantity, cost, realised });
            }
            Change::CreditLimit(changed) => {
                self.account_mut(changed.user).set_credit_limit(changed.asset, changed.limit);
            }
        }
    }
}

impl<'a> Change<'a> {
    /// The order that is changed, if it was there before.
    fn changes(self) -> Option<OrderId> {
        match self {
            Self::Filled(filled) => Some(filled.order),
            Self::Closed(closed) => Some(closed.order),
            Self::Amended(amended) => Some(amended.order),
            Self::Placed(_) | Self::Balance(_) | Self::Position(_) | Self::CreditLimit(_) => None,
        }
    }

    fn of(event: &'a Event) -> Option<Self> {
        match event {
            Event::OrderPlaced(placed) => Some(Self::Placed(placed)),
            Event::OrderAmended(amended) => Some(Self::Amended(amended)),
            Event::OrderClosed(closed) => Some(Self::Closed(closed)),
            Event::OrderFilled(filled) => Some(Self::Filled(filled)),
            Event::BalanceChanged(changed) => Some(Self::Balance(changed)),
            Event::PositionChanged(changed) => Some(Self::Position(changed)),
            Event::CreditLimitChanged(changed) => Some(Self::CreditLimit(changed)),
            Event::Trade(_)
            | Event::Deposited(_)
            | Event::WithdrawalSettled(_)
            | Event::Refused(_)
            | Event::OrderRepeated(_)
            | Event::RequestRepeated(_)
            | Event::Noted(_)
            | Event::Reference(_)
            | Event::WithdrawalRequested(_)
            | Event::WithdrawalCanceled(_)
            | Event::ShardMap(_) => None,
        }
    }
}
