//! What Binance lacks: `/v1`.

pub(crate) mod positions;
pub(crate) mod ledger;
pub(crate) mod executions;
pub(crate) mod facts;
pub(crate) mod status;
pub(crate) mod shards;
pub(crate) mod clock;
pub(crate) mod moves;
pub(crate) mod admin;
pub(crate) mod read;
pub(crate) mod bodies;
pub(crate) mod keys;
pub(crate) mod archive;

use domain::ids::UserId;
use domain::reject::RejectReason;
use projector::history::TimeRange;

use crate::account::orders::time_range;
use crate::auth::bad_key;
use crate::error::Error;
use crate::refusal::{Asked, refused};
use crate::request::Call;

/// Whose records: the caller's own, or those of the user an auditor names.
pub(crate) fn whose(call: &Call<'_>) -> Result<UserId, Error> {
    let caller = call.caller()?;
    match call.params.integer("userId")? {
        None if caller.roles.read => Ok(caller.user),
        Some(user) if user == u64::from(caller.user.0) && caller.roles.read => Ok(caller.user),
        Some(user) if caller.roles.audit => user_numbered(call, user),
        None | Some(_) => Err(bad_key()),
    }
}

/// A user there is: the rows of one who does not exist are a slip, not none.
fn user_numbered(call: &Call<'_>, number: u64) -> Result<UserId, Error> {
    let user = u32::try_from(number).map(UserId).or(Err(Error::invalid_data("userId")))?;
    match call.model().user(user) {
        Some(_) => Ok(user),
        None => Err(refused(RejectReason::UnknownTargetUser, Asked::Request)),
    }
}

/// `startTime` and `endTime`, between which something can be. (Binance answers the other way round with nothing.)
fn range_of(call: &Call<'_>) -> Result<TimeRange, Error> {
    let time = time_range(call)?;
    match (time.from, time.to) {
        (Some(from), Some(to)) if from > to => Err(Error::bad(-1128, "'startTime' is later than 'endTime'.")),
        _ => Ok(time),
    }
}

/// How many rows, from 1 to `max`. (Binance takes more for `max`.)
fn limit_of(call: &Call<'_>, default: usize, max: usize) -> Result<usize, Error> {
    let Some(limit) = call.params.integer("limit")? else { return Ok(default) };
    let limit = usize::try_from(limit).ok().filter(|limit| (1..=max).contains(limit));
    limit.ok_or_else(|| Error::illegal("limit", &format!("1 to {max}")))
}
