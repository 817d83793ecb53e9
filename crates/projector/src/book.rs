//! The orders of one symbol, added up per price.

use std::collections::BTreeMap;

use domain::order::Side;
use domain::units::{Lots, Seq, Ticks};

/// What rests at one price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// The price.
    pub price: Ticks,
    /// Lots, all orders together (more than one order may hold).
    pub lots: u128,
}

/// The best prices of a book, best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// A command after which the book was exactly so.
    pub seq: Seq,
    /// What buyers offer.
    pub bids: Vec<Level>,
    /// What sellers ask.
    pub asks: Vec<Level>,
}

/// The best price of either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Best {
    /// What buyers offer.
    pub bid: Option<Level>,
    /// What sellers ask.
    pub ask: Option<Level>,
}

/// What rests in one symbol, price by price.
#[derive(Debug, Clone, Default)]
pub struct Book {
    bids: BTreeMap<Ticks, u128>,
    asks: BTreeMap<Ticks, u128>,
}

impl Book {
    /// Adds what comes to rest.
    pub fn add(&mut self, side: Side, price: Ticks, quantity: Lots) {
        *self.side(side).entry(price).or_default() += u128::from(quantity.0);
    }

    /// Takes away what leaves.
    ///
    /// # Panics
    /// Where that is more than was there.
    pub fn remove(&mut self, side: Side, price: Ticks, quantity: Lots) {
        self.checked_remove(side, price, quantity).expect("no more leaves a price than was there");
    }

    /// Takes away what leaves; absent, and nothing is taken, where that is more than was there.
    #[must_use]
    pub fn checked_remove(&mut self, side: Side, price: Ticks, quantity: Lots) -> Option<()> {
        let levels = self.side(side);
        let lots = levels.get_mut(&price)?;
        *lots = lots.checked_sub(u128::from(quantity.0))?;
        if *lots == 0 {
            levels.remove(&price);
        }
        Some(())
    }

    /// The best price of either side.
    pub fn best(&self) -> Best {
        let level = |(&price, &lots): (&Ticks, &u128)| Level { price, lots };
        Best { bid: self.bids.last_key_value().map(level), ask: self.asks.first_key_value().map(level) }
    }

    /// The best `limit` prices of each side.
    pub fn depth(&self, limit: usize, seq: Seq) -> Depth {
        let level = |(&price, &lots): (&Ticks, &u128)| Level { price, lots };
        Depth {
            seq,
            bids: self.bids.iter().rev().take(limit).map(level).collect(),
            asks: self.asks.iter().take(limit).map(level).collect(),
        }
    }

    fn side(&mut self, side: Side) -> &mut BTreeMap<Ticks, u128> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }
}
