//! Quantities, each with its unit.

use crate::limits::{AMOUNT_MAX, LOTS_MAX, PPM_ONE, SHARD_WEIGHT_MAX, TICKS_MAX};

/// A price: a whole number of the symbol's tick size. In an order: `1 ..= TICKS_MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ticks(pub u64);

impl Ticks {
    /// Whether this is a price an order may carry.
    pub const fn is_valid(self) -> bool {
        self.0 >= 1 && self.0 <= TICKS_MAX
    }
}

/// A quantity: a whole number of the symbol's lot size. In an order: `1 ..= LOTS_MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lots(pub u64);

impl Lots {
    /// No lots.
    pub const ZERO: Self = Self(0);

    /// Whether this is a quantity an order may carry.
    pub const fn is_valid(self) -> bool {
        self.0 >= 1 && self.0 <= LOTS_MAX
    }

    /// `self + other`, absent on overflow.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(lots) => Some(Self(lots)),
            None => None,
        }
    }

    /// `self - other`, absent if `other` is the larger.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(lots) => Some(Self(lots)),
            None => None,
        }
    }

    /// Whether nothing is left.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// How much of what is new a shard takes, relative to the others. `1 ..= SHARD_WEIGHT_MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(pub u32);

impl Weight {
    /// Whether a shard may have this weight.
    pub const fn is_valid(self) -> bool {
        self.0 >= 1 && self.0 <= SHARD_WEIGHT_MAX
    }
}

/// Money: minor units of one asset (its code and scale are known from the context). `|x| ≤ AMOUNT_MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(pub i128);

impl Amount {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// `self + other`, absent where the sum would leave `±AMOUNT_MAX`.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Self::in_range(sum),
            None => None,
        }
    }

    /// `self + other`; stops at `±AMOUNT_MAX`. For sums that only describe: money is never added so.
    #[must_use]
    pub fn bounded_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0).clamp(AMOUNT_MAX.saturating_neg(), AMOUNT_MAX))
    }

    /// `self - other`, absent where the difference would leave `±AMOUNT_MAX`.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Self::in_range(difference),
            None => None,
        }
    }

    /// `-self`; the range is symmetric, so this cannot fail.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self(self.0.saturating_neg())
    }

    /// The number as an amount, absent outside `±AMOUNT_MAX`.
    pub const fn in_range(minor_units: i128) -> Option<Self> {
        if minor_units >= -AMOUNT_MAX && minor_units <= AMOUNT_MAX { Some(Self(minor_units)) } else { None }
    }

    /// Whether this is more than nothing.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Whether this is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// A rate in parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ppm(pub u32);

impl Ppm {
    /// `amount × rate`, rounded down (for a fee: in the user's favour). `amount` must not be negative.
    pub fn of(self, amount: Amount) -> Amount {
        debug_assert!(amount.0 >= 0, "a rate is taken of what was received");
        match u64::try_from(amount.0) {
            Ok(amount) => self.of_little(amount),
            Err(_) => self.of_much(amount),
        }
    }

    /// As [`Ppm::of`]: nearly always the amount has 64 bits, and dividing those by a constant is a multiplication.
    fn of_little(self, amount: u64) -> Amount {
        let (whole, rest) = (amount.div_euclid(PPM_ONE.into()), amount.rem_euclid(PPM_ONE.into()));
        let rate = u64::from(self.0);
        let part = rest.saturating_mul(rate).div_euclid(PPM_ONE.into());
        Amount(i128::from(whole).saturating_mul(i128::from(rate)).saturating_add(part.into()))
    }

    fn of_much(self, amount: Amount) -> Amount {
        // Split at a million, so that the product stays inside i128 for every amount in range.
        let whole = amount.0.div_euclid(i128::from(PPM_ONE));
        let rest = amount.0.rem_euclid(i128::from(PPM_ONE));
        let rate = i128::from(self.0);
        let part = rest.saturating_mul(rate).div_euclid(i128::from(PPM_ONE));
        Amount(whole.saturating_mul(rate).saturating_add(part))
    }
}

/// Position of a command in the journal: 1, 2, 3, … without gaps; 0 is the state before the first command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first command.
    pub const ZERO: Self = Self(0);

    /// The sequence after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The sequence before this one; zero stays zero.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// One life of the writer: every start (later: every election) takes the next. The first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

/// Nanoseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixNanos(pub u64);

impl UnixNanos {
    /// The time in whole milliseconds, as the REST interface shows it (rounded down).
    #[expect(clippy::integer_division, reason = "rounding down is what a time stamp does")]
    pub const fn millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The time `nanos` later; stops at the end of the range.
    #[must_use]
    pub const fn plus(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// `a × b / c`, rounded toward zero, without overflow in between; absent where `c` is zero or the result passes `i128`.
pub fn mul_div(a: i128, b: i128, c: i128) -> Option<i128> {
    if let Some(product) = a.checked_mul(b) {
        return product.checked_div(c);
    }
    let negative = (a < 0) ^ (b < 0) ^ (c < 0);
    let quotient = mul_div_unsigned(a.unsigned_abs(), b.unsigned_abs(), c.unsigned_abs())?;
    let quotient = i128::try_from(quotient).ok()?;
    if negative { quotient.checked_neg() } else { Some(quotient) }
}

/// Multiplies by the bits of `b`, highest first, keeping only quotient and remainder of the division by `c`.
fn mul_div_unsigned(a: u128, b: u128, c: u128) -> Option<u128> {
    let (whole, part) = (a.checked_div(c)?, a.checked_rem(c)?);
    let (mut quotient, mut remainder) = (0_u128, 0_u128);
    for bit in (0..u128::BITS).rev() {
        let (carry, doubled) = add_modulo(remainder, remainder, c);
        quotient = quotient.checked_mul(2)?.checked_add(carry)?;
        remainder = doubled;
        if b.checked_shr(bit)? & 1 == 1 {
            let (carry, sum) = add_modulo(remainder, part, c);
            quotient = quotient.checked_add(whole)?.checked_add(carry)?;
            remainder = sum;
        }
    }
    Some(quotient)
}

/// `a + b` as quotient (0 or 1) and remainder by `c`, for `a, b < c`.
fn add_modulo(a: u128, b: u128, c: u128) -> (u128, u128) {
    let room = c.wrapping_sub(a);
    if b >= room { (1, b.wrapping_sub(room)) } else { (0, a.wrapping_add(b)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::FEE_PPM_MAX;

    #[test]
    fn a_product_wider_than_128_bits_is_divided_exactly() {
        let large = AMOUNT_MAX;
        assert_eq!(mul_div(large, large, large), Some(large));
        assert_eq!(mul_div(-large, large - 1, large), Some(-(large - 1)));
        assert_eq!(mul_div(large, 7, 3), Some(2_333_333_333_333_333_333_333_333_333_333_333_333));
        assert_eq!(mul_div(large, large, 3), None, "the result passes i128");
        assert_eq!(mul_div(1, 1, 0), None);
        assert_eq!(mul_div(-7, 1, 2), Some(-3), "toward zero");
        // (10^36 - 1) × (10^36 - 3) / 10^36 = 10^36 - 4 + 3/10^36
        assert_eq!(mul_div(large - 1, large - 3, large), Some(large - 4));
        assert_eq!(mul_div(large - 1, -(large - 3), large), Some(-(large - 4)));
    }

    #[test]
    fn a_fee_is_rounded_down_and_never_more_than_a_tenth() {
        assert_eq!(Ppm(1_000).of(Amount(1_999)), Amount(1));
        assert_eq!(Ppm(1_000).of(Amount(999)), Amount(0));
        assert_eq!(Ppm(FEE_PPM_MAX).of(Amount(AMOUNT_MAX)), Amount(AMOUNT_MAX / 10));
        assert_eq!(Ppm(999).of(Amount(AMOUNT_MAX)), Amount(AMOUNT_MAX / 1_000_000 * 999));
    }

    #[test]
    fn a_fee_of_little_is_a_fee_of_much() {
        for amount in [0, 1, 999, 1_000_000, 1_000_001, 123_456_789_012, u64::MAX - 1, u64::MAX] {
            for rate in [0, 1, 999, FEE_PPM_MAX, PPM_ONE, u32::MAX] {
                assert_eq!(Ppm(rate).of_little(amount), Ppm(rate).of_much(Amount(amount.into())), "{rate} of {amount}");
            }
        }
    }
}
