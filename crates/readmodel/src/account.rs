//! What one user has, as reads show it, and where the user's rows are.

use domain::ids::{AssetId, OrderId, SymbolId};
use domain::units::Amount;
use prefetch::prefetch;

use crate::kept::Slot;
use crate::ring::Place;

/// Money of one user in one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// In what.
    pub asset: AssetId,
    /// Free; negative where credit is drawn.
    pub free: Amount,
    /// Held by open orders and pending withdrawals.
    pub locked: Amount,
    /// How far below zero orders may draw.
    pub credit_limit: Amount,
}

/// What one user has traded on one symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// In which symbol.
    pub symbol: SymbolId,
    /// In base minor units; negative: short.
    pub quantity: Amount,
    /// What the open quantity cost, with the sign of the quantity.
    pub cost: Amount,
    /// Profit of what was closed so far.
    pub realised: Amount,
}

/// One user.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// By asset.
    balances: Vec<Balance>,
    /// By symbol.
    traded: Vec<Traded>,
    /// By id, which is the order they came in; an order that is gone leaves its place empty for a while.
    open: Vec<(OrderId, Option<Slot>)>,
    gone: usize,
    pub(crate) last_closed: Option<Place>,
    pub(crate) last_ledger: Option<Place>,
}

/// What one user has traded on one symbol.
#[derive(Debug)]
struct Traded {
    symbol: SymbolId,
    position: Option<Position>,
    last_fill: Option<Place>,
}

impl Account {
    pub(crate) fn balances(&self) -> &[Balance] {
        &self.balances
    }

    pub(crate) fn positions(&self) -> impl Iterator<Item = Position> {
        self.traded.iter().filter_map(|traded| traded.position)
    }

    pub(crate) fn last_fill(&self, symbol: SymbolId) -> Option<Place> {
        let index = self.traded.binary_search_by_key(&symbol, |traded| traded.symbol).ok()?;
        self.traded[index].last_fill
    }

    /// The open orders with ids above `after`.
    pub(crate) fn open_after(&self, after: OrderId) -> impl Iterator<Item = Slot> {
        let first = self.open.partition_point(|(order, _)| *order <= after);
        self.open[first..].iter().filter_map(|(_, slot)| *slot)
    }

    pub(crate) fn set_balance(&mut self, asset: AssetId, free: Amount, locked: Amount) {
        let balance = self.balance(asset);
        (balance.free, balance.locked) = (free, locked);
    }

    pub(crate) fn set_credit_limit(&mut self, asset: AssetId, limit: Amount) {
        self.balance(asset).credit_limit = limit;
    }

    pub(crate) fn set_position(&mut self, position: Position) {
        self.traded(position.symbol).position = Some(position);
    }

    pub(crate) fn last_fill_mut(&mut self, symbol: SymbolId) -> &mut Option<Place> {
        &mut self.traded(symbol).last_fill
    }

    /// Fetches the balance of an asset, if it is where it is of one who has all of them.
    pub(crate) fn prefetch_balance(&self, asset: AssetId) {
        if let Some(balance) = self.balances.get(place_of(asset.0)) {
            prefetch(balance);
        }
    }

    /// Fetches what was traded on a symbol, if it is where it is of one who trades all of them.
    pub(crate) fn prefetch_traded(&self, symbol: SymbolId) {
        if let Some(traded) = self.traded.get(place_of(symbol.0)) {
            prefetch(traded);
        }
    }

    /// Fetches where the next open order will be listed.
    pub(crate) fn prefetch_end(&self) {
        if let Some(last) = self.open.last() {
            prefetch(last);
        }
    }

    pub(crate) fn prefetch_listed(&self, listed: u32) {
        if let Some(open) = self.open.get(place_of(listed)) {
            prefetch(open);
        }
    }

    fn balance(&mut self, asset: AssetId) -> &mut Balance {
        let index = match search(&self.balances, asset.0, |balance| balance.asset.0) {
            Ok(index) => index,
            Err(index) => {
                let nothing = Amount::ZERO;
                let empty = Balance { asset, free: nothing, locked: nothing, credit_limit: nothing };
                self.balances.insert(index, empty);
                index
            }
        };
        &mut self.balances[index]
    }

    fn traded(&mut self, symbol: SymbolId) -> &mut Traded {
        let index = match search(&self.traded, symbol.0, |traded| traded.symbol.0) {
            Ok(index) => index,
            Err(index) => {
                self.traded.insert(index, Traded { symbol, position: None, last_fill: None });
                index
            }
        };
        &mut self.traded[index]
    }

    /// Where the next open order will be listed.
    pub(crate) fn next_listed(&self) -> u32 {
        u32::try_from(self.open.len()).expect("open orders are counted by u32")
    }

    pub(crate) fn push_open(&mut self, order: OrderId, slot: Slot) {
        debug_assert!(self.open.last().is_none_or(|(last, _)| *last < order), "order ids are given out in order");
        self.open.push((order, Some(slot)));
    }

    /// An order that was listed at `listed`, or before that by now, is open no longer.
    pub(crate) fn remove_open(&mut self, order: OrderId, listed: u32) {
        const GONE_MIN: usize = 32;
        if self.open.last().is_some_and(|(last, _)| *last == order) {
            self.open.pop();
            while self.open.pop_if(|(_, slot)| slot.is_none()).is_some() {
                self.gone -= 1;
            }
            return;
        }
        let listed = place_of(listed);
        let index = match self.open.get(listed) {
            Some((id, _)) if *id == order => listed,
            Some(_) | None => {
                let index = self.open.binary_search_by_key(&order, |(id, _)| *id);
                index.expect("an open order is among the open")
            }
        };
        self.open[index].1 = None;
        self.gone += 1;
        if self.gone >= GONE_MIN && self.gone * 2 > self.open.len() {
            self.open.retain(|(_, slot)| slot.is_some());
            self.gone = 0;
        }
    }
}

fn place_of(id: u32) -> usize {
    usize::try_from(id).expect("a dense id is an index")
}

/// As a binary search, but looks first where the value is of one who has all of them: the ids are dense.
fn search<T>(values: &[T], id: u32, id_of: impl Fn(&T) -> u32) -> Result<usize, usize> {
    let dense = place_of(id);
    match values.get(dense) {
        Some(value) if id_of(value) == id => Ok(dense),
        Some(_) | None => values.binary_search_by_key(&id, id_of),
    }
}
