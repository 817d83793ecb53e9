//! Orders by id, by client order id, by user and symbol.

use domain::ids::{OrderId, UserId};
use domain::text::ClientOrderId;
use projector::history::{OrdersQuery, Selection, last_holders};
use projector::rows::OrderRow;

use super::{Snapshot, limit_of, oldest_first};
use crate::decode::symbols::{self, select_orders};
use crate::fault::Fault;
use crate::write::{asked, small};

const FIRST_AT: &str = "SELECT first_order_at($1)";
const OF_USER: &str = select_orders!(
    "WHERE user_id = $1 AND symbol_id = $2 AND order_id >= $3 AND order_id < $4 ORDER BY order_id LIMIT $5"
);
const OF_USER_NEWEST: &str = select_orders!(
    "WHERE user_id = $1 AND symbol_id = $2 AND order_id >= $3 AND order_id < $4 ORDER BY order_id DESC LIMIT $5"
);

pub(super) async fn by_id(snapshot: &mut Snapshot<'_>, order: OrderId) -> Result<Vec<OrderRow>, Fault> {
    snapshot.all(select_orders!("WHERE order_id = $1"), &[&asked(order.0)], symbols::order).await
}

/// Those that may have had the name last.
pub(super) async fn by_client(
    snapshot: &mut Snapshot<'_>,
    user: UserId,
    name: &ClientOrderId,
) -> Result<Vec<OrderRow>, Fault> {
    let find = snapshot.transaction.prepare_cached("SELECT orders_of_client($1, $2)").await?;
    let found = snapshot.transaction.query_one(&find, &[&small(user.0)?, &name.as_str()]).await?;
    let found: Vec<i64> = found.get(0);
    let rows = snapshot.all(select_orders!("WHERE order_id = ANY ($1)"), &[&found], symbols::order).await?;
    Ok(last_holders(rows))
}

pub(super) async fn of_user(snapshot: &mut Snapshot<'_>, query: &OrdersQuery) -> Result<Vec<OrderRow>, Fault> {
    let Selection { first, time, limit } = query.selection;
    let newest_first = query.selection.newest_first();
    let selection = Selection { first: first.map(|first| first.0), time, limit };
    let (from, to) = snapshot.span(FIRST_AT, &selection).await?;
    let sql = if newest_first { OF_USER_NEWEST } else { OF_USER };
    let (user, symbol, limit) = (small(query.user.0)?, small(query.symbol.0)?, limit_of(limit));
    let rows = snapshot.all(sql, &[&user, &symbol, &from, &to, &limit], symbols::order).await?;
    Ok(oldest_first(rows, newest_first))
}
