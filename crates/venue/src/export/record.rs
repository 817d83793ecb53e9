//! An audit record as a line of JSON.

use projector::rows::AuditRow;
use projector::words::Word as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::dates;

/// A line. Numbers stay below 2^53; times are text, to the nanosecond.
#[derive(Debug, Serialize)]
struct Line<'a> {
    seq: u64,
    time: String,
    user: u32,
    key: u32,
    session: u64,
    transport: &'a str,
    /// Its number: the clear text is in the venue's table of addresses, as long as nobody deletes it there.
    address: u32,
    client_time: Option<String>,
    deadline: Option<String>,
    action: &'a str,
    content: &'a RawValue,
    outcome: &'a str,
    /// Hash of the journal block that holds the command.
    block: String,
}

/// What is checked of a line.
#[derive(Debug, Deserialize)]
pub(crate) struct Checked {
    pub(crate) seq: u64,
    pub(crate) time: String,
    action: String,
    content: Box<RawValue>,
    pub(crate) block: String,
}

/// A head of the chain that was noted.
#[derive(Debug, Deserialize)]
pub(crate) struct Head {
    pub(crate) head: u64,
    pub(crate) head_block: String,
}

impl Checked {
    /// The head of the chain that the record notes, if it does.
    pub(crate) fn head(&self) -> serde_json::Result<Option<Head>> {
        if self.action == "note_head" { serde_json::from_str(self.content.get()).map(Some) } else { Ok(None) }
    }
}

/// Appends the line of a record, with its end. An error: the stored content is no JSON.
pub(crate) fn write(row: &AuditRow, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let envelope = &row.envelope;
    let line = Line {
        seq: row.seq.0,
        time: dates::text(row.time),
        user: envelope.user.0,
        key: envelope.key.0,
        session: envelope.session.0,
        transport: envelope.transport.word(),
        address: envelope.address.0,
        client_time: envelope.client_time.map(dates::text),
        deadline: envelope.deadline.map(dates::text),
        action: &row.action,
        content: serde_json::from_str(&row.content)?,
        outcome: &row.outcome,
        block: hex::encode(row.block.0),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.push(b'\n');
    Ok(())
}
