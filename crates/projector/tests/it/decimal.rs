//! Amounts as text and back.

use domain::limits::{AMOUNT_MAX, SCALE_MAX};
use domain::units::Amount;
use projector::decimal::{parse, text, write};
use proptest::prelude::*;

#[test]
fn the_text_is_canonical() {
    for (minor_units, scale, expected) in [
        (0, 0, "0"),
        (0, 8, "0"),
        (1, 0, "1"),
        (1, 8, "0.00000001"),
        (-1, 18, "-0.000000000000000001"),
        (1_250, 2, "12.5"),
        (-1_200, 2, "-12"),
        (100_000_000, 8, "1"),
        (123_456_789, 8, "1.23456789"),
        (i128::from(u64::MAX), 0, "18446744073709551615"),
        (i128::from(u64::MAX) + 1, 0, "18446744073709551616"),
        (10_000_000_000_000_000_000, 0, "10000000000000000000"),
        (100_000_000_000_000_000_000_000_000_001, 18, "100000000000.000000000000000001"),
        (AMOUNT_MAX, 0, "1000000000000000000000000000000000000"),
        (-AMOUNT_MAX, 18, "-1000000000000000000"),
        (AMOUNT_MAX - 1, 18, "999999999999999999.999999999999999999"),
    ] {
        assert_eq!(text(Amount(minor_units), scale), expected);
        assert_eq!(parse(expected, scale), Some(Amount(minor_units)), "{expected}");
    }
}

#[test]
fn a_refused_command_may_carry_any_number() {
    assert_eq!(text(Amount(i128::MAX), 0), i128::MAX.to_string());
    assert_eq!(text(Amount(i128::MIN), 0), i128::MIN.to_string());
}

#[test]
fn what_is_not_a_decimal_of_the_asset_is_not_read() {
    for bad in ["", "-", ".", "1.", ".5", "+1", "1e3", " 1", "1 ", "1_000", "--1", "1.2.3", "0x1", "1.234", "٣"] {
        assert_eq!(parse(bad, 2), None, "{bad:?}");
    }
    assert_eq!(parse("1000000000000000000000000000000000001", 0), None, "past AMOUNT_MAX");
    assert_eq!(parse("1000000000000000000", 18), Some(Amount(AMOUNT_MAX)));
    assert_eq!(parse("1000000000000000000.000000000000000001", 18), None);
    assert_eq!(parse(&"9".repeat(60), 0), None);
}

proptest! {
    #[test]
    fn every_amount_comes_back(minor_units in -AMOUNT_MAX..=AMOUNT_MAX, shift in 0_u32..120, scale in 0..=SCALE_MAX) {
        let amount = Amount(minor_units >> shift);
        let mut out = String::from("x");
        write(&mut out, amount, scale);
        prop_assert_eq!(parse(&out[1..], scale), Some(amount));
        prop_assert!(!out.contains('.') || !out.ends_with('0'));
    }
}
