//! `GET /v1/audit`.

use domain::units::Seq;
use projector::archive::AuditQuery;
use projector::audit::actions::ACTIONS;
use projector::history::Selection;
use projector::rows::AuditRow;
use projector::words::Word as _;

use super::{ROWS_DEFAULT, ROWS_MAX, reply};
use crate::error::Error;
use crate::json::Json;
use crate::reply::Reply;
use crate::request::Call;
use crate::venue::{limit_of, range_of, user_numbered};

pub(crate) async fn audit(call: &Call<'_>) -> Result<Reply, Error> {
    let user = call.params.integer("userId")?.map(|user| user_numbered(call, user)).transpose()?;
    let action = call.params.optional("action")?.map(str::to_owned);
    if action.as_ref().is_some_and(|action| !ACTIONS.contains(&action.as_str())) {
        return Err(Error::illegal("action", &ACTIONS.join(", ")));
    }
    let first = call.params.integer("fromSequence")?.map(Seq);
    let time = range_of(call)?;
    let limit = limit_of(call, ROWS_DEFAULT, ROWS_MAX)?;
    call.params.all_read()?;
    let query = AuditQuery { user, action, selection: Selection { first, time, limit } };
    let page = call.read_archive(move |archive| archive.audit(&query)).await?;
    let goes_on = page.rows.len() == limit && (first.is_some() || time.from.is_some());
    reply(call, page.through, |json| {
        json.object(|json| {
            json.number("sequence", page.through.0);
            json.name("rows").array(|json| page.rows.iter().for_each(|row| write_row(json, row)));
            match page.rows.last().filter(|_| goes_on) {
                Some(last) => json.number("nextSequence", last.seq.next().0),
                None => json.raw("nextSequence", b"null"),
            }
        });
    })
}

fn write_row(json: &mut Json, row: &AuditRow) {
    let envelope = &row.envelope;
    json.object(|json| {
        json.number("sequence", row.seq.0);
        json.number("time", row.time.millis());
        json.number("userId", u64::from(envelope.user.0));
        json.number("keyId", u64::from(envelope.key.0));
        json.number("sessionId", envelope.session.0);
        json.plain("transport", envelope.transport.word().as_bytes());
        json.number("addressId", u64::from(envelope.address.0));
        match envelope.client_time {
            Some(time) => json.number("clientTime", time.millis()),
            None => json.raw("clientTime", b"null"),
        }
        json.text("action", &row.action);
        // It is JSON already.
        json.raw("content", row.content.as_bytes());
        json.text("outcome", &row.outcome);
        json.plain("block", hex::encode(row.block.0).as_bytes());
    });
}
