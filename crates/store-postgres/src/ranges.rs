//! Partitions of `orders` and `order_fills`: ranges of order ids, each made before an order of it comes.

use std::collections::BTreeSet;

use domain::ids::OrderId;
use domain::limits::ORDER_COUNTER_BITS;
use tokio_postgres::Client;

use crate::fault::Fault;
use crate::link::Session;

/// Order ids in a range; see `migrations/V2__partitions_and_lookups.sql`.
pub(crate) const RANGE_BITS: u32 = 23;
const _: () = assert!(RANGE_BITS < ORDER_COUNTER_BITS, "a range is of one cell");

/// The ranges that are there, as far as they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Ranges(BTreeSet<u64>);

/// The range of an order.
pub(crate) const fn range_of(order: OrderId) -> u64 {
    order.0 >> RANGE_BITS
}

impl Ranges {
    /// Makes the range of each order that is about to be inserted, and the one after the newest, so that it is there long before it is
    /// needed. Outside of the transaction of a batch, which must not fail for it; to be called when none is open.
    pub(crate) async fn prepare(
        &mut self,
        session: &mut Session,
        orders: impl Iterator<Item = OrderId>,
    ) -> Result<(), Fault> {
        let mut wanted: BTreeSet<u64> = orders.map(range_of).collect();
        if let Some(newest) = wanted.last().copied() {
            wanted.insert(newest + 1);
        }
        self.make(session, wanted).await
    }

    /// The ranges that a database has.
    pub(crate) async fn stored(client: &Client) -> Result<Vec<u64>, Fault> {
        let sql = "SELECT substring(c.relname FROM '^orders_r([0-9]+)$')::bigint
                   FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = 'orders'::regclass ORDER BY 1";
        let rows = client.query(sql, &[]).await?;
        Ok(rows.iter().filter_map(|row| row.get::<_, Option<i64>>(0)).map(i64::cast_unsigned).collect())
    }

    /// Makes those that are not there.
    pub(crate) async fn make(
        &mut self,
        session: &mut Session,
        ranges: impl IntoIterator<Item = u64>,
    ) -> Result<(), Fault> {
        for range in ranges {
            if !self.0.contains(&range) {
                let add = session.statement("SELECT add_order_range($1)").await?;
                session.client.query_one(&add, &[&range.cast_signed()]).await?;
                self.0.insert(range);
            }
        }
        Ok(())
    }
}
