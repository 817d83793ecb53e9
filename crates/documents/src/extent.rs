//! How far the closed orders reach that shards have given up: one document beside the checkpoints.

use domain::ids::{OrderId, TradeId, VenueId};
use domain::units::UnixNanos;
use projector::retired::Extent;

use crate::document::{Document, Malformed, Value, bytes_of, text_of};

/// Its id.
pub const CLOSED_ORDERS: &str = "closed_orders";

/// An extent as a document.
pub fn document(extent: &Extent) -> Document {
    let fields = [
        ("venue", Value::from(text_of(&extent.venue.0))),
        ("order_id", extent.order.0.into()),
        ("trade_id", extent.trade.0.into()),
        ("time", extent.time.0.into()),
    ];
    Document::new(CLOSED_ORDERS, extent.last_seq, fields)
}

/// The extent that a document is.
pub fn of(document: &Document) -> Result<Extent, Malformed> {
    let venue = document.text("venue")?;
    let bytes = bytes_of(venue).and_then(|bytes| bytes.try_into().ok());
    let bytes = bytes.ok_or_else(|| Malformed(format!("{}: venue is {venue:?}", document.id)))?;
    Ok(Extent {
        venue: VenueId(bytes),
        order: OrderId(document.long("order_id")?),
        trade: TradeId(document.long("trade_id")?),
        last_seq: document.seq,
        time: UnixNanos(document.long("time")?),
    })
}
