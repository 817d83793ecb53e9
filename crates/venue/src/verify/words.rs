//! Rows in words, for people.

use std::iter::Peekable;
use std::str::Chars;

use projector::store::StoredRow;

use super::key::key_of;

/// Shorter lists of bytes are numbers, longer ones hashes and keys.
const HASH_BYTES_MIN: usize = 16;

/// `balance: user 3, asset 1, free 100, locked 0, last_seq 17`: all that a row says. Rows have names and values in what they are printed as
/// for us; this leaves out what only says of which type a value is.
pub(super) fn row(row: &StoredRow) -> String {
    let printed = format!("{row:?}");
    // Without what says which row it is.
    let values = printed.split_once('(').map_or("", |(_, values)| values.strip_suffix(')').unwrap_or(values));
    format!("{}: {}", key_of(row).0.name(), value(&mut values.chars().peekable()))
}

/// `HistoricalPosition`, `last_seq` or `None`, in small letters.
fn words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// Whether the name says of which type a value is, and the value alone says enough.
fn is_type(name: &str) -> bool {
    name.ends_with("Id")
        || name.ends_with("Row")
        || matches!(name, "Some" | "Ticks" | "Lots" | "Amount" | "Seq" | "UnixNanos" | "Ppm" | "ExecutionNumber")
        || matches!(name, "Hash256" | "Bucket" | "Asset" | "Instrument" | "Fees" | "SymbolLimits" | "Envelope")
        || matches!(name, "Roles" | "Candle" | "Level" | "Seconds")
}

type Printed<'a> = Peekable<Chars<'a>>;

fn value(printed: &mut Printed<'_>) -> String {
    match printed.peek() {
        Some('"') => quoted(printed),
        Some('[') => {
            let values = list(printed, ']');
            let bytes: Option<Vec<u8>> = values.iter().map(|value| value.parse().ok()).collect();
            match bytes.filter(|bytes| bytes.len() >= HASH_BYTES_MIN) {
                Some(bytes) => hex::encode(bytes),
                None => format!("[{}]", values.join(", ")),
            }
        }
        Some('(') => list(printed, ')').join("/"),
        _ => named(printed),
    }
}

/// A number, or a name and what belongs to it.
fn named(printed: &mut Printed<'_>) -> String {
    let mut name = String::new();
    while let Some(letter) = printed.next_if(|letter| letter.is_alphanumeric() || "_-.".contains(*letter)) {
        name.push(letter);
    }
    let inside = match printed.peek().copied() {
        Some('(') => list(printed, ')').join(", "),
        Some(' ') if printed.clone().nth(1) == Some('{') => {
            printed.next();
            list(printed, '}').join(", ")
        }
        Some(':') => {
            printed.nth(1);
            return format!("{name} {}", value(printed));
        }
        _ if name.is_empty() => return printed.next().map(String::from).unwrap_or_default(),
        _ if name.starts_with(|first: char| first.is_ascii_uppercase()) => return words(&name),
        _ => return name,
    };
    if is_type(&name) { inside } else { format!("{} {inside}", words(&name)) }
}

/// What is between two brackets.
fn list(printed: &mut Printed<'_>, end: char) -> Vec<String> {
    printed.next();
    let mut values = Vec::new();
    loop {
        while printed.next_if(|letter| matches!(letter, ' ' | ',')).is_some() {}
        match printed.peek() {
            None => return values,
            Some(letter) if *letter == end => {
                printed.next();
                return values;
            }
            Some(')' | ']' | '}') => {
                printed.next();
            }
            Some(_) => values.push(value(printed)),
        }
    }
}

fn quoted(printed: &mut Printed<'_>) -> String {
    let mut text = String::from('"');
    printed.next();
    while let Some(letter) = printed.next() {
        text.push(letter);
        match letter {
            '\\' => text.extend(printed.next()),
            '"' => break,
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use domain::command::Envelope;
    use domain::ids::{AssetId, EventId, Hash256, OrderId, TradeId, UserId};
    use domain::units::{Amount, Seq, UnixNanos};
    use projector::rows::{AuditRow, BalanceRow, LedgerRow, Movement};

    use super::*;

    #[test]
    fn rows_say_what_they_have_and_no_types() {
        let balance =
            BalanceRow { user: UserId(3), asset: AssetId(1), free: Amount(-100), locked: Amount(0), last_seq: Seq(17) };
        assert_eq!(row(&StoredRow::Balance(balance)), "balance: user 3, asset 1, free -100, locked 0, last_seq 17");
        assert_eq!(row(&StoredRow::OpenOrder(OrderId(5))), "open order: 5");
        let movement = LedgerRow {
            id: EventId { seq: Seq(9), index: 2 },
            leg: 1,
            time: UnixNanos(7),
            user: None,
            asset: AssetId(1),
            change: Amount(5),
            movement: Movement::Trade(TradeId(4)),
        };
        let said = "ledger: id seq 9, index 2, leg 1, time 7, user none, asset 1, change 5, movement trade 4";
        assert_eq!(row(&StoredRow::Ledger(movement)), said);
        let audit = AuditRow {
            seq: Seq(1),
            time: UnixNanos(2),
            envelope: Envelope::VENUE,
            action: Cow::Borrowed("cancel_all"),
            content: "{\"symbol\":0}".into(),
            outcome: Cow::Borrowed("accepted"),
            block: Hash256([16; 32]),
        };
        let said = row(&StoredRow::Audit(audit));
        let content = r#"content "{\"symbol\":0}", outcome "accepted", block 1010101010"#;
        assert!(said.starts_with("audit: seq 1, time 2, envelope user 0, ") && said.contains(content), "{said}");
    }
}
