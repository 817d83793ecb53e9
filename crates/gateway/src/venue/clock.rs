//! `POST /v1/admin/clock`: the operator's word that the wall clock is right although it has jumped.

use crate::error::Error;
use crate::reply::Reply;
use crate::request::Call;

pub(crate) fn accept(call: &Call<'_>) -> Result<Reply, Error> {
    call.params.all_read()?;
    let records = &call.gateway.records;
    let jumped = records.status().clock_jumped;
    records.accept_clock();
    tracing::warn!(jumped, user = call.caller()?.user.0, "an administrator accepts the wall clock");
    Ok(Reply::ok(|json| {
        json.object(|json| {
            json.number("sequence", call.seq.0);
            json.flag("clockJumped", jumped);
        });
    }))
}
