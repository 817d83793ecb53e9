//! Event records: what a block of the event log carries, one group for each command.

mod trading;
mod money;
mod admin;
mod shards;

use domain::event::{Event, ReferenceEvent, ShardMapEvent};
use domain::units::{Seq, UnixNanos};

use crate::error::{DecodeError, DecodeFault};
use crate::field::{Field, Kind, kinds};
use crate::reader::Reader;

kinds!(Event {
    Refused = 1,
    OrderPlaced = 2,
    OrderRepeated = 3,
    OrderAmended = 4,
    Trade = 5,
    OrderFilled = 6,
    OrderClosed = 7,
    BalanceChanged = 8,
    PositionChanged = 9,
    RequestRepeated = 10,
    Noted = 11,
    Deposited = 25,
    WithdrawalRequested = 26,
    WithdrawalSettled = 27,
    WithdrawalCanceled = 28,
    CreditLimitChanged = 29,
    ; Reference, ShardMap,
});

kinds!(ReferenceEvent {
    AssetCreated = 16,
    SymbolCreated = 17,
    SymbolStatusChanged = 18,
    SymbolLimitsChanged = 19,
    SymbolFeesChanged = 20,
    UserFeesChanged = 21,
    UserCreated = 22,
    ApiKeyCreated = 23,
    ApiKeyRevoked = 24,
    VenueKillSwitchChanged = 30,
    UserKillSwitchChanged = 31,
});

kinds!(ShardMapEvent {
    ShardAdded = 32,
    ShardChanged = 33,
    SymbolPlaced = 34,
    UserPlaced = 35,
    MoveBegun = 36,
    MoveCommitted = 37,
    MoveAborted = 38,
});

/// Of every kind, so far.
const VERSION: u8 = 1;
/// Sequence, time, count, length.
const GROUP_FRAME_BYTES: usize = 24;
/// Length, kind, version.
const EVENT_FRAME_BYTES: usize = 4;

/// Appends the group of one command's events.
///
/// Allocates only where `out` must grow.
///
/// # Panics
/// If an amount is outside `±AMOUNT_MAX`, a scale over `SCALE_MAX`, or an event longer than 65 535 bytes (the engine refuses a sealed
/// secret of more than 255): better stop than write what nobody can read.
pub fn encode_events(seq: Seq, time: UnixNanos, events: &[Event], out: &mut Vec<u8>) {
    let start = out.len();
    seq.write(out);
    time.write(out);
    u32::try_from(events.len()).expect("a command has a bounded number of events").write(out);
    0_u32.write(out);
    for event in events {
        encode_event(event, out);
    }
    let length =
        u32::try_from(out.len() - start - GROUP_FRAME_BYTES).expect("a command has a bounded number of events");
    patch(out, start + GROUP_FRAME_BYTES - size_of::<u32>(), length.to_le_bytes());
}

#[inline]
fn encode_event(event: &Event, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0, 0, event.kind(), VERSION]);
    event.write_content(out);
    let length =
        u16::try_from(out.len() - start).expect("the engine refuses contents of more than a few hundred bytes");
    patch(out, start, length.to_le_bytes());
}

/// Fills in a length that was not known when its place was written.
#[inline]
fn patch<const N: usize>(out: &mut [u8], offset: usize, bytes: [u8; N]) {
    let place = out.get_mut(offset..).and_then(|rest| rest.first_chunk_mut());
    *place.expect("the place was written before what is measured") = bytes;
}

/// Reads the groups of a block, in order. After an error there is nothing more.
///
/// As an iterator it makes a new list for each group; [`EventReader::next_into`] fills the caller's.
#[derive(Debug, Clone)]
pub struct EventReader<'a> {
    reader: Reader<'a>,
}

impl<'a> EventReader<'a> {
    /// A reader of the groups in `payload`.
    pub const fn new(payload: &'a [u8]) -> Self {
        Self { reader: Reader::new(payload) }
    }

    /// Replaces what is in `events` by the next group and says whose it is; absent at the end. After an error `events` is empty.
    pub fn next_into(&mut self, events: &mut Vec<Event>) -> Option<Result<(Seq, UnixNanos), DecodeError>> {
        events.clear();
        if self.reader.is_empty() {
            return None;
        }
        let group = read_group(&mut self.reader, events);
        if group.is_err() {
            self.reader.stop();
            events.clear();
        }
        Some(group)
    }
}

impl Iterator for EventReader<'_> {
    type Item = Result<(Seq, UnixNanos, Vec<Event>), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut events = Vec::new();
        let group = self.next_into(&mut events)?;
        Some(group.map(|(seq, time)| (seq, time, events)))
    }
}

fn read_group(block: &mut Reader<'_>, events: &mut Vec<Event>) -> Result<(Seq, UnixNanos), DecodeError> {
    let seq = Seq::read(block)?;
    let time = UnixNanos::read(block)?;
    let count = u32::read(block)?;
    let length = u32::read(block)?;
    let mut group = block.part(usize::try_from(length).unwrap_or(usize::MAX))?;
    for _ in 0..count {
        if group.is_empty() {
            return Err(group.fault(DecodeFault::CountMismatch));
        }
        events.push(read_event(&mut group)?);
    }
    if !group.is_empty() {
        return Err(group.fault(DecodeFault::CountMismatch));
    }
    Ok((seq, time))
}

#[inline]
fn read_event(group: &mut Reader<'_>) -> Result<Event, DecodeError> {
    let length = usize::from(u16::read(group)?);
    let [kind, version] = group.array()?;
    if length < EVENT_FRAME_BYTES {
        return Err(group.fault_before(EVENT_FRAME_BYTES, DecodeFault::LengthInvalid));
    }
    if version != VERSION {
        return Err(group.fault_before(1, DecodeFault::UnknownVersion(version.into())));
    }
    let mut content = group.part(length - EVENT_FRAME_BYTES)?;
    let Some(event) = Event::read_content(kind, &mut content) else {
        return Err(content.fault_before(2, DecodeFault::UnknownKind(kind)));
    };
    let event = event?;
    content.finish()?;
    Ok(event)
}
