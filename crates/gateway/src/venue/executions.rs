//! `GET /v1/executions`: what happened to a user, by number and without gaps.

use domain::ids::ExecutionNumber;

use crate::error::Error;
use crate::reply::Reply;
use crate::request::Call;
use crate::venue::facts::write_execution;
use crate::venue::{limit_of, whose};

const ROWS_DEFAULT: usize = 500;
const ROWS_MAX: usize = 1_000;

pub(crate) async fn executions(call: &Call<'_>) -> Result<Reply, Error> {
    let user = whose(call)?;
    let from = ExecutionNumber(call.params.integer("from")?.unwrap_or(1));
    let limit = limit_of(call, ROWS_DEFAULT, ROWS_MAX)?;
    call.params.all_read()?;
    let records = std::sync::Arc::clone(&call.gateway.records);
    let rows = call.read_history(move |_, _| records.executions(user, from, limit)).await?;
    let reference = call.model().reference();
    Ok(Reply::ok(|json| {
        json.object(|json| {
            json.number("sequence", call.seq.0);
            json.number("userId", u64::from(user.0));
            json.name("executions").array(|json| {
                for row in &rows {
                    write_execution(json, &reference, row);
                }
            });
            json.number("next", rows.last().map_or(from.0, |row| row.number.0.saturating_add(1)));
        });
    }))
}
