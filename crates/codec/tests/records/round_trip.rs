//! What is written is what is read, whatever it is.

use codec::command::{CommandReader, encode_command};
use codec::event::{EventReader, encode_events};
use codec::snapshot::{decode_snapshot, encode_snapshot, state_hash};
use domain::command::{Command, Sequenced};
use domain::event::Event;
use domain::units::{Seq, UnixNanos};
use proptest::prelude::*;

use crate::payload::{TIME, commands_bytes, groups_bytes, snapshot_bytes};
use crate::strategies::{Any, snapshots};

proptest! {
    #[test]
    fn commands(commands in prop::collection::vec(Command::any(), 0..5), first in 1..u64::MAX - 5) {
        let bytes = commands_bytes(&commands);
        let count = u32::try_from(commands.len()).unwrap();
        let read: Result<Vec<_>, _> = CommandReader::new(&bytes, Seq(first), count, TIME).collect();
        let expected = (first..).zip(commands).map(|(seq, content)| Sequenced { seq: Seq(seq), time: TIME, content });
        prop_assert_eq!(read, Ok(expected.collect()));
    }

    #[test]
    fn events(groups in prop::collection::vec((Seq::any(), UnixNanos::any(), Vec::<Event>::any()), 0..4)) {
        let bytes = groups_bytes(&groups);
        let (mut reader, mut events) = (EventReader::new(&bytes), Vec::new());
        for (seq, time, expected) in &groups {
            prop_assert_eq!(reader.next_into(&mut events), Some(Ok((*seq, *time))));
            prop_assert_eq!(&events, expected);
        }
        prop_assert_eq!(reader.next_into(&mut events), None);
        prop_assert!(events.is_empty());
        let collected: Result<Vec<_>, _> = EventReader::new(&bytes).collect();
        prop_assert_eq!(collected, Ok(groups));
    }

    #[test]
    fn the_state((header, state) in snapshots(), other in snapshots()) {
        let bytes = snapshot_bytes(&header, &state);
        prop_assert_eq!(state_hash(&state) == state_hash(&other.1), state == other.1);
        prop_assert_eq!(decode_snapshot(&bytes), Ok((header, state)));
    }

    /// Writers append: what was there stays, and records do not depend on it.
    #[test]
    fn what_was_there_stays(command in Command::any(), event in Event::any(), (header, state) in snapshots()) {
        let mut out = b"abc".to_vec();
        encode_command(&command, &mut out);
        let events_at = out.len();
        encode_events(Seq(1), TIME, std::slice::from_ref(&event), &mut out);
        let snapshot_at = out.len();
        encode_snapshot(&header, &state, &mut out);
        prop_assert_eq!(&out[..3], b"abc");
        prop_assert_eq!(&out[3..events_at], commands_bytes([&command]));
        prop_assert_eq!(&out[events_at..snapshot_at], groups_bytes(&[(Seq(1), TIME, vec![event])]));
        prop_assert_eq!(&out[snapshot_at..], snapshot_bytes(&header, &state));
    }
}
