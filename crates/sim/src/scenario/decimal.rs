//! Decimals, exactly: no float ever holds a price or an amount.

use domain::instrument::Step;

/// `units / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    pub units: i128,
    pub scale: u8,
}

impl Decimal {
    pub(super) fn read(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let all = format!("{whole}{part}");
        if whole.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let magnitude: u128 = all.parse().ok()?;
        let units = if negative { 0_i128.checked_sub_unsigned(magnitude)? } else { i128::try_from(magnitude).ok()? };
        Some(Self { units, scale: u8::try_from(part.len()).ok()? })
    }

    /// The units of the same value with another scale; absent where it does not come out whole.
    pub(super) fn at_scale(self, scale: u8) -> Option<i128> {
        if scale >= self.scale {
            return self.units.checked_mul(10_i128.checked_pow(u32::from(scale - self.scale))?);
        }
        let divisor = 10_i128.checked_pow(u32::from(self.scale - scale))?;
        (self.units % divisor == 0).then(|| self.units / divisor)
    }

    /// How many steps; absent where that is not whole, negative, or more than a command can carry.
    pub(super) fn in_steps(self, step: Step) -> Option<u64> {
        let units = self.at_scale(step.scale)?;
        let mantissa = i128::from(step.mantissa);
        if mantissa == 0 || units % mantissa != 0 {
            return None;
        }
        u64::try_from(units / mantissa).ok()
    }

    /// So many steps; absent where that is more than a decimal can hold.
    pub(super) fn of_steps(steps: u64, step: Step) -> Option<Self> {
        let units = i128::from(steps).checked_mul(i128::from(step.mantissa))?;
        Some(Self { units, scale: step.scale })
    }

    /// With all decimals, as prices are written.
    pub(super) fn full(self) -> String {
        let scale = usize::from(self.scale);
        let digits = format!("{:0>width$}", self.units.unsigned_abs(), width = scale + 1);
        let (whole, part) = digits.split_at(digits.len() - scale);
        let sign = if self.units < 0 { "-" } else { "" };
        if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
    }

    /// Without zeros at the end, as quantities and amounts are written.
    pub(super) fn short(self) -> String {
        let full = self.full();
        if full.contains('.') { full.trim_end_matches('0').trim_end_matches('.').to_owned() } else { full }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_and_written_exactly() {
        let rows = [("0.10", "0.10", "0.1"), ("-12.500", "-12.500", "-12.5"), ("7", "7", "7"), ("+100", "100", "100")];
        for (text, full, short) in rows {
            let decimal = Decimal::read(text).unwrap();
            assert_eq!((decimal.full().as_str(), decimal.short().as_str()), (full, short));
        }
        assert_eq!(Decimal::read(&i128::MIN.to_string()).map(|least| least.units), Some(i128::MIN));
        for text in ["", ".5", "1e3", "1.2.3", "-", "0x1"] {
            assert_eq!(Decimal::read(text), None, "{text}");
        }
        let price = |text| Decimal::read(text).unwrap().in_steps(Step { mantissa: 5, scale: 2 });
        assert_eq!(
            (price("1.00"), price("1.05"), price("1.02"), price("1.050"), price("1.001")),
            (Some(20), Some(21), None, Some(21), None)
        );
    }
}
