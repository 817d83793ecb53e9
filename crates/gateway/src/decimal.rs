//! Decimals as clients write and read them, and the exact integers that the venue works with. Nothing is ever rounded on
//! the way in.

use domain::instrument::Step;
use domain::limits::SCALE_MAX;
use domain::units::Amount;

use crate::json::Digits;

/// What Binance says a decimal may be.
pub(crate) const RANGE: &str = "^([0-9]{1,20})(\\.[0-9]{1,20})?$";

const DIGITS_MAX: usize = 20;

/// `mantissa / 10^scale`, not negative, without trailing zeros behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) mantissa: u128,
    pub(crate) scale: u8,
}

/// Why a decimal is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecimalError {
    /// Not of the form [`RANGE`].
    Malformed,
    /// More decimals than anything here has.
    TooPrecise,
}

impl Decimal {
    pub(crate) fn parse(text: &str) -> Result<Self, DecimalError> {
        let (whole, part) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
        let is_digits =
            |digits: &str| (1..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !part.is_none_or(is_digits) {
            return Err(DecimalError::Malformed);
        }
        let part = part.unwrap_or_default().trim_end_matches('0');
        let scale = u8::try_from(part.len()).unwrap_or(u8::MAX);
        if scale > SCALE_MAX {
            return Err(DecimalError::TooPrecise);
        }
        // At most 38 digits: below 2^127.
        let digits = whole.bytes().chain(part.bytes());
        let mantissa = digits.fold(0_u128, |sum, digit| sum * 10 + u128::from(digit.wrapping_sub(b'0')));
        Ok(Self { mantissa, scale })
    }

    /// In units of `10^-scale`; absent where that is not whole, or larger than any amount.
    pub(crate) fn minor_units(self, scale: u8) -> Option<Amount> {
        let up = 10_u128.checked_pow(u32::from(scale.checked_sub(self.scale)?))?;
        Amount::in_range(i128::try_from(self.mantissa.checked_mul(up)?).ok()?)
    }

    /// In whole steps; absent where it is not whole, or larger than any quantity or price.
    pub(crate) fn steps(self, step: Step) -> Option<u64> {
        let up = step.scale.max(self.scale);
        let power = |exponent: u8| 10_u128.checked_pow(u32::from(exponent));
        let value = self.mantissa.checked_mul(power(up.checked_sub(self.scale)?)?)?;
        let size = u128::from(step.mantissa).checked_mul(power(up.checked_sub(step.scale)?)?)?;
        // Division of 128 bits is slow, and hardly ever needed.
        if let (Ok(value), Ok(size)) = (u64::try_from(value), u64::try_from(size)) {
            return (value.checked_rem(size)? == 0).then(|| value.checked_div(size))?;
        }
        (value.checked_rem(size)? == 0).then(|| value.checked_div(size))?.and_then(|steps| u64::try_from(steps).ok())
    }
}

/// A decimal as text, in place.
pub(crate) struct DecimalText {
    bytes: [u8; 64],
    first: usize,
}

impl DecimalText {
    /// `units / 10^scale` with exactly `scale` decimals.
    pub(crate) fn new(units: i128, scale: u8) -> Self {
        let mut digits = Digits::new();
        let digits = digits.of(units.unsigned_abs());
        let mut text = Self { bytes: [b'0'; 64], first: 64 };
        let scale = usize::from(scale);
        for (place, digit) in digits.iter().rev().copied().chain(std::iter::repeat(b'0')).enumerate() {
            // A digit before the point, whatever the number.
            if place >= digits.len() && place > scale {
                break;
            }
            if place == scale && scale > 0 {
                text.put(b'.');
            }
            text.put(digit);
        }
        if units < 0 {
            text.put(b'-');
        }
        text
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.first..).unwrap_or_default()
    }

    fn put(&mut self, byte: u8) {
        self.first = self.first.saturating_sub(1);
        if let Some(place) = self.bytes.get_mut(self.first) {
            *place = byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(u128, u8), DecimalError> {
        Decimal::parse(text).map(|decimal| (decimal.mantissa, decimal.scale))
    }

    fn written(units: i128, scale: u8) -> String {
        String::from_utf8(DecimalText::new(units, scale).as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn reads_what_binance_reads() {
        assert_eq!(parsed("0"), Ok((0, 0)));
        assert_eq!(parsed("00012.3400"), Ok((1_234, 2)));
        assert_eq!(parsed("1.000000000000000000"), Ok((1, 0)));
        assert_eq!(parsed("99999999999999999999.999999999999999999"), Ok((10_u128.pow(38) - 1, 18)));
        assert_eq!(parsed("1.0000000000000000001"), Err(DecimalError::TooPrecise));
        for text in ["", ".5", "5.", "-1", "+1", "1e5", "1,5", " 1", "1.2.3", "NaN", "١", "123456789012345678901"] {
            assert_eq!(parsed(text), Err(DecimalError::Malformed), "{text}");
        }
    }

    #[test]
    fn steps_are_exact() {
        let cases = [
            ("0.03", 1, 2, Some(3)),
            ("0.035", 1, 2, None),
            ("0.05", 5, 2, Some(1)),
            ("0.07", 5, 2, None),
            ("10", 25, 1, Some(4)),
            ("10", 4, 0, None),
            ("99999999999999999999", 1, 18, None),
            ("99999999999999999999.5", u64::MAX, 0, None),
            ("18446744073709551615", 1, 0, Some(u64::MAX)),
        ];
        for (text, mantissa, scale, steps) in cases {
            assert_eq!(Decimal::parse(text).unwrap().steps(Step { mantissa, scale }), steps, "{text}");
        }
    }

    #[test]
    fn text_has_the_scale_asked_for() {
        let cases = [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (5, 2, "0.05"),
            (-5, 2, "-0.05"),
            (12_345, 2, "123.45"),
            (12_345, 0, "12345"),
            (-1_000, 3, "-1.000"),
            (1_234, 4, "0.1234"),
        ];
        for (units, scale, text) in cases {
            assert_eq!(written(units, scale), text);
        }
        assert_eq!(written(10_i128.pow(36), 18), "1000000000000000000.000000000000000000");
        assert_eq!(written(i128::MIN, 18), "-170141183460469231731.687303715884105728");
    }
}
