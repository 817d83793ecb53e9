//! Decimals of the source as the exact whole numbers of the venue; nothing is rounded.

use domain::instrument::Step;
use domain::limits::SCALE_MAX;
use domain::units::{Amount, Ppm};
use projector::decimal;

/// Decimals of a rate in parts per million.
const RATE_SCALE: u8 = 6;

/// In units of `10^-scale`; absent where it is no decimal, or has more decimals.
pub(super) fn amount(text: &str, scale: u8) -> Option<Amount> {
    decimal::parse(trimmed(text), scale)
}

/// In whole steps; absent where it is no decimal or not a whole number of them.
pub(super) fn steps(text: &str, step: Step) -> Option<u64> {
    let units = decimal::parse(trimmed(text), SCALE_MAX)?.0;
    let size =
        i128::from(step.mantissa).checked_mul(10_i128.checked_pow(u32::from(SCALE_MAX.checked_sub(step.scale)?))?)?;
    let whole = units.checked_rem(size)? == 0;
    whole.then(|| units.checked_div(size)).flatten().and_then(|steps| u64::try_from(steps).ok())
}

/// The step a decimal says.
pub(super) fn step(text: &str) -> Option<Step> {
    let text = trimmed(text);
    let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let scale = u8::try_from(scale).ok().filter(|scale| *scale <= SCALE_MAX)?;
    let mantissa = u64::try_from(decimal::parse(text, scale)?.0).ok().filter(|mantissa| *mantissa > 0)?;
    Some(Step { mantissa, scale })
}

/// A part of one.
pub(super) fn rate(text: &str) -> Option<Ppm> {
    u32::try_from(amount(text, RATE_SCALE)?.0).ok().map(Ppm)
}

/// Without the zeros behind the point that say nothing.
fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_or_refused() {
        assert_eq!(amount("1.50000000000000000000", 2), Some(Amount(150)));
        assert_eq!(amount("-0.10", 1), Some(Amount(-1)));
        assert_eq!(amount("100", 0), Some(Amount(100)));
        assert_eq!(amount("1.001", 2), None);
        for wrong in ["", "NaN", "Infinity", "1e5", "1,5", ".5", "-"] {
            assert_eq!(amount(wrong, 8), None, "{wrong}");
        }
        let half = Step { mantissa: 5, scale: 1 };
        assert_eq!(steps("65000.50", half), Some(130_001));
        assert_eq!((steps("65000.25", half), steps("-1", half)), (None, None));
        assert_eq!(step("0.010"), Some(Step { mantissa: 1, scale: 2 }));
        assert_eq!((step("0"), step("-1"), step("x")), (None, None, None));
        assert_eq!(rate("0.001"), Some(Ppm(1_000)));
    }
}
