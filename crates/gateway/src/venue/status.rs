//! `GET /v1/status`.

use crate::door::Retirement;
use crate::error::Error;
use crate::json::Json;
use crate::reply::Reply;
use crate::request::Call;
use crate::venue::shards::write_follower;

pub(crate) fn status(call: &Call<'_>) -> Result<Reply, Error> {
    call.params.all_read()?;
    let status = call.gateway.records.status();
    Ok(Reply::ok(|json| {
        json.object(|json| {
            json.number("sequence", call.seq.0);
            json.number("sequenced", status.sequenced.0);
            json.number("committed", status.committed.0);
            json.number("time", call.model().time().millis());
            json.flag("clockJumped", status.clock_jumped);
            json.number("clockBehindMs", status.clock_behind_ns.div_ceil(1_000_000));
            json.name("followers").array(|json| {
                for follower in &status.followers {
                    write_follower(json, follower, status.committed);
                }
            });
            json.name("standbys").array(|json| {
                for standby in &status.standbys {
                    json.object(|json| {
                        json.text("shard", &standby.shard);
                        text_or_null(json, "region", standby.region.as_deref());
                        json.number("checkpoint", standby.checkpoint.0);
                        json.number("lag", status.committed.0.saturating_sub(standby.checkpoint.0));
                        json.flag("read", standby.is_read);
                        json.number("reads", standby.reads);
                        text_or_null(json, "trouble", standby.trouble.as_deref());
                    });
                }
            });
            json.name("retirement").array(|json| {
                for shard in &status.retirement {
                    write_retirement(json, shard);
                }
            });
        });
    }))
}

fn write_retirement(json: &mut Json, shard: &Retirement) {
    json.object(|json| {
        json.text("shard", &shard.shard);
        json.number("ranges", shard.ranges);
        match &shard.held {
            None => json.raw("held", b"null"),
            Some(held) => {
                json.name("held").object(|json| {
                    json.number("firstOrderId", held.first.0);
                    json.number("lastOrderId", held.last.0);
                    json.text("why", &held.why);
                });
            }
        }
        text_or_null(json, "trouble", shard.trouble.as_deref());
    });
}

fn text_or_null(json: &mut Json, name: &str, text: Option<&str>) {
    match text {
        Some(text) => json.text(name, text),
        None => json.raw(name, b"null"),
    }
}
