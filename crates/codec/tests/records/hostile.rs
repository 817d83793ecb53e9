//! Any bytes at all: no panic, and what is taken is the one encoding of what it means.

use codec::error::DecodeError;
use codec::snapshot::decode_snapshot;
use domain::command::Command;
use domain::event::Event;
use domain::units::{Seq, UnixNanos};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::examples::{commands, events, header, state};
use crate::payload::{TIME, commands_bytes, commands_of, groups_bytes, groups_of, snapshot_bytes};
use crate::strategies::{Any, snapshots};

/// Reads `bytes` as everything.
fn check(bytes: &[u8]) {
    if let Ok(commands) = commands_of(bytes) {
        assert_eq!(commands_bytes(&commands), bytes, "one encoding of {commands:?}");
    }
    if let Ok(groups) = groups_of(bytes) {
        assert_eq!(groups_bytes(&groups), bytes, "one encoding of {groups:?}");
    }
    // An earlier version is read, and written as the current one.
    if let Ok((header, state)) = decode_snapshot(bytes)
        && bytes[6..8] == [2, 0]
    {
        assert_eq!(snapshot_bytes(&header, &state), bytes, "one encoding of {state:?}");
    }
}

/// The snapshot with the hash its other bytes now need, so that the readers behind the hash are reached.
fn hashed_again(mut snapshot: Vec<u8>) -> Vec<u8> {
    if let Some(end) = snapshot.len().checked_sub(32) {
        let hash = blake3::hash(&snapshot[..end]);
        snapshot[end..].copy_from_slice(hash.as_bytes());
    }
    snapshot
}

/// One place where bytes are changed, inserted or cut out.
#[derive(Debug, Clone)]
enum Damage {
    Set(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Truncate(Index),
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let byte = || prop_oneof![any::<u8>(), 0..4_u8];
    let damage = prop_oneof![
        4 => (any::<Index>(), byte()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        1 => (any::<Index>(), byte()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        1 => any::<Index>().prop_map(Damage::Remove),
        1 => any::<Index>().prop_map(Damage::Truncate),
    ];
    prop::collection::vec(damage, 1..4)
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        if bytes.is_empty() {
            break;
        }
        match damage {
            Damage::Set(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Damage::Insert(at, byte) => bytes.insert(at.index(bytes.len()), *byte),
            Damage::Remove(at) => drop(bytes.remove(at.index(bytes.len()))),
            Damage::Truncate(at) => bytes.truncate(at.index(bytes.len())),
        }
    }
    bytes
}

/// Every byte of the record, with every value; and every beginning of it.
fn check_each_byte<T>(original: &[u8], read: impl Fn(&[u8]) -> Result<T, DecodeError>) {
    let mut bytes = original.to_vec();
    for at in 0..bytes.len() {
        for value in 0..=u8::MAX {
            bytes[at] = value;
            check(&bytes);
        }
        bytes[at] = original[at];
        assert!(at == 0 || read(&original[..at]).is_err(), "a part of a record is not a record");
    }
}

#[test]
fn a_byte_changed_is_another_value_or_a_fault() {
    for (_, commands) in commands() {
        check_each_byte(&commands_bytes(&commands[..1]), commands_of);
    }
    for (_, events) in events() {
        check_each_byte(&groups_bytes(&[(Seq(1), TIME, events[..1].to_vec())]), groups_of);
    }
}

#[test]
fn a_byte_of_a_snapshot_changed_is_another_state_or_a_fault() {
    let original = snapshot_bytes(&header(), &state());
    for at in 0..original.len() {
        let mut bytes = original.clone();
        bytes[at] = bytes[at].wrapping_add(1);
        assert!(decode_snapshot(&bytes).is_err(), "the hash covers byte {at}");
        assert!(decode_snapshot(&original[..at]).is_err());
        for value in [0, 1, 2, 3, 0x7f, 0x80, 0xff, original[at] ^ 1] {
            bytes[at] = value;
            check(&hashed_again(bytes.clone()));
        }
    }
}

proptest! {
    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&bytes);
        for version in 1..=2 {
            let snapshot = [&b"BWSNAP"[..], &[version, 0], &bytes].concat();
            check(&hashed_again(snapshot));
        }
    }

    #[test]
    fn damaged_commands(commands in prop::collection::vec(Command::any(), 1..4), damages in damages()) {
        check(&damaged(commands_bytes(&commands), &damages));
    }

    #[test]
    fn damaged_events(
        groups in prop::collection::vec((Seq::any(), UnixNanos::any(), Vec::<Event>::any()), 1..3),
        damages in damages(),
    ) {
        check(&damaged(groups_bytes(&groups), &damages));
    }

    #[test]
    fn damaged_snapshots((header, state) in snapshots(), damages in damages()) {
        let bytes = damaged(snapshot_bytes(&header, &state), &damages);
        check(&bytes);
        check(&hashed_again(bytes));
    }
}
