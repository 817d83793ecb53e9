//! Movements by user.

use projector::history::{LedgerQuery, Selection};
use projector::rows::LedgerRow;

use super::{Snapshot, limit_of, oldest_first};
use crate::decode::users::{self, select_ledger};
use crate::fault::Fault;
use crate::write::small;

const FIRST_AT: &str = "SELECT first_movement_at($1)";
const OF_USER: &str =
    select_ledger!("WHERE user_id = $1 AND seq >= $2 AND seq < $3 ORDER BY seq, event_index, leg LIMIT $4");
const OF_USER_NEWEST: &str = select_ledger!(
    "WHERE user_id = $1 AND seq >= $2 AND seq < $3 ORDER BY seq DESC, event_index DESC, leg DESC LIMIT $4"
);

pub(super) async fn of_user(snapshot: &mut Snapshot<'_>, query: &LedgerQuery) -> Result<Vec<LedgerRow>, Fault> {
    let Selection { first, time, limit } = query.selection;
    let newest_first = query.selection.newest_first();
    let selection = Selection { first: first.map(|first| first.0), time, limit };
    let (from, to) = snapshot.span(FIRST_AT, &selection).await?;
    let sql = if newest_first { OF_USER_NEWEST } else { OF_USER };
    let (user, limit) = (small(query.user.0)?, limit_of(limit));
    let rows = snapshot.all(sql, &[&user, &from, &to, &limit], users::ledger).await?;
    Ok(oldest_first(rows, newest_first))
}
