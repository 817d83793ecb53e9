//! `GET /api/v3/ping` and `time`.

use crate::error::Error;
use crate::reply::Reply;
use crate::request::Call;

pub(crate) fn ping(call: &Call<'_>) -> Result<Reply, Error> {
    call.params.all_read()?;
    Ok(Reply::ok(|json| json.object(|_| {})))
}

pub(crate) fn time(call: &Call<'_>) -> Result<Reply, Error> {
    call.params.all_read()?;
    Ok(Reply::ok(|json| json.object(|json| json.number("serverTime", call.now().millis()))))
}
