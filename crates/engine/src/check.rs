//! Whether the state holds together: O(n), for tests, restores and the simulator.

use std::collections::BTreeMap;

use domain::ids::{AssetId, UserId};
use domain::order::Side;
use domain::shard_map::Load;
use domain::shards::Subject;
use domain::units::Amount;

use crate::apply::{Engine, index_of};
use crate::restore::RestoreError;

impl Engine {
    /// Panics where an invariant is broken.
    pub fn check(&self) {
        if let Err(broken) = self.check_consistency() {
            panic!("{broken}");
        }
    }

    pub(crate) fn check_consistency(&self) -> Result<(), RestoreError> {
        self.check_totals()?;
        self.check_holds()?;
        self.check_books()?;
        self.check_shards()
    }

    /// Per asset, all accounts together are deposits minus withdrawals.
    fn check_totals(&self) -> Result<(), RestoreError> {
        let mut totals = vec![(Amount::ZERO, Amount::ZERO); self.assets.len()];
        for (_, user) in self.accounts.iter() {
            for (asset, balance) in user.balances.sorted() {
                let (total, credit) = &mut totals[index_of(asset)];
                *total = add(add(*total, balance.free)?, balance.locked)?;
                *credit = add(*credit, balance.credit_limit)?;
            }
        }
        for (asset, (total, credit)) in self.assets.iter().zip(totals) {
            if asset.total != total || asset.credit != credit {
                return Err(RestoreError { what: "balances do not add up to deposits minus withdrawals" });
            }
            add(add(total, credit)?, self.accounts.overdrawn(asset.asset.id))?;
        }
        Ok(())
    }

    /// Where there is a shard, everything is placed, and the loads count it.
    fn check_shards(&self) -> Result<(), RestoreError> {
        let state = self.shards.state();
        let placed = if self.shards.is_empty() { (0, 0) } else { (self.symbols.len(), self.accounts.len()) };
        if (state.symbols.len(), state.users.len()) != placed {
            return Err(RestoreError { what: "not every symbol and user has a shard" });
        }
        for shard in self.shards.shards() {
            let mut counted = Load::default();
            for subject in self.shards.subjects_on(shard.id) {
                let count = match subject {
                    Subject::Symbol(_) => &mut counted.symbols,
                    Subject::User(_) => &mut counted.users,
                };
                *count = count.saturating_add(1);
            }
            if counted != self.shards.load(shard.id) {
                return Err(RestoreError { what: "what lives on a shard is miscounted" });
            }
        }
        Ok(())
    }

    /// What is locked is what open orders and pending withdrawals hold.
    fn check_holds(&self) -> Result<(), RestoreError> {
        let mut held: BTreeMap<(UserId, AssetId), Amount> = BTreeMap::new();
        let mut hold = |user, asset, amount| -> Result<(), RestoreError> {
            let sum = held.entry((user, asset)).or_default();
            *sum = add(*sum, amount)?;
            Ok(())
        };
        for slot in self.slots_in_priority() {
            let (order, rests) = (self.orders.record(slot), self.orders.books.rests(slot));
            let symbol = &self.symbols[index_of(order.symbol.0)];
            hold(order.user, symbol.pays(order.side), symbol.hold(order.side, rests.price, rests.remaining))?;
        }
        for withdrawal in self.withdrawals.values() {
            hold(withdrawal.user, withdrawal.asset, withdrawal.amount)?;
        }
        for (id, user) in self.accounts.iter() {
            for (asset, balance) in user.balances.sorted() {
                if held.remove(&(id, AssetId(asset))).unwrap_or_default() != balance.locked {
                    return Err(RestoreError { what: "a locked amount is not what is held" });
                }
            }
        }
        if held.values().any(|amount| !amount.is_zero()) {
            return Err(RestoreError { what: "a hold has no balance" });
        }
        Ok(())
    }

    /// No book is crossed, and every order is found by both its names.
    fn check_books(&self) -> Result<(), RestoreError> {
        for symbol in &self.symbols {
            let best = |side| self.orders.books.best(symbol.instrument.id(), side);
            let (bid, ask) = (best(Side::Buy), best(Side::Sell));
            if let (Some(bid), Some(ask)) = (bid, ask)
                && bid >= ask
            {
                return Err(RestoreError { what: "a book is crossed" });
            }
        }
        let mut found = 0_usize;
        for slot in self.slots_in_priority() {
            let order = self.orders.record(slot);
            let named = self.orders.by_name(order.name, order.user, &self.orders.details(slot).client_order_id);
            if self.orders.books.find(order.order) != Some(slot) || named != Some(slot) {
                return Err(RestoreError { what: "an order is not found by its names" });
            }
            found = found.saturating_add(1);
        }
        let counted = self.accounts.iter().map(|(_, user)| index_of(user.open_orders)).sum::<usize>();
        if found != self.open_orders() || found != counted {
            return Err(RestoreError { what: "open orders are miscounted" });
        }
        for (id, user) in self.accounts.iter() {
            let orders = self.accounts.orders_of(id, &self.orders.books).map(|slot| self.orders.record(slot));
            if orders.clone().any(|order| order.user != id || order.rests.is_none())
                || !orders.clone().is_sorted_by(|a, b| a.order < b.order)
                || orders.count() != index_of(user.open_orders)
            {
                return Err(RestoreError { what: "a user's list of open orders is wrong" });
            }
        }
        Ok(())
    }
}

fn add(a: Amount, b: Amount) -> Result<Amount, RestoreError> {
    a.checked_add(b).ok_or(RestoreError { what: "a sum of amounts is out of range" })
}
