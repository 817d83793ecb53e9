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

use crate::auth::bad_key;
use crate::error::Error;
use crate::request::Call;

/// Whose records: the caller's own, or those of the user an auditor names.
pub(crate) fn whose(call: &Call<'_>) -> Result<UserId, Error> {
    let caller = call.caller()?;
    let named = call.params.integer("userId")?;
    match named.map(u32::try_from) {
        None if caller.roles.read => Ok(caller.user),
        Some(Ok(user)) if UserId(user) == caller.user && caller.roles.read => Ok(caller.user),
        Some(Ok(user)) if caller.roles.audit => Ok(UserId(user)),
        Some(Err(_)) => Err(Error::invalid_data("userId")),
        None | Some(Ok(_)) => Err(bad_key()),
    }
}
