//! `POST /v1/admin/…`: administration and money. Every request has the caller's name for it and may be repeated.

use std::sync::Arc;

use axum::http::StatusCode;
use domain::command::create_api_key::CreateApiKey;
use domain::command::{Action, Request, RequestContent};
use domain::event::{Created, Event, ReferenceEvent, RequestRepeated, ShardMapEvent};
use domain::ids::WithdrawalId;
use domain::text::{RequestId, ShardName};
use readmodel::answer::Answer;

use crate::endpoint::Admin;
use crate::error::Error;
use crate::json::Json;
use crate::refusal::{Asked, refused};
use crate::reply::Reply;
use crate::request::Call;
use crate::venue::read::read;

pub(crate) async fn admin(call: &Call<'_>, admin: Admin) -> Result<Reply, Error> {
    call.params.all_read()?;
    let Read { request_id, content, issued } = read(call, admin)?;
    let joining = if let RequestContent::AddShard(add) = &content { Some(add.name) } else { None };
    if let Some(name) = joining {
        prepare(call, name).await?;
    }
    let request = Request { id: request_id, content };
    let answer = call.submit(Action::Request(request)).await.map_err(|error| named(error, &request_id));
    if let Some(name) = joining {
        // Whatever came of the request: what is in the map is followed.
        let records = Arc::clone(&call.gateway.records);
        call.block(move || records.follow_shard(name)).await?;
    }
    let answer = answer?;
    if let Some(Event::Refused(refusal)) = answer.events.first() {
        return Err(refused(refusal.reason, Asked::Request));
    }
    Ok(reply(&request_id, issued.as_ref(), &answer))
}

async fn prepare(call: &Call<'_>, name: ShardName) -> Result<(), Error> {
    let records = Arc::clone(&call.gateway.records);
    let prepared = call.block(move || records.prepare_shard(name)).await?;
    prepared.map_err(|why| Error::bad(-5040, "The database of the shard is not ready.").with_detail("reason", &why))
}

/// A request that was read.
pub(crate) struct Read {
    pub(crate) request_id: RequestId,
    pub(crate) content: RequestContent,
    /// The key it issues.
    pub(crate) issued: Option<Issued>,
}

/// What only the first answer shows.
pub(crate) struct Issued {
    pub(crate) command: CreateApiKey,
    /// Absent: the caller has the private key.
    pub(crate) secret: Option<String>,
}

/// Whoever does not know what became of a request repeats it under the same id.
fn named(error: Error, request_id: &RequestId) -> Error {
    match error.code {
        -1006 | -1007 => error.with_detail("requestId", request_id.as_str()),
        _ => error,
    }
}

fn reply(request_id: &RequestId, issued: Option<&Issued>, answer: &Answer) -> Reply {
    let repeated = answer.events.first().and_then(repeated_in);
    let created = repeated.map_or_else(|| created_by(&answer.events), |repeated| repeated.created);
    let reply = Reply::with(StatusCode::OK, |json| {
        json.object(|json| {
            json.number("sequence", answer.seq.0);
            json.number("time", answer.time.millis());
            json.text("requestId", request_id.as_str());
            json.flag("repeated", repeated.is_some());
            if let Some(repeated) = repeated {
                json.number("firstSequence", repeated.first.0);
                json.number("firstTime", repeated.first_time.millis());
            }
            write_created(json, created);
            if let Some(issued) = issued {
                write_issued(json, issued, repeated.is_some());
            }
        });
    });
    reply.at(answer.seq)
}

fn repeated_in(event: &Event) -> Option<RequestRepeated> {
    let Event::RequestRepeated(repeated) = event else { return None };
    Some(*repeated)
}

fn created_by(events: &[Event]) -> Created {
    for event in events {
        if let Event::Reference(ReferenceEvent::AssetCreated(asset)) = event {
            return Created::Asset(asset.id);
        }
        if let Event::Reference(ReferenceEvent::SymbolCreated(created)) = event {
            return Created::Symbol(created.instrument.id());
        }
        if let Event::Reference(ReferenceEvent::UserCreated(created)) = event {
            return Created::User(created.user);
        }
        if let Event::Reference(ReferenceEvent::ApiKeyCreated(created)) = event {
            return Created::Key(created.key);
        }
        if let Event::WithdrawalRequested(requested) = event {
            return Created::Withdrawal(requested.withdrawal);
        }
        if let Event::ShardMap(ShardMapEvent::ShardAdded(added)) = event {
            return Created::Shard(added.shard.id);
        }
    }
    Created::Nothing
}

fn write_created(json: &mut Json, created: Created) {
    match created {
        Created::Nothing => {}
        Created::Asset(asset) => json.number("assetId", u64::from(asset.0)),
        Created::Symbol(symbol) => json.number("symbolId", u64::from(symbol.0)),
        Created::User(user) => json.number("userId", u64::from(user.0)),
        Created::Key(key) => json.number("keyId", u64::from(key.0)),
        Created::Withdrawal(WithdrawalId(withdrawal)) => json.number("withdrawalId", withdrawal),
        Created::Shard(shard) => json.number("shardId", u64::from(shard.0)),
    }
}

fn write_issued(json: &mut Json, issued: &Issued, repeated: bool) {
    json.text("apiKey", issued.command.api_key.as_str());
    match &issued.secret {
        Some(secret) if !repeated => json.text("secretKey", secret),
        Some(_) => {
            json.raw("secretKey", b"null");
            json.text("note", "The secret was shown in the first answer and is not shown again.");
        }
        None => {}
    }
}
