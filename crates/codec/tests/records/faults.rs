//! What is off is said precisely, and where.

use codec::command::{CommandReader, encode_command};
use codec::error::{DecodeError, DecodeFault};
use codec::event::EventReader;
use codec::snapshot::decode_snapshot;
use domain::command::Action;
use domain::event::ReferenceEvent;
use domain::limits::AMOUNT_MAX;
use domain::order::{MarketSize, OrderKind, Side, TimeInForce};
use domain::state::State;
use domain::text::TextError;
use domain::units::{Amount, Lots, Seq};

use crate::examples::{assets, header, limit, place, rest, state};
use crate::payload::{TIME, commands_bytes, groups_bytes, groups_of, snapshot_bytes};

/// `at`: the offset of the change, and where the fault is reported.
fn check(
    original: &[u8],
    read: impl Fn(&[u8]) -> Option<DecodeError>,
    rows: &[(&str, usize, &[u8], usize, DecodeFault)],
) {
    assert_eq!(read(original), None, "what is to be broken is whole");
    for (name, at, change, offset, what) in rows {
        let mut bytes = original.to_vec();
        bytes[*at..at + change.len()].copy_from_slice(change);
        assert_eq!(read(&bytes), Some(DecodeError { offset: *offset, what: *what }), "{name}");
    }
}

fn command_fault(bytes: &[u8]) -> Option<DecodeError> {
    CommandReader::new(bytes, Seq(1), 1, TIME).find_map(Result::err)
}

fn tag(of: &'static str, tag: u8) -> DecodeFault {
    DecodeFault::UnknownTag { of, tag }
}

#[test]
fn commands() {
    let limit = commands_bytes([&rest(Action::PlaceOrder(place(Side::Buy, limit(TimeInForce::GoodTilCanceled))))]);
    check(
        &limit,
        command_fault,
        &[
            ("shorter than its length", 0, &[0], 0, DecodeFault::LengthInvalid),
            ("no multiple of 8", 0, &[95], 0, DecodeFault::LengthInvalid),
            ("longer than the block", 0, &[104], 4, DecodeFault::Truncated),
            ("shorter than its fields", 0, &[88], 67, DecodeFault::Truncated),
            ("kind", 4, &[0], 4, DecodeFault::UnknownKind(0)),
            ("version", 5, &[2], 5, DecodeFault::UnknownVersion(2)),
            ("flags", 6, &[7], 6, DecodeFault::UnknownFlags(7)),
            ("transport", 7, &[0], 7, tag("Transport", 0)),
            ("side", 48, &[3], 48, tag("Side", 3)),
            ("shape", 49, &[7], 49, tag("Shape", 7)),
            ("no client order id", 66, &[0], 67, DecodeFault::TextInvalid(TextError::Empty)),
            ("client order id too long", 66, &[37], 67, DecodeFault::Truncated),
            ("not printable", 70, b" ", 67, DecodeFault::TextInvalid(TextError::NotPrintable)),
            ("padding not zero", 95, &[1], 89, DecodeFault::PaddingInvalid),
            ("padding too long", 66, &[14], 81, DecodeFault::PaddingInvalid),
        ],
    );
    let quantity = OrderKind::Market { size: MarketSize::Quantity(Lots(1)) };
    let quantity = commands_bytes([&rest(Action::PlaceOrder(place(Side::Buy, quantity)))]);
    check(&quantity, command_fault, &[("unused half", 65, &[1], 58, DecodeFault::PaddingInvalid)]);
    let quote = OrderKind::Market { size: MarketSize::Quote(Amount(AMOUNT_MAX)) };
    let quote = commands_bytes([&rest(Action::PlaceOrder(place(Side::Buy, quote)))]);
    let over = (AMOUNT_MAX + 1).to_le_bytes();
    check(&quote, command_fault, &[("amount", 50, &over, 50, DecodeFault::AmountOutOfRange)]);
}

#[test]
fn events() {
    let groups = [(Seq(1), TIME, assets().map(|asset| ReferenceEvent::AssetCreated(asset).into()).to_vec())];
    let bytes = groups_bytes(&groups);
    check(
        &bytes,
        |bytes| EventReader::new(bytes).find_map(Result::err),
        &[
            ("more events than there are", 16, &[3], 51, DecodeFault::CountMismatch),
            ("fewer events than there are", 16, &[1], 37, DecodeFault::CountMismatch),
            ("longer than the block", 20, &[28], 24, DecodeFault::Truncated),
            ("shorter than its events", 20, &[26], 41, DecodeFault::Truncated),
            ("event shorter than its frame", 24, &[3], 24, DecodeFault::LengthInvalid),
            ("event shorter than its fields", 24, &[12], 34, DecodeFault::Truncated),
            ("event longer than its fields", 24, &[14], 37, DecodeFault::TrailingBytes),
            ("kind", 26, &[99], 26, DecodeFault::UnknownKind(99)),
            ("version", 27, &[0], 27, DecodeFault::UnknownVersion(0)),
            ("scale", 32, &[19], 32, DecodeFault::ScaleTooLarge),
        ],
    );
    assert_eq!(groups_of(&bytes[..10]), Err(DecodeError { offset: 8, what: DecodeFault::Truncated }));
}

#[test]
fn snapshots() {
    let bytes = snapshot_bytes(&header(), &state());
    let end = bytes.len() - 32;
    check(
        &bytes,
        |bytes| decode_snapshot(bytes).err(),
        &[
            ("magic", 0, b"bw", 0, DecodeFault::NotASnapshot),
            ("version", 6, &[3], 6, DecodeFault::UnknownVersion(3)),
            ("rot", 200, &[0xaa], end, DecodeFault::HashMismatch),
        ],
    );
    // Behind a hash that is right.
    let empty = snapshot_bytes(&header(), &State { seq: header().seq, time: header().time, ..State::default() });
    let end = empty.len() - 32;
    check(
        &empty,
        |bytes| {
            let hash = blake3::hash(&bytes[..end]);
            decode_snapshot(&[&bytes[..end], hash.as_bytes()].concat()).err()
        },
        &[
            ("another sequence", 32, &[0], 112, DecodeFault::HeaderMismatch),
            ("killed", 152, &[2], 152, tag("bool", 2)),
            ("a count no bytes stand behind", end - 8, &[0xff; 8], end, DecodeFault::Truncated),
        ],
    );
}

#[test]
fn a_reader_of_commands_gives_exactly_the_count_or_says_so_and_ends() {
    let mut bytes = Vec::new();
    let order = rest(Action::PlaceOrder(place(Side::Sell, limit(TimeInForce::PostOnly))));
    for _ in 0..2 {
        encode_command(&order, &mut bytes);
    }
    let faults = |first, count| {
        let items: Vec<_> = CommandReader::new(&bytes, Seq(first), count, TIME).collect();
        (items.len(), items.into_iter().find_map(Result::err))
    };
    let fault = |offset, what| Some(DecodeError { offset, what });
    assert_eq!(faults(1, 2), (2, None));
    assert_eq!(faults(1, 1), (2, fault(96, DecodeFault::TrailingBytes)));
    assert_eq!(faults(1, 3), (3, fault(192, DecodeFault::Truncated)));
    assert_eq!(faults(1, 0), (1, fault(0, DecodeFault::TrailingBytes)));
    assert_eq!(faults(u64::MAX - 1, 2), (2, None), "the last sequence there is");
    assert_eq!(faults(u64::MAX, 2), (2, fault(96, DecodeFault::SeqOverflow)));
}

#[test]
#[should_panic(expected = "an amount out of range would be a record nobody can read")]
fn what_could_not_be_read_is_never_written() {
    let size = MarketSize::Quote(Amount(AMOUNT_MAX + 1));
    commands_bytes([&rest(Action::PlaceOrder(place(Side::Buy, OrderKind::Market { size })))]);
}
