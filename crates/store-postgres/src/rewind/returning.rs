//! Orders that are open at the fork, and whose range is gone: where such rows went, they are as they were when they were closed.

use domain::ids::{Checkpoint, OrderId, ShardId, SymbolId};
use domain::shard_map::ShardMap;
use domain::shards::Subject;
use domain::state::State;
use domain::units::Seq;
use projector::batch::Stream;
use projector::history::OrderKey;
use projector::retired::RetiredHistory;
use projector::rows::{FillRow, OrderRow};

use crate::fault::Fault;
use crate::link::{Link, Session};
use crate::ranges::{Ranges, stored_width};
use crate::shard;
use crate::store::checkpoint;
use crate::units::Units;
use crate::write::int;
use crate::write::symbols::{COPY_FILLS, COPY_ORDERS, fill_lines, order_lines};

const LACKING: &str = "SELECT o FROM unnest($1::bigint[]) AS o
    WHERE EXISTS (SELECT FROM retired_ranges AS r WHERE r.range_number = o >> $2)
      AND NOT EXISTS (SELECT FROM orders AS h WHERE h.order_id = o) ORDER BY o";

/// Rows that come back.
#[derive(Debug, Default)]
pub(super) struct Returning {
    orders: Vec<OrderRow>,
    /// Those up to the fork.
    fills: Vec<FillRow>,
}

impl Returning {
    /// Finds them: no more than are open at the fork.
    pub(super) fn find(
        link: &mut Link,
        to: &Checkpoint,
        state: &State,
        map: &ShardMap,
        retired: Option<&dyn RetiredHistory>,
    ) -> Result<Self, Fault> {
        let lacking = link.run_long(async |session| lacking(session, to.seq, state, map).await)?;
        let mut returning = Self::default();
        for order in lacking {
            let lost =
                || Fault::Missing(format!("of order {}, which is open at the fork, where its range went", order.0));
            let retired = retired.ok_or_else(lost)?;
            let failed = |error| Fault::Misuse(format!("the orders that were retired cannot be read: {error}"));
            let row = retired.order(OrderKey::Id(order)).map_err(failed)?.ok_or_else(lost)?;
            returning.orders.push(row);
            let fills = retired.fills_of_order(order).map_err(failed)?;
            returning.fills.extend(fills.into_iter().filter(|fill| fill.id.seq <= to.seq));
        }
        Ok(returning)
    }

    /// Writes them as they were when they were retired, in ranges that are made again.
    pub(super) async fn put_back(&self, session: &mut Session, units: &Units) -> Result<(), Fault> {
        if self.orders.is_empty() {
            return Ok(());
        }
        let width = stored_width(&session.client).await?;
        let width = width.ok_or_else(|| Fault::Content("ranges are gone, and none ever was".into()))?;
        let ranges: std::collections::BTreeSet<_> = self.orders.iter().map(|row| width.range_of(row.order)).collect();
        Ranges::default().make(session, ranges).await?;
        let (orders, fills) = (session.statement(COPY_ORDERS).await?, session.statement(COPY_FILLS).await?);
        order_lines(units, &self.orders)?.send(&session.client, &orders).await?;
        fill_lines(units, &self.fills)?.send(&session.client, &fills).await
    }
}

/// Orders that the database should have open at the fork, and has not, for their range is gone.
async fn lacking(session: &Session, at: Seq, state: &State, map: &ShardMap) -> Result<Vec<OrderId>, Fault> {
    let client = &session.client;
    let is_past = checkpoint(client, Stream::Symbols).await?.is_some_and(|stored| stored.seq > at);
    let Some(width) = stored_width(client).await?.filter(|_| is_past) else { return Ok(Vec::new()) };
    let here = shard::found(client).await?;
    let held = shard::incoming(client, Stream::Symbols).await?;
    let is_its = |symbol: SymbolId| {
        let Some(here) = here else { return true };
        let subject = Subject::Symbol(symbol);
        let before_shards = map.is_empty() && here == ShardId(0);
        before_shards || map.owner(subject) == Some(here) || held.contains_key(&subject)
    };
    let open = state.orders.iter().filter(|order| is_its(order.symbol));
    let open: Vec<i64> = open.map(|order| int(order.order.0)).collect();
    let rows = client.query(LACKING, &[&open, &i32::from(width.bits())]).await?;
    Ok(rows.iter().map(|row| OrderId(row.get::<_, i64>(0).cast_unsigned())).collect())
}
