//! Users, their money, their positions and the list of their open orders.

use domain::event::{BalanceChanged, Event, PositionChanged};
use domain::ids::{AssetId, ExecutionNumber, SymbolId, UserId};
use domain::instrument::Fees;
use domain::limits::AMOUNT_MAX;
use domain::units::Amount;

use crate::apply::{id_of, index_of};
use crate::books::{Books, Link};
use crate::chunks::Chunks;
use crate::entries::Entries;
use crate::orders::Details;
use crate::positions::Position;
use crate::slab::Slot;

/// A user's money in one asset.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Balance {
    pub(crate) free: Amount,
    pub(crate) locked: Amount,
    pub(crate) credit_limit: Amount,
}

impl Balance {
    /// Free plus credit limit: what an order may draw on.
    fn available(&self) -> i128 {
        self.free.0.saturating_add(self.credit_limit.0)
    }

    /// What is drawn beyond the credit limit, as happens where that was lowered.
    fn overdrawn(&self) -> i128 {
        self.available().min(0).saturating_neg()
    }

    /// Adds to free and to locked. Far inside 128 bits, even where it is for a moment outside the range of amounts.
    fn add(&mut self, free: Amount, locked: Amount) {
        self.free.0 = self.free.0.checked_add(free.0).expect("far inside 128 bits");
        self.locked.0 = self.locked.0.checked_add(locked.0).expect("far inside 128 bits");
    }
}

/// A user, in one cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct User {
    pub(crate) last_execution: ExecutionNumber,
    pub(crate) balances: Entries<Balance>,
    pub(crate) positions: Entries<Position>,
    own_fees: Option<Box<Fees>>,
    pub(crate) open_orders: u32,
    first_order: Option<Slot>,
    pub(crate) last_order: Option<Slot>,
    pub(crate) killed: bool,
}

const _: () = assert!(size_of::<User>() == 64, "a user is one cache line");

impl User {
    /// The user's own fees, instead of the symbol's.
    pub(crate) fn fees(&self) -> Option<Fees> {
        self.own_fees.as_deref().copied()
    }

    pub(crate) fn set_fees(&mut self, fees: Option<Fees>) {
        self.own_fees = fees.map(Box::new);
    }

    /// Free plus credit limit: what an order may draw on.
    pub(crate) fn available(&self, asset: AssetId) -> Amount {
        self.balances.get(asset.0).map_or(Amount::ZERO, |balance| Amount(balance.available()))
    }
}

/// All users, and what the current command has touched, in the order first touched.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    users: Chunks<User>,
    /// By asset: what all users together have drawn beyond their credit limits.
    overdrawn: Vec<i128>,
    touched_balances: Vec<(UserId, AssetId)>,
    touched_positions: Vec<(UserId, SymbolId)>,
}

impl Accounts {
    pub(crate) fn len(&self) -> usize {
        self.users.len()
    }

    pub(crate) fn exists(&self, user: UserId) -> bool {
        index_of(user.0) < self.users.len()
    }

    pub(crate) fn open_user(&mut self) -> UserId {
        self.users.push(User::default());
        UserId(id_of(self.users.len().saturating_sub(1)))
    }

    pub(crate) fn open_asset(&mut self) {
        self.overdrawn.push(0);
    }

    pub(crate) fn user(&self, user: UserId) -> &User {
        &self.users[index_of(user.0)]
    }

    pub(crate) fn user_mut(&mut self, user: UserId) -> &mut User {
        &mut self.users[index_of(user.0)]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (UserId, &User)> {
        self.users.iter().enumerate().map(|(index, user)| (UserId(id_of(index)), user))
    }

    /// The user, unless there is none, for fetching ahead.
    pub(crate) fn get(&self, user: UserId) -> Option<&User> {
        self.users.get(index_of(user.0))
    }

    /// Fetches a user ahead of use.
    pub(crate) fn prefetch(&self, user: UserId) {
        self.users.prefetch(index_of(user.0));
    }

    /// The next number in the user's life.
    pub(crate) fn next_execution(&mut self, user: UserId) -> ExecutionNumber {
        let last = &mut self.user_mut(user).last_execution;
        last.0 = last.0.checked_add(1).expect("2^64 events take longer than the venue");
        *last
    }
}

/// Money.
impl Accounts {
    /// Adds to free (subtracts, if negative).
    pub(crate) fn change_free(&mut self, user: UserId, asset: AssetId, change: Amount) {
        self.change(user, asset, change, Amount::ZERO);
    }

    /// Moves from free to locked (back, if negative).
    pub(crate) fn lock(&mut self, user: UserId, asset: AssetId, amount: Amount) {
        self.change(user, asset, amount.negated(), amount);
    }

    /// Adds to free and to locked at once.
    ///
    /// Between two movements of one command a balance may pass `AMOUNT_MAX` (who trades with oneself is paid before having
    /// paid), so the range is checked when the command is over.
    pub(crate) fn change(&mut self, user: UserId, asset: AssetId, free: Amount, locked: Amount) {
        if free.is_zero() && locked.is_zero() {
            return;
        }
        let (balance, first) = self.users[index_of(user.0)].balances.touch(asset.0);
        let before = *balance;
        balance.add(free, locked);
        assert!(balance.locked.0 >= 0, "nothing is released that was not held");
        if first {
            self.touched_balances.push((user, asset));
        }
        // Whoever has something free has drawn nothing, and that is nearly everybody.
        if before.free.0 < 0 || balance.free.0 < 0 {
            let (before, after) = (before.overdrawn(), balance.overdrawn());
            self.follow_overdrawn(asset, before, after);
        }
    }

    /// Sets a credit limit; the balance exists from then on.
    pub(crate) fn set_credit_limit(&mut self, user: UserId, asset: AssetId, limit: Amount) {
        let balance = self.users[index_of(user.0)].balances.entry(asset.0);
        let before = balance.overdrawn();
        balance.credit_limit = limit;
        let after = balance.overdrawn();
        self.follow_overdrawn(asset, before, after);
    }

    #[cold]
    fn follow_overdrawn(&mut self, asset: AssetId, before: i128, after: i128) {
        let all = &mut self.overdrawn[index_of(asset.0)];
        *all = all.saturating_sub(before).saturating_add(after);
    }

    /// Puts back a balance as it was.
    pub(crate) fn restore_balance(&mut self, user: UserId, asset: AssetId, balance: Balance) {
        let restored = self.users[index_of(user.0)].balances.entry(asset.0);
        let before = restored.overdrawn();
        *restored = balance;
        self.follow_overdrawn(asset, before, balance.overdrawn());
    }

    /// What all users have drawn of an asset beyond their credit limits.
    pub(crate) fn overdrawn(&self, asset: AssetId) -> Amount {
        Amount(self.overdrawn[index_of(asset.0)])
    }

    /// As [`Accounts::overdrawn`], if this user's balance were another.
    pub(crate) fn overdrawn_with(&self, user: UserId, asset: AssetId, change: impl FnOnce(&mut Balance)) -> Amount {
        let before = self.user(user).balances.get(asset.0).copied().unwrap_or_default();
        let mut after = before;
        change(&mut after);
        let others = self.overdrawn[index_of(asset.0)].saturating_sub(before.overdrawn());
        Amount(others.saturating_add(after.overdrawn()))
    }

    /// Adds a fill to the user's position.
    pub(crate) fn change_position(&mut self, user: UserId, symbol: SymbolId, quantity: Amount, cost: Amount) {
        let (position, first) = self.users[index_of(user.0)].positions.touch(symbol.0);
        position.add(quantity, cost);
        if first {
            self.touched_positions.push((user, symbol));
        }
    }

    /// Puts a position where there was none.
    pub(crate) fn set_position(&mut self, user: UserId, symbol: SymbolId, position: Position) {
        let (there, first) = self.users[index_of(user.0)].positions.touch(symbol.0);
        *there = position;
        if first {
            self.touched_positions.push((user, symbol));
        }
    }

    /// Says how everything touched stands now, and forgets what was touched.
    pub(crate) fn report_touched(&mut self, events: &mut Vec<Event>) {
        for (user, asset) in self.touched_balances.drain(..) {
            let Balance { free, locked, .. } = *self.users[index_of(user.0)].balances.untouch(asset.0);
            assert!(Amount::in_range(free.0).is_some() && locked.0 <= AMOUNT_MAX, "totals are bounded at deposit");
            events.push(Event::BalanceChanged(BalanceChanged { user, asset, free, locked }));
        }
        for (user, symbol) in self.touched_positions.drain(..) {
            let Position { quantity, cost, realised } = *self.users[index_of(user.0)].positions.untouch(symbol.0);
            events.push(Event::PositionChanged(PositionChanged { user, symbol, quantity, cost, realised }));
        }
    }
}

/// Open orders: a list through the orders themselves, in the order of their ids.
impl Accounts {
    /// Adds an order behind all others of its owner.
    pub(crate) fn add_order(&mut self, slot: Slot, books: &mut Books<Details>) {
        let user = &mut self.users[index_of(books.records[slot].hot.user.0)];
        books.records[slot].hot.of_user = Link { previous: user.last_order, next: None };
        match user.last_order {
            Some(last) => books.records[last].hot.of_user.next = Some(slot),
            None => user.first_order = Some(slot),
        }
        user.last_order = Some(slot);
        user.open_orders = user.open_orders.saturating_add(1);
    }

    /// Takes an order out of its owner's list.
    pub(crate) fn remove_order(&mut self, slot: Slot, books: &mut Books<Details>) {
        let user = &mut self.users[index_of(books.records[slot].hot.user.0)];
        let Link { previous, next } = books.records[slot].hot.of_user;
        match previous {
            Some(previous) => books.records[previous].hot.of_user.next = next,
            None => user.first_order = next,
        }
        match next {
            Some(next) => books.records[next].hot.of_user.previous = previous,
            None => user.last_order = previous,
        }
        user.open_orders = user.open_orders.checked_sub(1).expect("an open order was counted");
    }

    /// The user's open orders in the order of their ids.
    pub(crate) fn orders_of<'a>(
        &'a self,
        user: UserId,
        books: &'a Books<Details>,
    ) -> impl Iterator<Item = Slot> + Clone + 'a {
        std::iter::successors(self.user(user).first_order, |slot| books.records[*slot].hot.of_user.next)
    }
}
