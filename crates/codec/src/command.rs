//! Command records: what a block of the journal carries.

mod envelope;
mod trading;
mod request;
mod note;

use domain::command::{Action, Command, Sequenced};
use domain::units::{Seq, UnixNanos};

use crate::error::{DecodeError, DecodeFault};
use crate::field::{Field, Kind};
use crate::reader::Reader;

/// Of every kind, so far.
const VERSION: u8 = 1;
/// Records are padded to a multiple of this.
const PAD_BYTES: usize = 8;
/// The length field.
const LENGTH_BYTES: usize = 4;

/// Appends the record of a command: at most 96 bytes for an order with a client order id of 22 characters.
///
/// Allocates only where `out` must grow.
///
/// # Panics
/// If an amount is outside `±AMOUNT_MAX` or a sealed secret longer than 65 535 bytes: better stop than write what nobody can read.
pub fn encode_command(command: &Command, out: &mut Vec<u8>) {
    let start = out.len();
    let flags = envelope::flags_of(&command.envelope);
    out.extend_from_slice(&[0, 0, 0, 0, command.action.kind(), VERSION, flags]);
    envelope::write(&command.envelope, out);
    command.action.write_content(out);
    out.resize(start + (out.len() - start).next_multiple_of(PAD_BYTES), 0);
    let length = u32::try_from(out.len() - start).expect("a command has at most a few kilobytes");
    let field = out.get_mut(start..).and_then(|record| record.first_chunk_mut::<LENGTH_BYTES>());
    *field.expect("the record starts with its length") = length.to_le_bytes();
}

/// Reads the commands of a block, in order. After an error there is nothing more.
#[derive(Debug, Clone)]
pub struct CommandReader<'a> {
    reader: Reader<'a>,
    /// Of the next record; absent once the range of sequences is used up.
    seq: Option<Seq>,
    /// Records still to come.
    count: u32,
    time: UnixNanos,
}

impl<'a> CommandReader<'a> {
    /// A reader of the `count` records in `payload`, the first of which has sequence `first_seq`; all have the block's time.
    pub const fn new(payload: &'a [u8], first_seq: Seq, count: u32, time: UnixNanos) -> Self {
        Self { reader: Reader::new(payload), seq: Some(first_seq), count, time }
    }

    fn read_next(&mut self) -> Result<Sequenced<Command>, DecodeError> {
        if self.count == 0 {
            return Err(self.reader.fault(DecodeFault::TrailingBytes));
        }
        let seq = self.seq.ok_or_else(|| self.reader.fault(DecodeFault::SeqOverflow))?;
        let content = read_command(&mut self.reader)?;
        self.count -= 1;
        self.seq = seq.0.checked_add(1).map(Seq);
        Ok(Sequenced { seq, time: self.time, content })
    }
}

impl Iterator for CommandReader<'_> {
    type Item = Result<Sequenced<Command>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.count == 0 && self.reader.is_empty() {
            return None;
        }
        let item = self.read_next();
        if item.is_err() {
            self.reader.stop();
            self.count = 0;
        }
        Some(item)
    }
}

fn read_command(block: &mut Reader<'_>) -> Result<Command, DecodeError> {
    let length = usize::try_from(u32::read(block)?).unwrap_or(usize::MAX);
    if length < LENGTH_BYTES || !length.is_multiple_of(PAD_BYTES) {
        return Err(block.fault_before(LENGTH_BYTES, DecodeFault::LengthInvalid));
    }
    let mut record = block.part(length - LENGTH_BYTES)?;
    let [kind, version, flags] = record.array()?;
    if version != VERSION {
        return Err(record.fault_before(2, DecodeFault::UnknownVersion(version.into())));
    }
    if flags & !envelope::FLAGS != 0 {
        return Err(record.fault_before(1, DecodeFault::UnknownFlags(flags)));
    }
    let after_frame = record;
    let envelope = envelope::read(flags, &mut record)?;
    let Some(action) = Action::read_content(kind, &mut record) else {
        return Err(after_frame.fault_before(3, DecodeFault::UnknownKind(kind)));
    };
    let action = action?;
    if record.rest_len() >= PAD_BYTES || record.rest().iter().any(|&byte| byte != 0) {
        return Err(record.fault(DecodeFault::PaddingInvalid));
    }
    Ok(Command { envelope, action })
}
