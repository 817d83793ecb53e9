//! Partitions of `orders` and `order_fills`: ranges of order ids, each made before an order of it comes.

use std::collections::BTreeSet;
use std::ops::Range;

use domain::ids::OrderId;
use domain::limits::ORDER_COUNTER_BITS;
use tokio_postgres::Client;

use crate::fault::Fault;
use crate::link::Session;
use crate::write::int;

/// Bits of the order ids in a range, at least and at most; the schema checks the same.
const BITS_MIN: u8 = 8;
const BITS_MAX: u8 = 30;
const _: () = assert!(1 << BITS_MAX < 1_u64 << ORDER_COUNTER_BITS, "a range is of one cell");

/// How many order ids are in a range: a power of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeWidth {
    bits: u8,
}

impl RangeWidth {
    /// The least there can be, in orders.
    pub const ORDERS_MIN: u64 = 1 << BITS_MIN;
    /// The most there can be, in orders.
    pub const ORDERS_MAX: u64 = 1 << BITS_MAX;

    /// So many orders: a power of two from [`Self::ORDERS_MIN`] to [`Self::ORDERS_MAX`].
    pub fn of_orders(orders: u64) -> Option<Self> {
        let fits = orders.is_power_of_two() && (Self::ORDERS_MIN..=Self::ORDERS_MAX).contains(&orders);
        u8::try_from(orders.trailing_zeros()).ok().filter(|_| fits).map(|bits| Self { bits })
    }

    /// How many order ids are in a range.
    pub const fn orders(self) -> u64 {
        1 << self.bits
    }

    /// The range of an order.
    pub(crate) const fn range_of(self, order: OrderId) -> u64 {
        order.0 >> self.bits
    }

    /// The order ids of a range, as columns have them.
    pub(crate) const fn ids(self, range: u64) -> Range<i64> {
        int(range << self.bits)..int((range + 1) << self.bits)
    }

    pub(crate) fn bits(self) -> i16 {
        self.bits.into()
    }

    fn of_bits(bits: i16) -> Result<Self, Fault> {
        let known = u8::try_from(bits).ok().filter(|bits| (BITS_MIN..=BITS_MAX).contains(bits));
        known.map(|bits| Self { bits }).ok_or_else(|| Fault::Content(format!("ranges of {bits} bits")))
    }
}

impl Default for RangeWidth {
    fn default() -> Self {
        Self { bits: 23 }
    }
}

/// The ranges that are there, as far as they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Ranges {
    width: Option<RangeWidth>,
    there: BTreeSet<u64>,
}

impl Ranges {
    /// How wide the ranges of the database are: as `wanted` where there is none yet.
    pub(crate) async fn width(&mut self, session: &Session, wanted: RangeWidth) -> Result<RangeWidth, Fault> {
        if let Some(width) = self.width {
            return Ok(width);
        }
        let width = if let Some(width) = stored_width(&session.client).await? {
            if width != wanted {
                let (has, asked) = (width.orders(), wanted.orders());
                tracing::info!(
                    has,
                    asked,
                    "ranges stay as wide as they are: range_orders is for a database that is empty"
                );
            }
            width
        } else {
            // Of two sessions that are the first, the second takes what the first one said.
            let say = "INSERT INTO order_ranges (id_bits) VALUES ($1) ON CONFLICT (single) DO NOTHING";
            session.client.execute(say, &[&wanted.bits()]).await?;
            let said = stored_width(&session.client).await?;
            said.ok_or_else(|| Fault::Content("the width of the ranges is gone".into()))?
        };
        self.width = Some(width);
        Ok(width)
    }

    /// Makes the range of each order that is about to be inserted, and the one after the newest, so that it is there long before it is
    /// needed. Outside of the transaction of a batch, which must not fail for it; to be called when none is open.
    pub(crate) async fn prepare(
        &mut self,
        session: &mut Session,
        wanted: RangeWidth,
        orders: impl Iterator<Item = OrderId>,
    ) -> Result<RangeWidth, Fault> {
        let width = self.width(session, wanted).await?;
        let mut ranges: BTreeSet<u64> = orders.map(|order| width.range_of(order)).collect();
        if let Some(newest) = ranges.last().copied() {
            ranges.insert(newest + 1);
        }
        self.make(session, ranges).await?;
        Ok(width)
    }

    /// The ranges that a database has, oldest first.
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
            if !self.there.contains(&range) {
                let add = session.statement("SELECT add_order_range($1)").await?;
                session.client.query_one(&add, &[&int(range)]).await?;
                self.there.insert(range);
            }
        }
        Ok(())
    }
}

/// How wide the ranges of a database are; absent: it has none yet.
pub(crate) async fn stored_width(client: &Client) -> Result<Option<RangeWidth>, Fault> {
    let row = client.query_opt("SELECT id_bits FROM order_ranges", &[]).await?;
    row.map(|row| RangeWidth::of_bits(row.get(0))).transpose()
}
