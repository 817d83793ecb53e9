//! Collection `audit_logs`.

use std::borrow::Cow;

use domain::command::Envelope;
use domain::ids::{AddressId, KeyId, SessionId, UserId};
use domain::units::UnixNanos;
use projector::rows::AuditRow;
use projector::words::Word as _;

use super::id_of_command;
use crate::document::{Document, Malformed};

pub(crate) fn document(row: &AuditRow) -> Document {
    let envelope = &row.envelope;
    let fields = [
        ("time", row.time.0.into()),
        ("user_id", envelope.user.0.into()),
        ("key_id", envelope.key.0.into()),
        ("session_id", envelope.session.0.into()),
        ("transport", envelope.transport.word().into()),
        ("address_id", envelope.address.0.into()),
        ("client_time", envelope.client_time.map(|time| time.0).into()),
        ("deadline", envelope.deadline.map(|time| time.0).into()),
        ("action", row.action.clone().into()),
        ("content", row.content.clone().into()),
        ("outcome", row.outcome.clone().into()),
        ("block", row.block.into()),
    ];
    Document::new(id_of_command(row.seq), row.seq, fields)
}

pub(crate) fn row(document: &Document) -> Result<AuditRow, Malformed> {
    let time = |name| document.optional(name, Document::long).map(|time| time.map(UnixNanos));
    let text = |name| document.text(name).map(|text| Cow::Owned(text.to_owned()));
    Ok(AuditRow {
        seq: document.seq,
        time: UnixNanos(document.long("time")?),
        envelope: Envelope {
            user: UserId(document.small("user_id")?),
            key: KeyId(document.small("key_id")?),
            session: SessionId(document.long("session_id")?),
            transport: document.word("transport")?,
            address: AddressId(document.small("address_id")?),
            client_time: time("client_time")?,
            deadline: time("deadline")?,
        },
        action: text("action")?,
        content: document.text("content")?.to_owned(),
        outcome: text("outcome")?,
        block: document.hash("block")?,
    })
}
