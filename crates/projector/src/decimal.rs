//! Amounts as decimal text, exactly: `|x| ≤ 10^36` minor units pass what fixed decimal types hold.

use domain::limits::SCALE_MAX;
use domain::units::Amount;

/// Digits of the largest number: a refused command may carry any.
const DIGITS_MAX: usize = 39;
/// Digits that are split off at once, because 64-bit division is several times faster than 128-bit division.
const CHUNK_DIGITS: usize = 19;
const CHUNK: u128 = 10_u128.pow(19);

const _: () = assert!(u128::MAX / 10_u128.pow(38) < 10, "a number has at most DIGITS_MAX digits");
const _: () = assert!((SCALE_MAX as usize) < DIGITS_MAX, "there is room for a zero before the point");
const _: () = assert!(CHUNK < u64::MAX as u128, "a chunk is divided as a u64");

/// The canonical text of an amount: no exponent, no plus, no superfluous zero, digits on both sides of a point.
pub fn text(amount: Amount, scale: u8) -> String {
    let mut text = String::with_capacity(DIGITS_MAX + 2);
    write(&mut text, amount, scale);
    text
}

/// Adds the canonical text of an amount; see [`text`].
pub fn write(out: &mut String, amount: Amount, scale: u8) {
    assert!(scale <= SCALE_MAX, "no asset has so many decimals");
    let mut digits = [b'0'; DIGITS_MAX];
    let written = write_digits(&mut digits, amount.0.unsigned_abs());
    let point = DIGITS_MAX - usize::from(scale);
    let whole = &digits[written.min(point - 1)..point];
    let fraction = &digits[point..];
    let fraction_len = fraction.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    if amount.0 < 0 {
        out.push('-');
    }
    push_ascii(out, whole);
    if fraction_len > 0 {
        out.push('.');
        push_ascii(out, &fraction[..fraction_len]);
    }
}

/// Adds the text of a whole number.
pub fn write_whole(out: &mut String, number: u64) {
    let mut digits = [b'0'; DIGITS_MAX];
    let written = write_digits(&mut digits, u128::from(number));
    push_ascii(out, &digits[written.min(DIGITS_MAX - 1)..]);
}

/// The amount a decimal text says; absent where the text is not a plain decimal, has more decimals than the asset, or is
/// out of range. Reads everything that [`write`] writes.
pub fn parse(text: &str, scale: u8) -> Option<Amount> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (digits, ""),
    };
    let padding = usize::from(scale).checked_sub(fraction.len())?;
    if whole.is_empty() {
        return None;
    }
    let mut units = 0_i128;
    for digit in whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', padding)) {
        let digit = digit.is_ascii_digit().then(|| i128::from(digit - b'0'))?;
        units = units.checked_mul(10)?.checked_add(digit)?;
    }
    Amount::in_range(if negative { -units } else { units })
}

/// Writes the digits so that they end where the buffer ends; the place of the first.
fn write_digits(digits: &mut [u8; DIGITS_MAX], number: u128) -> usize {
    let mut first = DIGITS_MAX;
    let mut number = number;
    while number > u128::from(u64::MAX) {
        let chunk = u64::try_from(number % CHUNK).expect("a remainder of CHUNK");
        number /= CHUNK;
        let end = first;
        write_small(digits, &mut first, chunk);
        // The zeros that lead a chunk are digits of the number; the buffer is made of zeros.
        first = end - CHUNK_DIGITS;
    }
    let rest = u64::try_from(number).expect("checked by the loop");
    write_small(digits, &mut first, rest);
    first
}

fn write_small(digits: &mut [u8; DIGITS_MAX], first: &mut usize, number: u64) {
    let mut number = number;
    while number > 0 {
        *first -= 1;
        digits[*first] += u8::try_from(number % 10).expect("one digit");
        number /= 10;
    }
}

fn push_ascii(out: &mut String, digits: &[u8]) {
    out.push_str(std::str::from_utf8(digits).expect("digits are ASCII"));
}
