//! How far the closed orders reach that shards have given up: one document beside the checkpoints.

use domain::ids::{OrderId, TradeId};
use domain::units::UnixNanos;
use projector::retired::Extent;

use crate::document::{Document, Malformed, Value, text_of};

/// Its id.
pub const CLOSED_ORDERS: &str = "closed_orders";

const ADDITIONS: &str = "additions";

/// An extent as a document.
pub fn document(extent: &Extent) -> Document {
    let fields = [
        ("venue", Value::from(text_of(&extent.venue.0))),
        ("order_id", extent.order.0.into()),
        ("trade_id", extent.trade.0.into()),
        ("time", extent.time.0.into()),
    ];
    let mut document = Document::new(CLOSED_ORDERS, extent.last_seq, fields);
    // As an earlier program wrote it, which did not count.
    if extent.additions > 0 {
        document.fields.push((ADDITIONS.into(), extent.additions.into()));
    }
    document
}

/// The extent that a document is.
pub fn of(document: &Document) -> Result<Extent, Malformed> {
    Ok(Extent {
        venue: document.venue("venue")?,
        order: OrderId(document.long("order_id")?),
        trade: TradeId(document.long("trade_id")?),
        last_seq: document.seq,
        time: UnixNanos(document.long("time")?),
        additions: document.get(ADDITIONS).map_or(Ok(0), |_| document.long(ADDITIONS))?,
    })
}
