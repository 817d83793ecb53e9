//! What the numbers of one symbol look like.

use std::sync::Arc;

use domain::instrument::{Asset, Step};
use domain::units::{Amount, Lots, Ppm, Ticks};
use readmodel::reference::{Reference, Symbol};

use crate::decimal::{Decimal, DecimalText};
use crate::error::Error;

/// Decimals of a rate in parts per million.
pub(crate) const RATE_SCALE: u8 = 8;

/// A symbol with its assets: reads and writes its prices and quantities.
#[derive(Debug, Clone)]
pub(crate) struct Units {
    pub(crate) symbol: Arc<Symbol>,
    pub(crate) base: Asset,
    pub(crate) quote: Asset,
}

impl Units {
    pub(crate) fn new(reference: &Reference, symbol: &Arc<Symbol>) -> Result<Self, Error> {
        let asset = |id| reference.asset(id).copied().ok_or(Error::bad(-1121, "Invalid symbol."));
        let instrument = &symbol.instrument;
        Ok(Self { symbol: Arc::clone(symbol), base: asset(instrument.base())?, quote: asset(instrument.quote())? })
    }

    /// Decimals of a price.
    pub(crate) fn price_scale(&self) -> u8 {
        self.quote.scale.max(self.symbol.instrument.tick_size().scale)
    }

    pub(crate) fn price(&self, price: Ticks) -> DecimalText {
        self.price_of(u128::from(price.0))
    }

    /// A price that may be none: zero.
    pub(crate) fn price_or_zero(&self, price: Option<Ticks>) -> DecimalText {
        self.price_of(price.map_or(0, |price| u128::from(price.0)))
    }

    pub(crate) fn price_units(&self, price: Ticks) -> i128 {
        in_units(u128::from(price.0), self.symbol.instrument.tick_size(), self.price_scale())
    }

    fn price_of(&self, ticks: u128) -> DecimalText {
        let scale = self.price_scale();
        DecimalText::new(in_units(ticks, self.symbol.instrument.tick_size(), scale), scale)
    }

    pub(crate) fn quantity(&self, quantity: Lots) -> DecimalText {
        self.lots(u128::from(quantity.0))
    }

    pub(crate) fn lots(&self, lots: u128) -> DecimalText {
        DecimalText::new(in_units(lots, self.symbol.instrument.lot_size(), self.base.scale), self.base.scale)
    }

    pub(crate) fn base_amount(&self, amount: Amount) -> DecimalText {
        DecimalText::new(amount.0, self.base.scale)
    }

    pub(crate) fn quote_amount(&self, amount: Amount) -> DecimalText {
        DecimalText::new(amount.0, self.quote.scale)
    }

    /// Reads a price: a whole number of ticks.
    pub(crate) fn read_price(&self, name: &str, price: Decimal) -> Result<Ticks, Error> {
        if price.mantissa == 0 {
            return Err(Error::bad(-1013, "Invalid price."));
        }
        if price.scale > self.price_scale() {
            return Err(Error::too_precise(name));
        }
        let ticks = price.steps(self.symbol.instrument.tick_size()).map(Ticks);
        let limits = &self.symbol.limits;
        ticks
            .filter(|ticks| (limits.price_min..=limits.price_max).contains(ticks))
            .ok_or_else(|| Error::filter("PRICE_FILTER"))
    }

    /// Reads a quantity: a whole number of lots.
    pub(crate) fn read_quantity(&self, name: &str, quantity: Decimal) -> Result<Lots, Error> {
        if quantity.mantissa == 0 {
            return Err(Error::bad(-1013, "Invalid quantity."));
        }
        if quantity.scale > self.base.scale {
            return Err(Error::too_precise(name));
        }
        let lots = quantity.steps(self.symbol.instrument.lot_size()).map(Lots);
        let limits = &self.symbol.limits;
        lots.filter(|lots| (limits.quantity_min..=limits.quantity_max).contains(lots))
            .ok_or_else(|| Error::filter("LOT_SIZE"))
    }

    /// Reads an amount of quote that an order is for.
    pub(crate) fn read_quote(&self, name: &str, amount: Decimal) -> Result<Amount, Error> {
        if amount.mantissa == 0 {
            return Err(Error::bad(-1013, "Invalid quote order quantity."));
        }
        if amount.scale > self.quote.scale {
            return Err(Error::too_precise(name));
        }
        let limits = &self.symbol.limits;
        amount
            .minor_units(self.quote.scale)
            .filter(|amount| (limits.notional_min..=limits.notional_max).contains(amount))
            .ok_or_else(|| Error::filter("NOTIONAL"))
    }
}

/// So many steps in units of `10^-scale`, where `scale` is such that it is whole; stops at the end of the range.
fn in_units(steps: u128, step: Step, scale: u8) -> i128 {
    let units = steps.saturating_mul(u128::from(step.mantissa));
    let power = |exponent: u8| 10_u128.checked_pow(u32::from(exponent)).unwrap_or(u128::MAX);
    let units = if scale >= step.scale {
        units.saturating_mul(power(scale - step.scale))
    } else {
        units.checked_div(power(step.scale - scale)).unwrap_or(0)
    };
    i128::try_from(units).unwrap_or(i128::MAX)
}

/// A step as a decimal with at least the decimals of `scale`.
pub(crate) fn step_text(step: Step, scale: u8) -> DecimalText {
    let scale = scale.max(step.scale);
    DecimalText::new(in_units(1, step, scale), scale)
}

/// A rate, one being a whole.
pub(crate) fn rate(rate: Ppm) -> DecimalText {
    DecimalText::new(i128::from(rate.0).saturating_mul(100), RATE_SCALE)
}
