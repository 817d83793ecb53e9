//! What a table costs: computed from sizes, as the service's documentation counts them, and from list prices.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::item::Item;

/// List price of a million write units on demand, in the cheapest regions, in US dollars (2025).
pub const DOLLARS_PER_MILLION_WRITES: f64 = 0.625;

/// Bytes of an item: names and values.
pub(crate) fn bytes_of(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + bytes_of_value(value)).sum()
}

fn bytes_of_value(value: &AttributeValue) -> usize {
    if let AttributeValue::S(text) = value {
        return text.len();
    }
    if let AttributeValue::B(bytes) = value {
        return bytes.as_ref().len();
    }
    // Of a number two digits a byte, and one more.
    if let AttributeValue::N(number) = value { number.len().div_ceil(2) + 1 } else { 1 }
}
