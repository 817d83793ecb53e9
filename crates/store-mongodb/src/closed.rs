//! The closed orders that shards have given up, and their fills, out of a database.

use documents::collection::Collection;
use documents::rows::closed::{id_of_fill, id_of_order};
use domain::ids::{OrderId, TradeId};
use mongodb::bson::raw::{CStr, RawDocumentBuf, cstr};
use mongodb::bson::rawdoc;
use projector::history::{FillsQuery, OrderKey, OrdersQuery, ReadError, TimeRange};
use projector::retired::{Extent, RetiredHistory, RetiredRow};
use projector::rows::{FillRow, OrderRow};
use projector::store::StoredRow;

use crate::fault::Fault;
use crate::history::{MongoHistory, Reader, go_on, strange, times_of};
use crate::retired;
use crate::session::Find;
use crate::stream::check_ids;

/// Fills of a user in one trade: as maker and as taker.
const FILLS_OF_TRADE_MAX: usize = 2;

impl RetiredHistory for MongoHistory {
    fn extent(&self) -> Result<Option<Extent>, ReadError> {
        self.ask(&async |reader: &Reader<'_>| retired::read(reader.session).await)
    }

    fn order(&self, key: OrderKey) -> Result<Option<OrderRow>, ReadError> {
        self.ask(&async |reader: &Reader<'_>| {
            let (filter, sort) = match key {
                OrderKey::Id(order) => (rawdoc! { "_id": id_of_order(order) }, rawdoc! { "_id": 1 }),
                OrderKey::Client(user, name) => (
                    rawdoc! { "user_id": i64::from(user.0), "client_order_id": name.as_str() },
                    rawdoc! { "seq": -1, "order_id": -1 },
                ),
            };
            Ok(reader.closed_orders(Find { filter, sort, limit: 1 }).await?.pop())
        })
    }

    fn orders(&self, query: &OrdersQuery) -> Result<Vec<OrderRow>, ReadError> {
        self.ask(&async |reader: &Reader<'_>| reader.orders_of_user(query).await)
    }

    fn fills(&self, query: &FillsQuery) -> Result<Vec<FillRow>, ReadError> {
        self.ask(&async |reader: &Reader<'_>| match query.order {
            Some(order) => reader.fills_of_user_and_order(query, order).await,
            None => reader.fills_of_user(query).await,
        })
    }

    fn fills_of_order(&self, order: OrderId) -> Result<Vec<FillRow>, ReadError> {
        self.ask(&async |reader: &Reader<'_>| {
            reader.fills_by_id(order, TradeId(0), &rawdoc! {}, false, usize::MAX).await
        })
    }

    fn visit(&self, visit: &mut dyn FnMut(RetiredRow)) -> Result<(), ReadError> {
        let mut after = String::new();
        loop {
            let page = self.ask(&async |reader: &Reader<'_>| {
                reader.closed_orders(Find::after(&after, reader.session.documents_max)).await
            })?;
            let Some(last) = page.last() else { break };
            after = id_of_order(last.order);
            page.into_iter().map(RetiredRow::Order).for_each(&mut *visit);
        }
        let mut after = String::new();
        loop {
            let page = self.ask(&async |reader: &Reader<'_>| {
                reader.closed_fills(Find::after(&after, reader.session.documents_max)).await
            })?;
            let Some(last) = page.last() else { break };
            after = id_of_fill(last.order, last.trade);
            page.into_iter().map(RetiredRow::Fill).for_each(&mut *visit);
        }
        self.ask(&async |reader: &Reader<'_>| {
            check_ids(reader.session, Collection::ClosedOrders).await?;
            check_ids(reader.session, Collection::ClosedOrderFills).await
        })
    }
}

impl Reader<'_> {
    async fn closed_orders(&self, find: Find) -> Result<Vec<OrderRow>, Fault> {
        let collection = Collection::ClosedOrders;
        let mut rows = Vec::new();
        for document in self.find(collection, find).await? {
            let (_, row) = self.row(collection, document).await?;
            rows.push(if let StoredRow::Order(row) = row { row } else { return Err(strange(&row)) });
        }
        Ok(rows)
    }

    async fn closed_fills(&self, find: Find) -> Result<Vec<FillRow>, Fault> {
        let collection = Collection::ClosedOrderFills;
        let mut rows = Vec::new();
        for document in self.find(collection, find).await? {
            let (_, row) = self.row(collection, document).await?;
            rows.push(if let StoredRow::Fill(row) = row { row } else { return Err(strange(&row)) });
        }
        Ok(rows)
    }

    /// Page by page.
    async fn orders_of_user(&self, query: &OrdersQuery) -> Result<Vec<OrderRow>, Fault> {
        let selection = &query.selection;
        let newest_first = selection.newest_first();
        let (mut from, mut to, mut time) = (selection.first.map_or(0, |first| first.0), None, selection.time);
        let mut rows: Vec<OrderRow> = Vec::new();
        while rows.len() < selection.limit {
            let mut filter = of_user(query.user.0, query.symbol.0);
            filter.append(cstr!("order_id"), ids(from, to));
            let sort = sort(&mut filter, &time, cstr!("placed_time"), cstr!("order_id"), newest_first);
            let limit = (selection.limit - rows.len()).min(self.session.documents_max);
            let page = self.closed_orders(Find { filter, sort, limit }).await?;
            let Some(last) = page.last() else { break };
            if newest_first {
                to = Some(last.order.0);
            } else {
                from = last.order.0 + 1;
            }
            go_on(&mut time, last.placed_time, newest_first);
            rows.extend(page);
        }
        if newest_first {
            rows.reverse();
        }
        Ok(rows)
    }

    /// Page by page, each beginning with the trade that the one before ended with: it may have ended between its two fills.
    async fn fills_of_user(&self, query: &FillsQuery) -> Result<Vec<FillRow>, Fault> {
        let selection = &query.selection;
        let newest_first = selection.newest_first();
        let (mut from, mut to, mut time) = (selection.first.map_or(0, |first| first.0), None, selection.time);
        let mut rows: Vec<FillRow> = Vec::new();
        while rows.len() < selection.limit {
            let mut filter = of_user(query.user.0, query.symbol.0);
            filter.append(cstr!("trade_id"), ids(from, to));
            let mut sort = sort(&mut filter, &time, cstr!("time"), cstr!("trade_id"), newest_first);
            sort.append(cstr!("event_index"), direction(newest_first));
            let wanted = (selection.limit - rows.len()).saturating_add(FILLS_OF_TRADE_MAX);
            let limit = wanted.min(self.session.documents_max.max(2 * FILLS_OF_TRADE_MAX));
            let page = self.closed_fills(Find { filter, sort, limit }).await?;
            let before = rows.len();
            let recent = rows.len().saturating_sub(FILLS_OF_TRADE_MAX);
            for row in page {
                if !rows[recent.min(rows.len())..].iter().any(|known| known.id == row.id) {
                    rows.push(row);
                }
            }
            if rows.len() == before {
                break;
            }
            if let Some(last) = rows.last() {
                if newest_first {
                    to = Some(last.trade.0 + 1);
                } else {
                    from = last.trade.0;
                }
                go_on(&mut time, last.time, newest_first);
            }
        }
        rows.truncate(selection.limit);
        if newest_first {
            rows.reverse();
        }
        Ok(rows)
    }

    /// An order has at most one fill in a trade.
    async fn fills_of_user_and_order(&self, query: &FillsQuery, order: OrderId) -> Result<Vec<FillRow>, Fault> {
        let selection = &query.selection;
        let newest_first = selection.newest_first();
        let mut of = of_user(query.user.0, query.symbol.0);
        let times = times_of(&selection.time);
        if !times.is_empty() {
            of.append(cstr!("time"), times);
        }
        let first = selection.first.unwrap_or(TradeId(0));
        let mut rows = self.fills_by_id(order, first, &of, newest_first, selection.limit).await?;
        if newest_first {
            rows.reverse();
        }
        Ok(rows)
    }

    /// Fills of an order from a trade on, page by page.
    async fn fills_by_id(
        &self,
        order: OrderId,
        first: TradeId,
        of: &RawDocumentBuf,
        newest_first: bool,
        limit: usize,
    ) -> Result<Vec<FillRow>, Fault> {
        let (mut from, mut to) = (id_of_fill(order, first), format!("{}/", id_of_order(order)));
        let mut rows: Vec<FillRow> = Vec::new();
        while rows.len() < limit {
            let mut filter = of.clone();
            filter.append(cstr!("_id"), rawdoc! { "$gte": from.as_str(), "$lt": to.as_str() });
            let limit = (limit - rows.len()).min(self.session.documents_max);
            let sort = rawdoc! { "_id": direction(newest_first) };
            let page = self.closed_fills(Find { filter, sort, limit }).await?;
            let Some(last) = page.last() else { break };
            let id = id_of_fill(last.order, last.trade);
            if newest_first {
                to = id;
            } else {
                from = format!("{id}/");
            }
            rows.extend(page);
        }
        Ok(rows)
    }
}

fn of_user(user: u32, symbol: u32) -> RawDocumentBuf {
    rawdoc! { "user_id": i64::from(user), "symbol_id": i64::from(symbol) }
}

/// Ids `from ..`, and below `to` where there is one.
fn ids(from: u64, to: Option<u64>) -> RawDocumentBuf {
    let mut ids = rawdoc! { "$gte": i64::try_from(from).unwrap_or(i64::MAX) };
    if let Some(to) = to {
        ids.append(cstr!("$lt"), i64::try_from(to).unwrap_or(i64::MAX));
    }
    ids
}

/// By id; where times are asked for, by time first, which is the same order and has an index that begins there.
fn sort(filter: &mut RawDocumentBuf, time: &TimeRange, at: &CStr, id: &CStr, newest_first: bool) -> RawDocumentBuf {
    let direction = direction(newest_first);
    let mut sort = rawdoc! { "user_id": direction, "symbol_id": direction };
    let times = times_of(time);
    if !times.is_empty() {
        filter.append(at, times);
        sort.append(at, direction);
    }
    sort.append(id, direction);
    sort
}

const fn direction(newest_first: bool) -> i32 {
    if newest_first { -1 } else { 1 }
}
