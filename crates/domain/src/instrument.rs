//! Assets and symbols: what a tick and a lot are worth.

use crate::ids::{AssetId, SymbolId};
use crate::limits::{AMOUNT_MAX, BAND_PPM_MAX, FEE_PPM_MAX, LOTS_MAX, PPM_ONE, SCALE_MAX, TICKS_MAX};
use crate::text::{AssetCode, SymbolCode};
use crate::units::{Amount, Lots, Ppm, Ticks};

/// Something that can be owned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Its id.
    pub id: AssetId,
    /// Its code.
    pub code: AssetCode,
    /// Decimals: one unit is `10^scale` minor units. `0 ..= SCALE_MAX`.
    pub scale: u8,
}

/// A positive decimal `mantissa / 10^scale`: the size of a tick (quote per base) or of a lot (base).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    /// At least 1.
    pub mantissa: u64,
    /// Decimals. `0 ..= SCALE_MAX`.
    pub scale: u8,
}

/// Fee rates, each `0 ..= FEE_PPM_MAX`, charged in the asset received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fees {
    /// For the order that rested.
    pub maker: Ppm,
    /// For the order that came.
    pub taker: Ppm,
}

impl Fees {
    /// Whether both rates are inside the limit.
    pub const fn is_valid(self) -> bool {
        self.maker.0 <= FEE_PPM_MAX && self.taker.0 <= FEE_PPM_MAX
    }
}

/// How far from the last trade an order's price may be. No band applies before the first trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PriceBand {
    /// Above the last price, in parts per million of it. `1 ..= BAND_PPM_MAX`.
    pub above: Ppm,
    /// Below the last price, in parts per million of it. `1 ..= 1_000_000`.
    pub below: Ppm,
}

impl PriceBand {
    /// Whether the widths are inside their limits.
    pub const fn is_valid(self) -> bool {
        self.above.0 >= 1 && self.above.0 <= BAND_PPM_MAX && self.below.0 >= 1 && self.below.0 <= PPM_ONE
    }

    /// Lowest and highest price allowed when the last trade was at `last`: the lower bound is rounded up, the upper
    /// bound down, and both stay inside `1 ..= TICKS_MAX`.
    pub fn around(self, last: Ticks) -> (Ticks, Ticks) {
        let one = u128::from(PPM_ONE);
        let price = u128::from(last.0);
        let down = price.saturating_mul(one.saturating_sub(u128::from(self.below.0))).div_ceil(one);
        let up = price
            .saturating_mul(one.saturating_add(u128::from(self.above.0)))
            .checked_div(one)
            .unwrap_or(u128::from(TICKS_MAX));
        let clamp = |ticks: u128| Ticks(u64::try_from(ticks).unwrap_or(TICKS_MAX).clamp(1, TICKS_MAX));
        (clamp(down), clamp(up))
    }
}

/// What an order of a symbol may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolLimits {
    /// Lowest price.
    pub price_min: Ticks,
    /// Highest price.
    pub price_max: Ticks,
    /// Smallest quantity.
    pub quantity_min: Lots,
    /// Largest quantity.
    pub quantity_max: Lots,
    /// Smallest price × quantity of a limit order, and smallest `quoteOrderQty` of a market order, in quote minor units.
    pub notional_min: Amount,
    /// Largest price × quantity of a limit order, and largest `quoteOrderQty` of a market order, in quote minor units.
    pub notional_max: Amount,
    /// The price band, if there is one.
    pub band: Option<PriceBand>,
}

impl SymbolLimits {
    /// Limits that refuse nothing the types allow.
    pub const WIDEST: Self = Self {
        price_min: Ticks(1),
        price_max: Ticks(TICKS_MAX),
        quantity_min: Lots(1),
        quantity_max: Lots(LOTS_MAX),
        notional_min: Amount(0),
        notional_max: Amount(AMOUNT_MAX),
        band: None,
    };

    /// Whether every range is non-empty and inside the types' ranges.
    pub fn is_valid(&self) -> bool {
        self.price_min.is_valid()
            && self.price_max.is_valid()
            && self.price_min <= self.price_max
            && self.quantity_min.is_valid()
            && self.quantity_max.is_valid()
            && self.quantity_min <= self.quantity_max
            && self.notional_min.0 >= 0
            && self.notional_min <= self.notional_max
            && self.notional_max.0 <= AMOUNT_MAX
            && self.band.is_none_or(PriceBand::is_valid)
    }
}

/// Whether a symbol takes orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SymbolStatus {
    /// It does.
    Trading,
    /// New orders, replacements and amendments are refused; cancels go through.
    Halted,
}

/// One of the two assets of a symbol, as far as the symbol depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leg {
    /// The asset.
    pub asset: AssetId,
    /// Its decimals. `0 ..= SCALE_MAX`.
    pub scale: u8,
}

impl Leg {
    /// The leg that is this asset.
    pub const fn of(asset: &Asset) -> Self {
        Self { asset: asset.id, scale: asset.scale }
    }
}

/// A symbol: base and quote asset, tick and lot, and what they are worth in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instrument {
    id: SymbolId,
    code: SymbolCode,
    base: Leg,
    quote: Leg,
    tick_size: Step,
    lot_size: Step,
    base_per_lot: Amount,
    quote_per_tick_lot: Amount,
}

/// Why a symbol cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstrumentError {
    /// Base and quote are the same asset.
    SameAsset,
    /// A step is zero or has more decimals than `SCALE_MAX`.
    StepOutOfRange,
    /// One lot is not a whole number of base minor units.
    LotNotWhole,
    /// Tick × lot is not a whole number of quote minor units.
    TickLotNotWhole,
    /// One lot, or one tick × lot, is worth more than `AMOUNT_MAX`.
    TooLarge,
}

/// A product of units left the range of amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotionalOverflow;

impl Instrument {
    /// The symbol, if tick and lot come out whole in the assets' minor units.
    pub fn new(
        id: SymbolId,
        code: SymbolCode,
        base: &Asset,
        quote: &Asset,
        tick_size: Step,
        lot_size: Step,
    ) -> Result<Self, InstrumentError> {
        Self::of_legs(id, code, Leg::of(base), Leg::of(quote), tick_size, lot_size)
    }

    /// As [`Instrument::new`], for a reader of records, which has no more of the assets than what was written of them.
    pub fn of_legs(
        id: SymbolId,
        code: SymbolCode,
        base: Leg,
        quote: Leg,
        tick_size: Step,
        lot_size: Step,
    ) -> Result<Self, InstrumentError> {
        if base.asset == quote.asset {
            return Err(InstrumentError::SameAsset);
        }
        for step in [tick_size, lot_size] {
            if step.mantissa == 0 || step.scale > SCALE_MAX {
                return Err(InstrumentError::StepOutOfRange);
            }
        }
        let lot = i128::from(lot_size.mantissa);
        let base_per_lot = scaled(lot, base.scale, lot_size.scale)?.ok_or(InstrumentError::LotNotWhole)?;
        let tick_lot = lot.checked_mul(i128::from(tick_size.mantissa)).ok_or(InstrumentError::TooLarge)?;
        let decimals = lot_size.scale.saturating_add(tick_size.scale);
        let quote_per_tick_lot = scaled(tick_lot, quote.scale, decimals)?.ok_or(InstrumentError::TickLotNotWhole)?;
        Ok(Self { id, code, base, quote, tick_size, lot_size, base_per_lot, quote_per_tick_lot })
    }

    /// The symbol's id.
    pub const fn id(&self) -> SymbolId {
        self.id
    }
    /// The symbol's code.
    pub const fn code(&self) -> SymbolCode {
        self.code
    }
    /// What is traded.
    pub const fn base(&self) -> AssetId {
        self.base.asset
    }
    /// What it is paid in.
    pub const fn quote(&self) -> AssetId {
        self.quote.asset
    }
    /// What is traded, with its decimals.
    pub const fn base_leg(&self) -> Leg {
        self.base
    }
    /// What it is paid in, with its decimals.
    pub const fn quote_leg(&self) -> Leg {
        self.quote
    }
    /// Quote per base of one tick.
    pub const fn tick_size(&self) -> Step {
        self.tick_size
    }
    /// Base of one lot.
    pub const fn lot_size(&self) -> Step {
        self.lot_size
    }

    /// `price × quantity` in quote minor units; exact, or overflow.
    pub fn notional(&self, price: Ticks, quantity: Lots) -> Result<Amount, NotionalOverflow> {
        let tick_lots = u128::from(price.0).checked_mul(u128::from(quantity.0)).ok_or(NotionalOverflow)?;
        worth(tick_lots, self.quote_per_tick_lot)
    }

    /// `quantity` in base minor units; exact, or overflow.
    pub fn base_amount(&self, quantity: Lots) -> Result<Amount, NotionalOverflow> {
        worth(u128::from(quantity.0), self.base_per_lot)
    }

    /// Most lots that `funds` of quote pay for at `price`, rounded down; nothing for funds of zero or less.
    pub fn lots_for_quote(&self, price: Ticks, funds: Amount) -> Lots {
        let per_lot = i128::from(price.0).saturating_mul(self.quote_per_tick_lot.0);
        lots_of(funds, per_lot)
    }

    /// Most lots that `funds` of base deliver, rounded down; nothing for funds of zero or less.
    pub fn lots_for_base(&self, funds: Amount) -> Lots {
        lots_of(funds, self.base_per_lot.0)
    }
}

/// `units × each`; exact, or overflow.
fn worth(units: u128, each: Amount) -> Result<Amount, NotionalOverflow> {
    match (u64::try_from(units), u64::try_from(each.0)) {
        // Nearly always: one multiplication, which cannot overflow.
        (Ok(units), Ok(each)) => {
            let amount = u128::from(units).checked_mul(u128::from(each)).ok_or(NotionalOverflow)?;
            i128::try_from(amount).ok().and_then(Amount::in_range).ok_or(NotionalOverflow)
        }
        (Ok(_) | Err(_), Ok(_) | Err(_)) => worth_of_many(units, each),
    }
}

/// As [`worth`], of any numbers.
fn worth_of_many(units: u128, each: Amount) -> Result<Amount, NotionalOverflow> {
    let units = i128::try_from(units).or(Err(NotionalOverflow))?;
    let amount = units.checked_mul(each.0).ok_or(NotionalOverflow)?;
    Amount::in_range(amount).ok_or(NotionalOverflow)
}

fn lots_of(funds: Amount, per_lot: i128) -> Lots {
    if funds.0 <= 0 {
        return Lots::ZERO;
    }
    let lots = funds.0.checked_div(per_lot).unwrap_or(0);
    Lots(u64::try_from(lots).unwrap_or(LOTS_MAX).min(LOTS_MAX))
}

/// `mantissa × 10^(scale - decimals)` as an amount; the inner option is absent where that is not whole.
fn scaled(mantissa: i128, scale: u8, decimals: u8) -> Result<Option<Amount>, InstrumentError> {
    let power = |exponent: u8| 10_i128.checked_pow(u32::from(exponent)).ok_or(InstrumentError::TooLarge);
    let units = if scale >= decimals {
        mantissa.checked_mul(power(scale.saturating_sub(decimals))?)
    } else {
        let divisor = power(decimals.saturating_sub(scale))?;
        if mantissa.checked_rem(divisor) != Some(0) {
            return Ok(None);
        }
        mantissa.checked_div(divisor)
    };
    units.and_then(Amount::in_range).map(Some).ok_or(InstrumentError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(id: u32, code: &str, scale: u8) -> Asset {
        Asset { id: AssetId(id), code: AssetCode::new(code).unwrap(), scale }
    }

    fn symbol(tick_size: Step, lot_size: Step) -> Result<Instrument, InstrumentError> {
        let code = SymbolCode::new("BTCUSDT").unwrap();
        Instrument::new(SymbolId(0), code, &asset(0, "BTC", 8), &asset(1, "USDT", 6), tick_size, lot_size)
    }

    #[test]
    fn a_tick_times_a_lot_is_a_whole_number_of_minor_units_or_there_is_no_symbol() {
        let btc = symbol(Step { mantissa: 1, scale: 2 }, Step { mantissa: 1, scale: 4 }).unwrap();
        // 65,000.00 USDT × 0.0150 BTC = 975 USDT.
        assert_eq!(btc.notional(Ticks(6_500_000), Lots(150)), Ok(Amount(975_000_000)));
        assert_eq!(btc.base_amount(Lots(150)), Ok(Amount(1_500_000)));
        assert_eq!(btc.lots_for_quote(Ticks(6_500_000), Amount(975_000_000)), Lots(150));
        assert_eq!(btc.lots_for_quote(Ticks(6_500_000), Amount(974_999_999)), Lots(149));
        let step = |mantissa, scale| Step { mantissa, scale };
        assert_eq!(symbol(step(1, 4), step(1, 4)), Err(InstrumentError::TickLotNotWhole));
        assert_eq!(symbol(step(1, 0), step(1, 9)), Err(InstrumentError::LotNotWhole));
        assert_eq!(symbol(step(0, 0), step(1, 0)), Err(InstrumentError::StepOutOfRange));
        assert_eq!(symbol(step(1, 19), step(1, 0)), Err(InstrumentError::StepOutOfRange));
    }

    #[test]
    fn a_product_out_of_range_is_an_error() {
        let step = |mantissa, scale| Step { mantissa, scale };
        let whole = symbol(step(1, 0), step(1, 0)).unwrap();
        assert_eq!(whole.notional(Ticks(TICKS_MAX), Lots(LOTS_MAX)), Err(NotionalOverflow));
        let large = symbol(step(u64::MAX, 0), step(1, 0)).unwrap();
        assert_eq!(large.notional(Ticks(TICKS_MAX), Lots(1)), Err(NotionalOverflow));
    }

    #[test]
    fn the_short_product_is_the_long_one() {
        let (ones, thirds) = (u128::from(u64::MAX), u128::from(u64::MAX / 3));
        let numbers = [0, 1, 2, 999_999, 1 << 31, (1 << 32) + 1, 10_u128.pow(18), thirds, ones, ones + 1, 1 << 90];
        for units in numbers {
            for each in numbers {
                let each = Amount(i128::try_from(each).unwrap());
                assert_eq!(worth(units, each), worth_of_many(units, each), "{units} × {}", each.0);
            }
        }
    }

    #[test]
    fn a_band_is_rounded_inward() {
        let band = PriceBand { above: Ppm(100_000), below: Ppm(100_000) };
        assert_eq!(band.around(Ticks(101)), (Ticks(91), Ticks(111)));
        assert_eq!(band.around(Ticks(1)), (Ticks(1), Ticks(1)));
    }
}
