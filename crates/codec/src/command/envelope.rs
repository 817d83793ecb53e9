//! Who asks, from where, and until when.

use domain::command::{Envelope, Transport};

use crate::error::DecodeError;
use crate::field::{Field, tags};
use crate::reader::Reader;

tags!(Transport { Internal = 1, Rest = 2 });

const CLIENT_TIME: u8 = 1;
const DEADLINE: u8 = 1 << 1;
/// All flags that have a meaning.
pub(super) const FLAGS: u8 = CLIENT_TIME | DEADLINE;

/// Which of the optional parts are there.
#[inline]
pub(super) const fn flags_of(envelope: &Envelope) -> u8 {
    let client_time = if envelope.client_time.is_some() { CLIENT_TIME } else { 0 };
    let deadline = if envelope.deadline.is_some() { DEADLINE } else { 0 };
    client_time | deadline
}

#[inline]
pub(super) fn write(envelope: &Envelope, out: &mut Vec<u8>) {
    let Envelope { user, key, session, transport, address, client_time, deadline } = envelope;
    transport.write(out);
    user.write(out);
    key.write(out);
    session.write(out);
    address.write(out);
    for time in [client_time, deadline].into_iter().flatten() {
        time.write(out);
    }
}

#[inline]
pub(super) fn read(flags: u8, reader: &mut Reader<'_>) -> Result<Envelope, DecodeError> {
    let transport = Field::read(reader)?;
    let user = Field::read(reader)?;
    let key = Field::read(reader)?;
    let session = Field::read(reader)?;
    let address = Field::read(reader)?;
    let client_time = if flags & CLIENT_TIME != 0 { Some(Field::read(reader)?) } else { None };
    let deadline = if flags & DEADLINE != 0 { Some(Field::read(reader)?) } else { None };
    Ok(Envelope { user, key, session, transport, address, client_time, deadline })
}
