//! `GET /v1/status`.

use crate::error::Error;
use crate::reply::Reply;
use crate::request::Call;

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
            json.name("followers").array(|json| {
                for follower in &status.followers {
                    json.object(|json| {
                        json.text("name", &follower.name);
                        json.number("checkpoint", follower.checkpoint.0);
                        json.number("lag", status.committed.0.saturating_sub(follower.checkpoint.0));
                        for (name, why) in [("trouble", &follower.trouble), ("stopped", &follower.stopped)] {
                            match why {
                                Some(why) => json.text(name, why),
                                None => json.raw(name, b"null"),
                            }
                        }
                    });
                }
            });
        });
    }))
}
