//! Whole payloads in and out, as the tests want them.

use codec::command::{CommandReader, encode_command};
use codec::error::DecodeError;
use codec::event::{EventReader, encode_events};
use codec::snapshot::{SnapshotHeader, encode_snapshot};
use domain::command::{Command, Sequenced};
use domain::event::Event;
use domain::state::State;
use domain::units::{Seq, UnixNanos};

pub(crate) const TIME: UnixNanos = UnixNanos(1_767_225_600_000_000_000);

pub(crate) type Group = (Seq, UnixNanos, Vec<Event>);

pub(crate) fn commands_bytes<'a>(commands: impl IntoIterator<Item = &'a Command>) -> Vec<u8> {
    let mut out = Vec::new();
    commands.into_iter().for_each(|command| encode_command(command, &mut out));
    out
}

/// The commands in `bytes`, however many they are.
pub(crate) fn commands_of(bytes: &[u8]) -> Result<Vec<Command>, DecodeError> {
    let mut count = 0;
    loop {
        let read: Result<Vec<Sequenced<Command>>, DecodeError> =
            CommandReader::new(bytes, Seq(1), count, TIME).collect();
        match read {
            Err(DecodeError { what: codec::error::DecodeFault::TrailingBytes, .. }) => count += 1,
            read => return read.map(|commands| commands.into_iter().map(|command| command.content).collect()),
        }
    }
}

pub(crate) fn groups_bytes<'a>(groups: impl IntoIterator<Item = &'a Group>) -> Vec<u8> {
    let mut out = Vec::new();
    groups.into_iter().for_each(|(seq, time, events)| encode_events(*seq, *time, events, &mut out));
    out
}

pub(crate) fn groups_of(bytes: &[u8]) -> Result<Vec<Group>, DecodeError> {
    EventReader::new(bytes).collect()
}

pub(crate) fn snapshot_bytes(header: &SnapshotHeader, state: &State) -> Vec<u8> {
    let mut out = Vec::new();
    encode_snapshot(header, state, &mut out);
    out
}
