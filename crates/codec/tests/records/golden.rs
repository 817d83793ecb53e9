//! The bytes of each kind, pinned. `UPDATE_GOLDEN=1 cargo test -p codec` writes them anew: a difference is a new version, or a mistake.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use codec::error::{DecodeError, DecodeFault};
use codec::snapshot::{decode_snapshot, decode_snapshot_header, state_hash};
use domain::state::{ShardMapState, State};
use domain::units::Seq;

use crate::examples::{commands, events, header, state};
use crate::payload::{TIME, commands_bytes, commands_of, groups_bytes, groups_of, snapshot_bytes};

/// Compares with the golden file: 32 bytes a line, an empty line after each record. Gives back what the file says.
fn check(name: &str, records: &[Vec<u8>]) -> Vec<u8> {
    let mut text = String::new();
    for record in records {
        for line in record.chunks(32) {
            for byte in line {
                write!(text, "{byte:02x}").unwrap();
            }
            text.push('\n');
        }
        text.push('\n');
    }
    let path = path(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{} (UPDATE_GOLDEN=1 writes it)", path.display());
    read(name)
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.hex"))
}

/// What a golden file says.
fn read(name: &str) -> Vec<u8> {
    let digits: String = std::fs::read_to_string(path(name)).unwrap().split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn commands_have_the_bytes_they_always_had() {
    for (name, commands) in commands() {
        let records: Vec<_> = commands.iter().map(|command| commands_bytes([command])).collect();
        let golden = check(&format!("command-{name}"), &records);
        assert_eq!(commands_of(&golden), Ok(commands), "{name}");
    }
}

#[test]
fn events_have_the_bytes_they_always_had() {
    for (name, events) in events() {
        let groups: Vec<_> = events.into_iter().map(|event| (Seq(9_001), TIME, vec![event])).collect();
        let records: Vec<_> = groups.iter().map(|group| groups_bytes([group])).collect();
        let golden = check(&format!("event-{name}"), &records);
        assert_eq!(groups_of(&golden), Ok(groups), "{name}");
    }
}

#[test]
fn a_snapshot_has_the_bytes_it_always_had() {
    let golden = check("snapshot-2", &[snapshot_bytes(&header(), &state())]);
    assert_eq!(decode_snapshot(&golden), Ok((header(), state())));
    assert_eq!(decode_snapshot_header(&golden), Ok(header()));
    check("state-hash", &[state_hash(&state()).0.to_vec()]);
}

/// Nobody writes version 1 any more: these files are what was written once.
#[test]
fn snapshots_of_earlier_versions_are_read() {
    let without_shards = State { shards: ShardMapState::default(), ..state() };
    for (name, expected) in [("snapshot-1", without_shards), ("snapshot-1-with-shards", state())] {
        let golden = read(name);
        assert_eq!(golden[6..8], [1, 0], "{name}");
        assert_eq!(decode_snapshot(&golden), Ok((header(), expected)), "{name}");
        assert_eq!(decode_snapshot_header(&golden), Ok(header()), "{name}");
    }
    for version in [0, 3] {
        let mut unknown = read("snapshot-2");
        unknown[6] = version;
        let what = DecodeFault::UnknownVersion(version.into());
        assert_eq!(decode_snapshot(&unknown), Err(DecodeError { offset: 6, what }));
    }
}

/// No kind is left out: each byte that is a kind to the reader is that of an example.
#[test]
fn every_kind_has_a_golden_file() {
    let commands: BTreeSet<u8> = commands().iter().map(|(_, commands)| commands_bytes(commands)[4]).collect();
    let events: BTreeSet<u8> =
        events().into_iter().map(|(_, events)| groups_bytes(&[(Seq(1), TIME, events)])[26]).collect();
    let command = commands_bytes(&crate::examples::commands()[0].1);
    let event = groups_bytes(&[(Seq(1), TIME, crate::examples::events()[0].1.clone())]);
    for kind in 0..=u8::MAX {
        let mut bytes = command.clone();
        bytes[4] = kind;
        let unknown = commands_of(&bytes).is_err_and(|error| error.what == DecodeFault::UnknownKind(kind));
        assert_eq!(unknown, !commands.contains(&kind), "command {kind}");
        let mut bytes = event.clone();
        bytes[26] = kind;
        let unknown = groups_of(&bytes).is_err_and(|error| error.what == DecodeFault::UnknownKind(kind));
        assert_eq!(unknown, !events.contains(&kind), "event {kind}");
    }
}

/// What is written a million times a second stays small: the frame of an event counts, that of its group does not.
#[test]
fn frequent_records_are_small() {
    let commands = commands();
    let events = events();
    let largest_command = |name: &str| {
        let of_name = commands.iter().filter(|(of, _)| *of == name).flat_map(|(_, commands)| commands);
        of_name.map(|command| commands_bytes([command]).len()).max()
    };
    let largest_event = |name: &str| {
        let of_name = events.iter().filter(|(of, _)| *of == name).flat_map(|(_, events)| events);
        of_name.map(|event| groups_bytes(&[(Seq(1), TIME, vec![event.clone()])]).len() - 24).max()
    };
    assert_eq!(largest_command("place-order"), Some(96));
    for (name, bytes) in
        [("balance-changed", 44), ("order-filled", 115), ("order-placed", 77), ("trade", 89), ("position-changed", 60)]
    {
        assert_eq!(largest_event(name), Some(bytes), "{name}");
    }
}
