//! Decimals as the venue writes them.

/// Decimals kept: those of every asset and quantity in use here.
const SCALE: usize = 8;

/// A decimal in units of 10^-8; absent if it is none, or has more decimals.
pub fn units(text: &str) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > SCALE || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    format!("{whole}{fraction:0<SCALE$}").parse::<i128>().ok().map(|units| sign * units)
}

#[cfg(test)]
mod tests {
    use super::units;

    #[test]
    fn decimals_are_read() {
        assert_eq!(units("12.34000000"), Some(1_234_000_000));
        assert_eq!(units("-0.5"), Some(-50_000_000));
        assert_eq!(units("7"), Some(700_000_000));
        assert_eq!(units("0.123456789"), None);
        assert_eq!(units("1e3"), None);
    }
}
