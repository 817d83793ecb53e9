//! Users, their money and their positions.

use domain::event::{BalanceChanged, Event, PositionChanged};
use domain::ids::{AssetId, ExecutionNumber, OrderId, SymbolId, UserId};
use domain::instrument::Fees;
use domain::units::Amount;

use crate::apply::{id_of, index_of};
use crate::positions::Position;

/// A user's money in one asset.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Balance {
    pub(crate) free: Amount,
    pub(crate) locked: Amount,
    pub(crate) credit_limit: Amount,
}

/// Values of one user by a 32-bit id: few, so that a scan over the ids beats a tree.
#[derive(Debug)]
pub(crate) struct Entries<T> {
    ids: Vec<u32>,
    values: Vec<(T, Touched)>,
}

/// Whether the current command has touched a value.
type Touched = bool;

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self { ids: Vec::new(), values: Vec::new() }
    }
}

impl<T: Default> Entries<T> {
    fn find(&self, id: u32) -> Option<usize> {
        self.ids.iter().position(|known| *known == id)
    }

    fn find_or_new(&mut self, id: u32) -> usize {
        self.find(id).unwrap_or_else(|| {
            self.ids.push(id);
            self.values.push((T::default(), false));
            self.ids.len().saturating_sub(1)
        })
    }

    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        self.find(id).map(|index| &self.values[index].0)
    }

    /// The value with this id, made where there is none.
    pub(crate) fn entry(&mut self, id: u32) -> &mut T {
        let index = self.find_or_new(id);
        &mut self.values[index].0
    }

    /// By id.
    pub(crate) fn sorted(&self) -> Vec<(u32, &T)> {
        let mut all: Vec<_> = self.ids.iter().copied().zip(self.values.iter().map(|(value, _)| value)).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }
}

/// A user.
#[derive(Debug, Default)]
pub(crate) struct User {
    pub(crate) fees: Option<Fees>,
    pub(crate) killed: bool,
    pub(crate) last_execution: ExecutionNumber,
    pub(crate) balances: Entries<Balance>,
    pub(crate) positions: Entries<Position>,
    pub(crate) open_orders: u32,
    /// All open orders in the order of their ids, and some that have closed since: thinned out when half are.
    order_ids: Vec<OrderId>,
}

impl User {
    /// The open orders in the order of their ids, among which are some that have closed.
    pub(crate) fn order_ids(&self) -> &[OrderId] {
        &self.order_ids
    }

    /// Free plus credit limit: what an order may draw on.
    pub(crate) fn available(&self, asset: AssetId) -> Amount {
        self.balances.get(asset.0).map_or(Amount::ZERO, |balance| {
            balance.free.checked_add(balance.credit_limit).expect("total and credit are bounded together")
        })
    }

    /// Adds an open order; `is_open` thins out the list when it has grown.
    pub(crate) fn add_order(&mut self, order: OrderId, is_open: impl Fn(OrderId) -> bool) {
        let open = index_of(self.open_orders);
        if self.order_ids.len() >= open.saturating_mul(2).saturating_add(16) {
            self.order_ids.retain(|id| is_open(*id));
        }
        self.order_ids.push(order);
        self.open_orders = self.open_orders.saturating_add(1);
    }

    /// Counts an order out that closed.
    pub(crate) fn remove_order(&mut self) {
        self.open_orders = self.open_orders.checked_sub(1).expect("an open order was counted");
    }
}

#[derive(Debug, Clone, Copy)]
struct Place {
    user: UserId,
    index: usize,
}

/// All users, and what the current command has touched, in the order first touched.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    users: Vec<User>,
    touched_balances: Vec<Place>,
    touched_positions: Vec<Place>,
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

    pub(crate) fn user(&self, user: UserId) -> &User {
        &self.users[index_of(user.0)]
    }

    pub(crate) fn user_mut(&mut self, user: UserId) -> &mut User {
        &mut self.users[index_of(user.0)]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (UserId, &User)> {
        self.users.iter().enumerate().map(|(index, user)| (UserId(id_of(index)), user))
    }

    /// The next number in the user's life.
    pub(crate) fn next_execution(&mut self, user: UserId) -> ExecutionNumber {
        let last = &mut self.user_mut(user).last_execution;
        last.0 = last.0.checked_add(1).expect("2^64 events take longer than the venue");
        *last
    }

    /// Adds to free (subtracts, if negative).
    pub(crate) fn change_free(&mut self, user: UserId, asset: AssetId, change: Amount) {
        self.change(user, asset, change, Amount::ZERO);
    }

    /// Moves from free to locked (back, if negative).
    pub(crate) fn lock(&mut self, user: UserId, asset: AssetId, amount: Amount) {
        self.change(user, asset, amount.negated(), amount);
    }

    /// Adds to free and to locked at once.
    pub(crate) fn change(&mut self, user: UserId, asset: AssetId, free: Amount, locked: Amount) {
        if free.is_zero() && locked.is_zero() {
            return;
        }
        let entries = &mut self.users[index_of(user.0)].balances;
        let index = entries.find_or_new(asset.0);
        let (balance, touched) = &mut entries.values[index];
        balance.free = balance.free.checked_add(free).expect("totals are bounded at deposit");
        balance.locked = balance.locked.checked_add(locked).expect("totals are bounded at deposit");
        assert!(balance.locked.0 >= 0, "nothing is released that was not held");
        if !*touched {
            *touched = true;
            self.touched_balances.push(Place { user, index });
        }
    }

    /// Adds a fill to the user's position.
    pub(crate) fn change_position(&mut self, user: UserId, symbol: SymbolId, quantity: Amount, cost: Amount) {
        let entries = &mut self.users[index_of(user.0)].positions;
        let index = entries.find_or_new(symbol.0);
        let (position, touched) = &mut entries.values[index];
        position.add(quantity, cost);
        if !*touched {
            *touched = true;
            self.touched_positions.push(Place { user, index });
        }
    }

    /// Says how everything touched stands now, and forgets what was touched.
    pub(crate) fn report_touched(&mut self, events: &mut Vec<Event>) {
        for Place { user, index } in self.touched_balances.drain(..) {
            let entries = &mut self.users[index_of(user.0)].balances;
            let (balance, touched) = &mut entries.values[index];
            *touched = false;
            let asset = AssetId(entries.ids[index]);
            events.push(Event::BalanceChanged(BalanceChanged {
                user,
                asset,
                free: balance.free,
                locked: balance.locked,
            }));
        }
        for Place { user, index } in self.touched_positions.drain(..) {
            let entries = &mut self.users[index_of(user.0)].positions;
            let (position, touched) = &mut entries.values[index];
            *touched = false;
            let Position { quantity, cost, realised } = *position;
            let symbol = SymbolId(entries.ids[index]);
            events.push(Event::PositionChanged(PositionChanged { user, symbol, quantity, cost, realised }));
        }
    }
}
