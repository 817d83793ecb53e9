//! `/v1/admin/shards/moves`: what moves between shards, to begin it and to give it up.

use domain::command::RequestContent;
use domain::command::abort_move::AbortMove;
use domain::command::begin_move::BeginMove;
use domain::ids::{ShardId, UserId};
use domain::shard_map::{Load, ShardMap};
use domain::shards::{Shard, ShardStatus, Subject};

use crate::door::{MoveState, Moving};
use crate::error::Error;
use crate::json::Json;
use crate::reply::Reply;
use crate::request::Call;
use crate::venue::bodies;
use crate::venue::limit_of;

const SUBJECTS_DEFAULT: usize = 100;
const SUBJECTS_MAX: usize = 1_000;

/// `GET`: each open move and what has left a shard and is still there; with a subject, where it lives as well.
pub(crate) fn moves(call: &Call<'_>) -> Result<Reply, Error> {
    let symbol = call.optional_symbol()?.map(|units| Subject::Symbol(units.symbol.instrument.id()));
    let user = call.params.integer("userId")?.map(u32::try_from).transpose().or(Err(Error::invalid_data("userId")))?;
    let subject = symbol.or(user.map(|user| Subject::User(UserId(user))));
    call.params.all_read()?;
    let map = call.model().shard_map();
    let owner = subject.map(|subject| {
        let owner = map.owner(subject).and_then(|owner| map.shard(owner)).map(|shard| shard.name);
        (owner, map.tenures(subject).last().map(|last| last.from), map.move_of(subject).is_some())
    });
    let moves = call.gateway.records.moves();
    let is_asked = |moving: &&Moving| subject.is_none_or(|subject| moving.subject == subject);
    Ok(Reply::ok(|json| {
        json.object(|json| {
            json.number("sequence", call.seq.0);
            if let Some((owner, since, is_moving)) = owner {
                match owner {
                    Some(owner) => json.text("shard", owner.as_str()),
                    None => json.raw("shard", b"null"),
                }
                json.number("ownedSince", since.map_or(0, |since| since.0));
                json.flag("moving", is_moving);
            }
            json.name("moves").array(|json| {
                for moving in moves.iter().filter(is_asked) {
                    write(json, call, moving);
                }
            });
        });
    }))
}

fn write(json: &mut Json, call: &Call<'_>, moving: &Moving) {
    let state: &[u8] = match moving.state {
        MoveState::Waiting => b"WAITING",
        MoveState::Copying => b"COPYING",
        MoveState::Following => b"FOLLOWING",
        MoveState::Switching => b"SWITCHING",
        MoveState::Kept => b"KEPT",
        MoveState::Removing => b"REMOVING",
    };
    json.object(|json| {
        match moving.subject {
            Subject::Symbol(symbol) => {
                let reference = call.model().reference();
                let code = reference.symbol(symbol).map(|symbol| symbol.instrument.code().to_string());
                json.text("symbol", &code.unwrap_or_default());
            }
            Subject::User(user) => json.number("userId", u64::from(user.0)),
        }
        json.text("from", moving.from.as_str());
        json.text("to", moving.to.as_str());
        json.number("since", moving.since.0);
        json.plain("state", state);
        json.number("rows", moving.rows);
        json.number("lag", moving.behind);
        match &moving.trouble {
            Some(trouble) => json.text("trouble", trouble),
            None => json.raw("trouble", b"null"),
        }
    });
}

pub(crate) fn begin(call: &Call<'_>, body: &bodies::BeginMove) -> Result<RequestContent, Error> {
    let subject = subject(call, body.symbol.as_deref(), body.user_id)?;
    let map = call.model().shard_map();
    let to = match &body.to {
        Some(name) => named(&map, name)?.id,
        None => lightest(&map, subject).ok_or(Error::bad(-5038, "There is no other shard that takes what is new."))?,
    };
    Ok(RequestContent::BeginMove(BeginMove { subject, to }))
}

pub(crate) fn abort(call: &Call<'_>, body: &bodies::AbortMove) -> Result<RequestContent, Error> {
    let subject = subject(call, body.symbol.as_deref(), body.user_id)?;
    Ok(RequestContent::AbortMove(AbortMove { subject }))
}

fn named<'a>(map: &'a ShardMap, name: &str) -> Result<&'a Shard, Error> {
    map.shard_by_name(name).ok_or(Error::bad(-5030, "There is no such shard."))
}

/// The active shard, other than where the subject is, that has the least for its weight; what is on its way to it counts.
fn lightest(map: &ShardMap, subject: Subject) -> Option<ShardId> {
    let is_symbol = |subject: Subject| matches!(subject, Subject::Symbol(_));
    let load = |shard: &Shard| {
        let coming = map.moves().filter(|open| open.to == shard.id && is_symbol(open.subject) == is_symbol(subject));
        let Load { symbols, users } = map.load(shard.id);
        let here = if is_symbol(subject) { symbols } else { users };
        coming.fold(u64::from(here), |count, _| count.saturating_add(1))
    };
    let owner = map.owner(subject);
    let others = map.shards().iter().filter(|shard| shard.status == ShardStatus::Active && Some(shard.id) != owner);
    // By load / weight, without dividing.
    let lighter = others.min_by(|one, other| {
        let (one_load, other_load) = (load(one) * u64::from(other.weight.0), load(other) * u64::from(one.weight.0));
        one_load.cmp(&other_load).then(one.id.cmp(&other.id))
    });
    lighter.map(|shard| shard.id)
}

/// `GET /v1/admin/shards/subjects`: some of what lives on a shard, symbols first.
pub(crate) fn subjects(call: &Call<'_>) -> Result<Reply, Error> {
    let name = call.params.mandatory("shard")?;
    let limit = limit_of(call, SUBJECTS_DEFAULT, SUBJECTS_MAX)?;
    call.params.all_read()?;
    let map = call.model().shard_map();
    let shard = named(&map, name)?.id;
    let load = map.load(shard);
    let subjects: Vec<Subject> = map.subjects_on(shard).take(limit).collect();
    let reference = call.model().reference();
    Ok(Reply::ok(|json| {
        json.object(|json| {
            json.number("sequence", call.seq.0);
            json.number("symbolCount", u64::from(load.symbols));
            json.number("userCount", u64::from(load.users));
            json.name("symbols").array(|json| {
                for subject in &subjects {
                    let Subject::Symbol(symbol) = subject else { continue };
                    let code = reference.symbol(*symbol).map(|symbol| symbol.instrument.code().to_string());
                    json.text_value(&code.unwrap_or_default());
                }
            });
            json.name("users").array(|json| {
                for subject in &subjects {
                    if let Subject::User(user) = subject {
                        json.number_value(u64::from(user.0));
                    }
                }
            });
        });
    }))
}

/// Either a symbol or a user.
fn subject(call: &Call<'_>, symbol: Option<&str>, user: Option<u32>) -> Result<Subject, Error> {
    match (symbol, user) {
        (Some(symbol), None) => Ok(Subject::Symbol(call.symbol_named(symbol)?.symbol.instrument.id())),
        (None, Some(user)) => Ok(Subject::User(UserId(user))),
        (Some(_), Some(_)) | (None, None) => Err(Error::bad(-1135, "Either symbol or userId must be said.")),
    }
}
