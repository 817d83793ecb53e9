//! `GET /v1/admin/shards`: which shards there are, what lives on them, how far each is.

use domain::shard_map::ShardMap;
use domain::shards::{Move, Shard, ShardStatus, Subject};
use domain::text::ShardName;
use domain::units::Seq;

use crate::door::{Follower, Status};
use crate::error::Error;
use crate::json::Json;
use crate::reply::Reply;
use crate::request::Call;

pub(crate) fn list(call: &Call<'_>) -> Result<Reply, Error> {
    call.params.all_read()?;
    let (map, status) = (call.model().shard_map(), call.gateway.records.status());
    Ok(Reply::ok(|json| {
        json.object(|json| {
            json.number("sequence", call.seq.0);
            json.name("shards").array(|json| {
                for shard in map.shards() {
                    write_shard(json, &map, shard, call.gateway.records.is_configured(&shard.name), &status);
                }
            });
            json.name("moves").array(|json| {
                for open in map.moves() {
                    write_move(json, call, &map, open);
                }
            });
        });
    }))
}

fn write_shard(json: &mut Json, map: &ShardMap, shard: &Shard, is_configured: bool, status: &Status) {
    let load = map.load(shard.id);
    json.object(|json| {
        json.number("shardId", u64::from(shard.id.0));
        json.text("name", shard.name.as_str());
        json.number("weight", u64::from(shard.weight.0));
        json.text("status", word(shard.status));
        json.number("symbols", u64::from(load.symbols));
        json.number("users", u64::from(load.users));
        json.flag("configured", is_configured);
        json.name("followers").array(|json| {
            for follower in followers_of(&status.followers, &shard.name) {
                write_follower(json, follower, status.committed);
            }
        });
    });
}

fn followers_of<'a>(all: &'a [Follower], shard: &'a ShardName) -> impl Iterator<Item = &'a Follower> {
    all.iter().filter(|follower| follower.name.split_once('/').is_some_and(|(store, _)| store == shard.as_str()))
}

/// How far a follower is.
pub(crate) fn write_follower(json: &mut Json, follower: &Follower, committed: Seq) {
    json.object(|json| {
        json.text("name", &follower.name);
        json.number("checkpoint", follower.checkpoint.0);
        json.number("lag", committed.0.saturating_sub(follower.checkpoint.0));
        for (name, why) in [("trouble", &follower.trouble), ("stopped", &follower.stopped)] {
            match why {
                Some(why) => json.text(name, why),
                None => json.raw(name, b"null"),
            }
        }
    });
}

fn write_move(json: &mut Json, call: &Call<'_>, map: &ShardMap, open: &Move) {
    json.object(|json| {
        match open.subject {
            Subject::Symbol(symbol) => {
                let reference = call.model().reference();
                let code = reference.symbol(symbol).map(|symbol| symbol.instrument.code());
                json.text("symbol", code.as_ref().map_or("", |code| code.as_str()));
            }
            Subject::User(user) => json.number("userId", u64::from(user.0)),
        }
        for (name, shard) in [("from", map.owner(open.subject)), ("to", Some(open.to))] {
            let shard = shard.and_then(|shard| map.shard(shard));
            json.text(name, shard.map_or("", |shard| shard.name.as_str()));
        }
        json.number("begun", open.begun.0);
    });
}

const fn word(status: ShardStatus) -> &'static str {
    match status {
        ShardStatus::Active => "active",
        ShardStatus::Draining => "draining",
    }
}
