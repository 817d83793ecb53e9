//! Fills by order, by user and symbol.

use domain::ids::OrderId;
use projector::history::FillsQuery;
use projector::rows::FillRow;

use super::{Snapshot, limit_of, oldest_first};
use crate::decode::symbols::{self, select_fills};
use crate::fault::Fault;
use crate::write::{asked, small};

const FIRST_AT: &str = "SELECT first_fill_at($1, $2, $3)";
const OF_USER: &str = select_fills!(
    "WHERE user_id = $1 AND symbol_id = $2 AND trade_id >= $3 AND trade_id < $4 ORDER BY trade_id, event_index LIMIT $5"
);
const OF_USER_NEWEST: &str = select_fills!(
    "WHERE user_id = $1 AND symbol_id = $2 AND trade_id >= $3 AND trade_id < $4 ORDER BY trade_id DESC, event_index DESC LIMIT $5"
);
const OF_USER_AND_ORDER: &str = select_fills!(
    "WHERE order_id = $1 AND user_id = $2 AND symbol_id = $3 AND trade_id >= $4 AND time >= $5 AND time <= $6
     ORDER BY trade_id LIMIT $7"
);
const OF_USER_AND_ORDER_NEWEST: &str = select_fills!(
    "WHERE order_id = $1 AND user_id = $2 AND symbol_id = $3 AND trade_id >= $4 AND time >= $5 AND time <= $6
     ORDER BY trade_id DESC LIMIT $7"
);

pub(super) async fn of_order(snapshot: &mut Snapshot<'_>, order: OrderId) -> Result<Vec<FillRow>, Fault> {
    let sql = select_fills!("WHERE order_id = $1 ORDER BY trade_id");
    snapshot.all(sql, &[&asked(order.0)], symbols::fill).await
}

pub(super) async fn of_user(snapshot: &mut Snapshot<'_>, query: &FillsQuery) -> Result<Vec<FillRow>, Fault> {
    let newest_first = query.selection.newest_first();
    let rows = match query.order {
        Some(order) => of_user_and_order(snapshot, query, order, newest_first).await?,
        None => of_user_and_symbol(snapshot, query, newest_first).await?,
    };
    Ok(oldest_first(rows, newest_first))
}

async fn of_user_and_order(
    snapshot: &mut Snapshot<'_>,
    query: &FillsQuery,
    order: OrderId,
    newest_first: bool,
) -> Result<Vec<FillRow>, Fault> {
    let selection = &query.selection;
    let (order, user, symbol) = (asked(order.0), small(query.user.0)?, small(query.symbol.0)?);
    let (first, limit) = (selection.first.map_or(0, |first| asked(first.0)), limit_of(selection.limit));
    let from = selection.time.from.map_or(0, |from| asked(from.0));
    let to = selection.time.to.map_or(i64::MAX, |to| asked(to.0));
    let sql = if newest_first { OF_USER_AND_ORDER_NEWEST } else { OF_USER_AND_ORDER };
    snapshot.all(sql, &[&order, &user, &symbol, &first, &from, &to, &limit], symbols::fill).await
}

async fn of_user_and_symbol(
    snapshot: &mut Snapshot<'_>,
    query: &FillsQuery,
    newest_first: bool,
) -> Result<Vec<FillRow>, Fault> {
    let selection = &query.selection;
    let (user, symbol, limit) = (small(query.user.0)?, small(query.symbol.0)?, limit_of(selection.limit));
    let first_at = snapshot.transaction.prepare_cached(FIRST_AT).await?;
    let (mut from, mut to) = (selection.first.map_or(0, |first| asked(first.0)), i64::MAX);
    if let Some(time) = selection.time.from {
        let at: i64 = snapshot.transaction.query_one(&first_at, &[&user, &symbol, &asked(time.0)]).await?.get(0);
        from = from.max(at);
    }
    if let Some(time) = selection.time.to {
        let after = asked(time.0.saturating_add(1));
        to = snapshot.transaction.query_one(&first_at, &[&user, &symbol, &after]).await?.get(0);
    }
    let sql = if newest_first { OF_USER_NEWEST } else { OF_USER };
    snapshot.all(sql, &[&user, &symbol, &from, &to, &limit], symbols::fill).await
}
